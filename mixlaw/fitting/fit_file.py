"""The file of a fit: JSON with all that is needed to read the fit back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.estimation.diagnostics import Diagnostics
from mixlaw.estimation.goals import Goal
from mixlaw.fitting import reference_fit
from mixlaw.fitting.support import Support
from mixlaw.io.fields import checked_name
from mixlaw.io.json import read_object
from mixlaw.io.shape import check_texts
from mixlaw.laws import Law, Reference, by_name
from mixlaw.laws.base import fitted_fields, size
from mixlaw.runs.run_table import Runs

SCHEMA = 2


Parameter = float | dict[str, float]
"""A constrained parameter: a number, or a {source: number}."""
Interval = list[float] | dict[str, list[float]]
"""[low, high] of a parameter, or a {source: [low, high]}."""


@dataclass(frozen=True)
class FitRecord:
    """The fields of a `Fit` that its file holds; `Fit` describes them."""

    law: type[Law] | type[Reference]
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    z_KxP: np.ndarray
    sigma_K: np.ndarray
    constants: dict[str, np.ndarray]
    replicas_BxKxP: np.ndarray
    support: Support
    diagnostics: Diagnostics
    notes: tuple[str, ...]
    provenance: dict[str, Any]
    runs: Runs | None = field(default=None, repr=False, compare=False)
    unique_S: Any = field(default=np.inf, compare=False)
    goal: Goal | None = field(default=None, compare=False)


def encode(
    fit: FitRecord, parameters: dict[str, dict[str, Parameter]], intervals: dict[str, dict[str, Interval]] | None
) -> dict[str, Any]:
    """All that is needed to read a fit back, and its parameters with their intervals by target, as JSON types."""
    unique_S = np.broadcast_to(fit.unique_S, len(fit.sources))
    return {
        "schema": SCHEMA,
        "kind": "fit",
        "law": fit.law.name,
        "equation": fit.law.equation,
        "sources": list(fit.sources),
        "targets": list(fit.targets),
        "parameters": parameters,
        "intervals": intervals,
        "objective": _objective(fit),
        "sigma": dict(zip(fit.targets, fit.sigma_K.tolist(), strict=True)),
        "unique": dict(zip(fit.sources, unique_S.tolist(), strict=True)),
        "goal": None if fit.goal is None else vars(fit.goal),
        "constants": {name: x.tolist() for name, x in fit.constants.items()},
        "support": {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(fit.support).items()},
        "diagnostics": {k: v.tolist() for k, v in vars(fit.diagnostics).items()},
        "notes": list(fit.notes),
        "provenance": fit.provenance,
        "z": fit.z_KxP.tolist(),
        "replicas": np.round(fit.replicas_BxKxP, 7).tolist(),
        "runs": _training_rows(fit),
    }


def _objective(fit: FitRecord) -> dict[str, str | dict[str, float]] | None:
    """How the parameters were estimated, with Huber's delta in log-loss by target."""
    law = fit.law
    if issubclass(law, Reference):
        return None
    objective, sigma_K = law.objective, fit.sigma_K if law.objective.priors else 1.0
    delta_K = np.broadcast_to(objective.huber * np.asarray(sigma_K), len(fit.targets))
    kind = "maximum a posteriori" if objective.priors else "as published, no priors"
    return {"kind": kind, "huber_delta": dict(zip(fit.targets, delta_K.tolist(), strict=True))}


def _training_rows(fit: FitRecord) -> dict[str, list[Any]] | None:
    """What a reference needs to be read back; a law is its parameters."""
    return reference_fit.columns(fit.runs) if fit.runs is not None and issubclass(fit.law, Reference) else None


def read(path: str | Path) -> FitRecord:
    """The fit in a file.

    Raises:
        MixlawError: the file is missing, is no fit, is damaged, or has a schema this version does not know.
    """
    give = "the file that `mixlaw fit` wrote"
    data = read_object(path, "fit", give, "fit again", SCHEMA, lambda x: x.get("kind") == "fit")
    try:
        found = _from_dict(data)
        _check(found)
        check_texts({key: data[key] for key in ("notes", "provenance", "law")})
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise MixlawError(f"{path}: is a damaged fit ({type(error).__name__}: {error}): fit again") from None
    return found


