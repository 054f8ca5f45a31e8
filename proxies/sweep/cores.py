"""Number of processor cores that this process may use."""

import os
from pathlib import Path


def cores() -> int:
    """Cores available to this process, by its affinity and by a Linux container's quota.

    >>> cores() >= 1
    True
    """
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = min(count, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no quota
    return count
