"""The processor cores that this process may use."""

import os
from pathlib import Path


def cores() -> int:
    """Cores this process may use: its affinity, and a container's quota where Linux states one."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = min(count, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no quota
    return count