def _check(fit: FitRecord) -> None:
    """Raise ValueError if names, shapes or ranges of a fit's values are not those of one fit."""
    S, K = len(fit.sources), len(fit.targets)
    for kind in ("sources", "targets"):
        names = [checked_name(name, kind) for name in getattr(fit, kind)]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"{kind} are {names}: names must differ, and there must be one")
    support, diagnostics = fit.support, fit.diagnostics
    shapes = {"sigma": (fit.sigma_K, K)}
    shapes |= {f"diagnostics.{name}": (x_K, K) for name, x_K in vars(diagnostics).items()}
    shapes |= {f"support.{name}": (getattr(support, name), S) for name in ("least_S", "most_S", "epochs_S")}
    shapes |= {f"support.{name}": (getattr(support, name), 2) for name in ("params", "tokens", "tokens_per_param")}
    for name, (x, length) in shapes.items():
        if np.shape(x) != (length,):
            raise ValueError(f"{name} has shape {np.shape(x)}, not ({length},)")
    for name in ("z_KxP", "replicas_BxKxP", "sigma_K"):
        if not np.isfinite(getattr(fit, name)).all():
            raise ValueError(f"{name} holds values that are not finite")
    if (fit.sigma_K < 0).any() or not (fit.unique_S > 0).all():
        raise ValueError("sigma is negative, or unique tokens are not above 0")
    if isinstance(support.runs, bool) or not isinstance(support.runs, int) or support.runs < 1:
        raise ValueError("support.runs is no count")


def _record(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no object")
    return value


def _texts(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{what} is no list of texts")
    return tuple(value)


def _floats(value: Any) -> np.ndarray:
    return np.array(value, dtype=float)


def _from_dict(data: Mapping[str, Any]) -> FitRecord:
    support, law = data["support"], by_name(data["law"])
    sources, targets, z_KxP = _texts(data["sources"], "sources"), _texts(data["targets"], "targets"), _floats(data["z"])
    constants = {name: _floats(value) for name, value in data["constants"].items()}
    reference = issubclass(law, Reference)
    if z_KxP.shape != (len(targets), 0 if reference else size(law, len(sources))):
        raise ValueError(f"z has shape {z_KxP.shape}, which is not that of its sources and targets")
    if set(constants) != (set() if reference else {f.name for f in fields(law)} - {f.name for f in fitted_fields(law)}):
        raise ValueError(f"constants are {list(constants)}, which are not those of {law.name}")
    if any(len(x) != len(targets) for x in constants.values()):
        raise ValueError("constants are not one for each target")
    return FitRecord(
        law=law,
        sources=sources,
        targets=targets,
        z_KxP=z_KxP,
        sigma_K=_floats([data["sigma"][t] for t in data["targets"]]),
        constants=constants,
        replicas_BxKxP=_floats(data["replicas"]).reshape(len(data["replicas"]), *z_KxP.shape),
        support=Support(
            params=tuple(_floats(support["params"])),
            tokens=tuple(_floats(support["tokens"])),
            tokens_per_param=tuple(_floats(support["tokens_per_param"])),
            least_S=_floats(support["least_S"]),
            most_S=_floats(support["most_S"]),
            epochs_S=_floats(support["epochs_S"]),
            runs=support["runs"],
        ),
        diagnostics=Diagnostics(
            **{k: np.array(v, bool if k == "converged_K" else float) for k, v in data["diagnostics"].items()}
        ),
        notes=_texts(data["notes"], "notes"),
        provenance=_provenance(data["provenance"]),
        runs=reference_fit.from_columns(data["runs"], data["provenance"]["runs"]) if reference else None,
        unique_S=np.array([np.inf if data["unique"][s] is None else data["unique"][s] for s in sources], float),
        goal=None if data["goal"] is None else _goal(data["goal"]),
    )


def _goal(data: Mapping[str, Any]) -> Goal:
    unique = {source: np.inf if x is None else float(x) for source, x in data["unique"].items()}
    return Goal(unique, float(data["tokens"]), None if data["params"] is None else float(data["params"]))


def _provenance(value: Any) -> dict[str, Any]:
    """The record of what the fit was made from; the keys that later work reads have their types."""
    found = _record(value, "provenance")
    for key in ("runs", "runs_hash", "tokenizer", "text"):
        if not isinstance(found.get(key), str | None):
            raise ValueError(f"provenance.{key} is no text")
    seed = found.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError("provenance.seed is no seed")
    if not all(isinstance(text, str) for text in _record(found.get("definitions") or {}, "definitions").values()):
        raise ValueError("provenance.definitions holds something else than texts")
    return dict(found)
