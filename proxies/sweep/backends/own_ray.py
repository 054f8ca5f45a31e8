"""A Ray cluster of this machine alone, for one sweep: on the loopback address, behind a token, gone with its driver.

Ray by itself listens on every network address, keeps its files where all users read them, and leaves agents behind for
over a minute if its driver is killed. Whoever reaches its ports can run code as this user.
"""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

GUARD = Path(__file__).with_name("ray_guard.py")
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Ray's switch for "this machine alone": 0 puts every server on 127.0.0.1, on Linux too."""


class OwnRay:
    """Starts the cluster, and ends it with all that it left. `start` raises what `ray.init` raises, and OSError."""

    def __init__(self) -> None:
        token = secrets.token_hex(32)
        self.settings = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, LOOPBACK: "0"}
        self.settings["RAY_USAGE_STATS_ENABLED"] = "0"  # it reports to nobody
        self.before: dict[str, str | None] = {}
        self.folder: Path | None = None
        self.guard: subprocess.Popen[bytes] | None = None

    def start(self, ray: Any) -> None:
        """Start the cluster and join it."""
        self.before = {name: os.environ.get(name) for name in self.settings}
        os.environ.update(self.settings)
        _reread_settings(ray, loopback=True)
        # Names of sockets may have 107 characters: not every TMPDIR is short enough. Ray opens its own folder to all.
        self.folder = Path(tempfile.mkdtemp(prefix="mixlaw-", dir="/tmp" if os.path.isdir("/tmp") else None))
        self.guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(self.folder)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        inner = str(self.folder / "r")
        ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR", _temp_dir=inner)

    def stop(self, ray: Any) -> None:
        """End the cluster, and restore the settings that this process had."""
        ray.shutdown()
        if self.guard is not None and self.guard.stdin is not None:
            self.guard.stdin.close()  # by which the guard sees the end
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.guard.wait(timeout=30)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _reread_settings(ray, loopback=os.environ.get(LOOPBACK) == "0")
        self.before, self.folder, self.guard = {}, None, None


def _reread_settings(ray: Any, loopback: bool) -> None:
    """Make Ray read its settings again: it read the environment when it was imported."""
    with contextlib.suppress(AttributeError):  # of another version: then only a fresh process follows them
        ray._private.ray_constants.ENABLE_RAY_CLUSTER = not loopback
        ray._raylet.Config.initialize("")
        ray._raylet.AuthenticationTokenLoader.instance().reset_cache()
