"""What this machine can do, and how long things take on it: the lines every benchmark prints first."""

import os
import time
from collections.abc import Callable
from functools import cache
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


@cache
def machine() -> dict[str, float | int | None]:
    """The machine's limit in GFLOP/s, its cores and its load as this process first asked; unknown load is None."""
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {"sgemm_gflops": round(sgemm_rate()), "cores": os.cpu_count(), "load": load}


def print_machine() -> None:
    """The machine's limit in one line; what else runs on it shows in the load."""
    rate, cores, load = machine().values()
    print(f"this machine: {rate} GFLOP/s (numpy sgemm), {cores} cores, load {'unknown' if load is None else load}\n")


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and the seconds it took."""
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began
