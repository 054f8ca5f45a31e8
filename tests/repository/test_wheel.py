"""The source archive and the wheel, and mixlaw installed from the wheel where there is no repository."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mixlaw

ROOT = Path(mixlaw.__file__).parent.parent
SOURCE = ("LICENSE", "README.md", "pyproject.toml", "mixlaw", "proxies")
DATA = (".css", ".html", ".js", ".py", ".pyi", ".typed")
"""Endings of the files of a package that are installed."""


def call(*words: object, cwd: Path) -> str:
    """What a command prints, run with no path to the repository."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON"))}
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(kind: str, source: Path, out: Path) -> Path:
    """What `python -m build --no-isolation` does: a hook of the build backend, called in the source's folder."""
    hook = f"import sys; from setuptools import build_meta; build_meta.build_{kind}(sys.argv[1])"
    out.mkdir()
    call(sys.executable, "-c", hook, out, cwd=source)
    return next(out.iterdir())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The source archive, and the wheel built from what is in it."""
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    source.mkdir()
    for name in SOURCE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    archive = build("sdist", source, folder / "sdist")
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "unpacked", filter="data")
    return {"sdist": archive, "wheel": build("wheel", next((folder / "unpacked").iterdir()), folder / "wheel")}


@pytest.fixture(scope="module")
def installed(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds the wheel and borrows the dependencies of this one.

    A path in a `.pth` file is searched, the `.pth` files in it are not read: this repository, installed there as
    editable, is not found.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    call(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        built["wheel"],
        cwd=folder,
    )
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "dependencies.pth").write_text(f"{Path(np.__file__).parent.parent}\n", encoding="utf-8")
    return folder / "bin"


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(built):
    named = [path for package in ("mixlaw", "proxies") for path in (ROOT / package).rglob("*") if path.is_file()]
    wanted = {path.relative_to(ROOT).as_posix() for path in named if path.suffix in DATA or path.name == "py.typed"}
    with zipfile.ZipFile(built["wheel"]) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == wanted
    assert {"mixlaw/py.typed", "mixlaw/__init__.pyi", "mixlaw/reports/page.js"} <= held


def test_recommend_and_report_run_where_there_is_no_repository(installed, tmp_path):
    rng = np.random.default_rng(0)
    w_RxS = rng.dirichlet(np.ones(2), 16)
    loss_R = 2 + w_RxS @ [0.3, 0.6] + 0.3 * w_RxS[:, 0] ** 2
    table = {"run_id": [f"r{i}" for i in range(16)], "params": 1e6, "tokens": 1e8}
    table |= {"w:web": w_RxS[:, 0], "w:code": w_RxS[:, 1], "loss:web": loss_R}
    pd.DataFrame(table).to_csv(tmp_path / "runs.csv", index=False)
    where = call(installed / "python", "-c", "import mixlaw, proxies; print(mixlaw.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(installed.parent)
    law = ("--law", "linear", "--params", "1e6", "--tokens", "1e8")
    printed = call(installed / "mixlaw", "recommend", "--runs", "runs.csv", *law, "--out", "plan", cwd=tmp_path)
    assert "verdict" in printed
    assert set(json.loads((tmp_path / "plan" / "plan.json").read_text())["mixture"]) == {"web", "code"}
    call(installed / "mixlaw", "report", "plan", "--out", "report.html", cwd=tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<style>" in page
    assert "<script" in page
