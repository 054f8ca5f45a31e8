"""What this machine can do, and how long things take on it: the lines every benchmark prints first."""

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def sgemm_rate(size: int = 2048, repeats: int = 5) -> float:
    """GFLOP/s of NumPy's float32 matrix product on this machine, the best of several."""
    a = np.ones((size, size), np.float32)
    best = np.inf
    for _ in range(repeats):
        began = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best / 1e9


def print_machine() -> None:
    """The machine's limit in one line; what else runs on it shows in the load."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else np.nan
    print(f"this machine: {sgemm_rate():.0f} GFLOP/s (numpy sgemm), {os.cpu_count()} cores, load {load:.1f}\n")


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and the seconds it took."""
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began
