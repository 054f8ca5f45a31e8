"""Ends what a Ray cluster leaves behind when its driver is killed. Run as a program, with the standard library alone.

    python ray_guard.py DRIVER FOLDER

Notes the descendants of the raylet that the process DRIVER started, until the input closes, which it does when the
driver ends in whichever way. Those still there are then killed, and FOLDER, where the cluster keeps its files, is
removed. Processes are found in /proc: without it (not Linux), only the folder is removed.
"""

import contextlib
import os
import select
import shutil
import signal
import sys
import time

EVERY = 1.0
"""Seconds between two looks at the processes."""
GRACE = 3.0
"""Seconds that the cluster has to end by itself."""


def processes() -> dict[int, tuple[int, str, str]]:
    """(parent, name, time of start) of every process, by its number."""
    found = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    before, _, after = file.read().rpartition(")")
                fields = after.split()
                if fields[0] != "Z":
                    found[int(entry)] = int(fields[1]), before.partition("(")[2], fields[19]
    return found


def of_cluster(there: dict[int, tuple[int, str, str]], driver: int) -> dict[int, str]:
    """Time of start of the driver's raylet and head server and of all their descendants, by number."""
    roots = [pid for pid, (parent, name, _) in there.items() if parent == driver and name in ("raylet", "gcs_server")]
    found: dict[int, str] = {}
    while roots:
        pid = roots.pop()
        found[pid] = there[pid][2]
        roots += [other for other, (parent, _, _) in there.items() if parent == pid and other not in found]
    return found


def main(driver: int, folder: str) -> None:
    """Watch until the input closes, then end what is left."""
    known: dict[int, str] = {}
    while not select.select([sys.stdin], [], [], EVERY)[0]:
        known |= of_cluster(processes(), driver)
    until = time.monotonic() + GRACE
    while left := [pid for pid, (_, _, began) in processes().items() if known.get(pid) == began]:
        if time.monotonic() > until:
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            break
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
