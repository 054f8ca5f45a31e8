"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """One folder of compiled programs for all workers and whatever they start: a module compiles again what the one
    before it let go of."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="mixlaw-tests-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ |= {"JAX_COMPILATION_CACHE_DIR": folder, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1"}


@pytest.fixture(scope="module", autouse=True)
def compiled_code_is_let_go() -> Iterator[None]:
    """Code compiled for one module's shapes serves no other: kept, it took gigabytes."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of published runs; tests that need it are skipped, with the reason, where it is absent."""
    root = Path(__file__).resolve().parent.parent
    folder = Path(os.environ.get("MIXLAW_PUBLISHED", root / "../shared/published"))
    if not folder.is_dir():
        pytest.skip(f"published runs not found at {folder} (set MIXLAW_PUBLISHED)")
    return folder.resolve()


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Runs `mixlaw` in this process; gives (exit code, stdout, stderr)."""
    from mixlaw.cli import app as cli

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mixlaw", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return int(stop.value.code or 0), out, err

    return call


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium; tests that need it are skipped, with the reason, where there is none."""
    program = os.environ.get("MIXLAW_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium: install it (Debian: apt-get install chromium) or name it by MIXLAW_CHROMIUM")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is of the extra test")
    with driver.sync_playwright() as started:
        options = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        opened = started.chromium.launch(executable_path=program, args=options)
        yield opened
        opened.close()
