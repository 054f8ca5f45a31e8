"""Lines of the tables that benchmarks print."""

import numpy as np


def number(value: float | str) -> str:
    """Four significant digits, nan as a dash; text as it is."""
    if isinstance(value, str):
        return value
    if np.isnan(value):
        return "–"
    return f"{value:.4g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.1e}"


def print_row(name: str, cells, width: int = 26) -> None:
    """A name and right-aligned cells: numbers, or text such as a column's heading."""
    print(f"{name:<{width}}" + "".join(f"{number(cell):>10}" for cell in cells), flush=True)
