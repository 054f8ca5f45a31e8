"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module", autouse=True)
def compiled_code_is_let_go() -> Iterator[None]:
    """Code compiled for one module's shapes serves no other: kept, it took gigabytes."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Worker processes of all stores share their compiled programs, which take most of a tiny run's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        yield


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
    from mixlaw import cli

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mixlaw", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return int(stop.value.code or 0), out, err

    return call
