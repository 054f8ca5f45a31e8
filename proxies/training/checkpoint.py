"""State of an unfinished run on disk, from which training resumes as if it had not been interrupted."""

import contextlib
import json
import logging
import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax

from mixlaw.io.files import open_file
from proxies.model import mup, transformer
from proxies.model.transformer import ModelConfig, Params
from proxies.training import optimizer

LOG = logging.getLogger("proxies")
MOMENTS = {"first": "mu", "second": "nu"}  # moments of the gradient: names in the file and in the optimizer's state


@dataclass
class State:
    """State after `step` steps: parameters, optimizer state, average of the weights (or {}), rows, and seconds."""

    step: int
    params: Params
    moments: optax.OptState
    average: Params
    rows: list[dict[str, Any]]
    seconds: float = 0.0

    def save(self, path: Path, key: str) -> None:
        """Write the file atomically. `key`: of the run that the state belongs to."""
        about = {"key": key, "step": self.step, "rows": self.rows, "seconds": self.seconds}
        parts = {"params": self.params, "average": self.average}
        parts |= {part: optax.tree_utils.tree_get(self.moments, moment) for part, moment in MOMENTS.items()}
        arrays: dict[str, Any] = {
            f"{part}:{name}": np.asarray(v) for part, table in parts.items() for name, v in table.items()
        }
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with draft.open("wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)


def load(path: Path, key: str, config: ModelConfig, averaged: bool = False) -> State | None:
    """The state that `save` wrote for this key and shape, None if there is none.

    `averaged`: True for a run that has an average of the weights. A file that cannot be read, lacks an array or
    belongs to another run is removed, with a line in the log.
    """
    if not os.path.lexists(path):
        return None
    try:
        about, arrays = _content(path)
        reason = _misfit(about, arrays, key, config, averaged)
    except Exception as error:  # zipfile and NumPy raise many kinds for damaged bytes
        reason = f"it is damaged ({error})"
    else:
        if not reason:
            return _state(about, arrays, config)
    LOG.warning("%s: not resumed, %s; the run starts anew", path, reason)
    _remove(path)
    return None


def _content(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with open_file(path) as whole:
        with zipfile.ZipFile(whole) as archive:
            broken = archive.testzip()  # before NumPy believes the sizes that a damaged file states
        if broken is not None:
            raise ValueError(f"{broken} is not what was written")
        whole.seek(0)
        with np.load(whole, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            return about, {name: file[name] for name in file.files if name != "about"}


def _misfit(about: dict[str, Any], arrays: dict[str, np.ndarray], key: str, config: ModelConfig, averaged: bool) -> str:
    """Why a file is not the state of the run; empty if it is."""
    if about["key"] != key:
        return "it is another run's"
    parts = ("params", *MOMENTS, *(["average"] if averaged else []))
    shapes = {f"{part}:{name}": shape for part in parts for name, shape in transformer.shapes(config).items()}
    if {name: value.shape for name, value in arrays.items()} != shapes:
        return "it is damaged (it lacks an array, or one has another shape)"
    counts = (about["step"], about["seconds"], len(about["rows"]))
    return "" if all(count >= 0 for count in counts) else "it is damaged (a negative count)"


def _remove(path: Path) -> None:
    """Remove the file; a folder of its name too, as it is in a folder of states."""
    with contextlib.suppress(OSError):  # then writing the next state fails, and says so
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _state(about: dict[str, Any], arrays: dict[str, np.ndarray], config: ModelConfig) -> State:
    tables: dict[str, Params] = {part: {} for part in ("params", "average", *MOMENTS)}
    for name, value in arrays.items():
        part, _, parameter = name.partition(":")
        tables[part][parameter] = jnp.asarray(value)
    empty = optimizer.start(tables["params"], mup.rate_scales(config))
    found = {moment: tables[part] for part, moment in MOMENTS.items()}
    moments = optax.tree_utils.tree_set(empty, count=jnp.int32(about["step"]), **found)
    return State(about["step"], tables["params"], moments, tables["average"], about["rows"], about["seconds"])
