"""State of an unfinished run on disk, from which training resumes as if it had not been interrupted."""

import json
import logging
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax

from proxies.model import mup
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
        os.replace(draft, path)


def load(path: Path, key: str, config: ModelConfig) -> State | None:
    """The state that `save` wrote for this key and shape, None if there is none.

    A file that is damaged or belongs to another run is removed, with a line in the log.
    """
    if not path.exists():
        return None
    try:
        with path.open("rb") as whole, np.load(whole, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            arrays = {name: file[name] for name in file.files if name != "about"}
        if about["key"] == key:
            return _state(about, arrays, config)
        reason = "it is another run's"
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = f"it is damaged ({error})"
    LOG.warning("%s: not resumed, %s; the run starts anew", path, reason)
    path.unlink(missing_ok=True)
    return None


def _state(about: dict[str, Any], arrays: dict[str, np.ndarray], config: ModelConfig) -> State:
    tables: dict[str, Params] = {part: {} for part in ("params", "average", *MOMENTS)}
    for name, value in arrays.items():
        part, _, parameter = name.partition(":")
        tables[part][parameter] = jnp.asarray(value)
    empty = optimizer.start(tables["params"], mup.rate_scales(config))
    found = {moment: tables[part] for part, moment in MOMENTS.items()}
    moments = optax.tree_utils.tree_set(empty, count=jnp.int32(about["step"]), **found)
    return State(about["step"], tables["params"], moments, tables["average"], about["rows"], about["seconds"])
