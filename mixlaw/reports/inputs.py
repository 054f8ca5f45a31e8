"""Inputs of a report: the files that `recommend --out` wrote, and held-out losses computed from them."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_result import Fit, read_fit
from mixlaw.io.files import read_bytes
from mixlaw.io.json import read_object
from mixlaw.laws import Reference
from mixlaw.planning.plan import Plan, read_plan
from mixlaw.runs.run_table import Runs, read_runs
from mixlaw.validation.held_out import HeldOutLosses, held_out_losses
from mixlaw.validation.leaderboard import SCHEMA


@dataclass(frozen=True)
class Material:
    """Inputs of a report: a plan, and the other files of its folder that could be read.

    Attributes:
        name: name of the folder.
        plan: the plan's JSON object.
        fit: the fit; None if it could not be read.
        held_out: losses of each run predicted by a refit without its mixture; None if not computed.
        leaderboard: a leaderboard's JSON object; None if there is none.
        missing: by field that is None, the reason.
        files: by name, hashes of the files read.

    >>> material = Material("plan1", Plan({"web": 1.0}).to_dict(), missing={"fit": "fit.json: no such file"})
    >>> material.why("fit", "it was not read")
    'fit.json: no such file'
    """

    name: str
    plan: dict[str, Any]
    fit: Fit | None = None
    held_out: HeldOutLosses | None = None
    leaderboard: dict[str, Any] | None = None
    missing: dict[str, str] | None = None
    files: dict[str, str] | None = None

    def why(self, key: str, otherwise: str) -> str:
        """The reason why a part is not in the page: from the plan's notes, else from `missing`, else `otherwise`."""
        return Plan.from_dict(self.plan).why(key) or (self.missing or {}).get(key, otherwise)


def gather(folder: str | Path, *, leaderboard: str | Path | None = None, held_out: bool = True) -> Material:
    """Read a folder that `mixlaw recommend --out` wrote, and predict each fold of mixtures by a refit without it.

    Args:
        folder: contains plan.json, and optionally fit.json, runs.csv and leaderboard.json.
        leaderboard: leaderboard.json of `mixlaw compare --out`, or its folder, in place of the one in `folder`.
        held_out: if True, refit the law, which takes as long as in `recommend`.

    Raises:
        MixlawError: the folder has no plan, or `leaderboard` is not a leaderboard.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     Plan({"web": 0.7, "code": 0.3}).save(Path(folder) / "plan.json")
    ...     found = gather(folder, held_out=False)
    >>> found.plan["mixture"], found.fit, sorted(found.missing), list(found.files)
    ({'web': 0.7, 'code': 0.3}, None, ['fit', 'held_out'], ['plan.json'])
    """
    folder, missing = Path(folder), {}
    plan = read_plan(folder / "plan.json").to_dict()
    fit = runs = losses = None
    try:
        fit = _fit(folder / "fit.json", plan)
    except MixlawError as error:
        missing["fit"] = str(error)
    if fit is not None and held_out:
        try:
            runs = _runs(folder / "runs.csv", fit)
            losses = held_out_losses(replace(fit, runs=runs), plan["provenance"]["seed"])
        except MixlawError as error:
            missing["held_out"] = str(error)
        if isinstance(losses, str):
            missing["held_out"], losses = losses, None
    elif not held_out:
        missing["held_out"] = "the law was not refitted: run `mixlaw report` without --no-held-out"
    board, stated = None, leaderboard is not None
    place = folder / "leaderboard.json" if leaderboard is None else Path(leaderboard)
    place = place / "leaderboard.json" if place.is_dir() else place
    if stated or place.exists():
        board = read_leaderboard(place)
    read = [p for p in (folder / "plan.json", folder / "fit.json", folder / "runs.csv", place) if p.exists()]
    files = {path.name: hashlib.sha256(read_bytes(path)).hexdigest()[:16] for path in read}
    return Material(folder.resolve().name, plan, fit, losses, board, missing, files)


def _fit(path: Path, plan: dict[str, Any]) -> Fit:
    fit = read_fit(path)
    if (
        issubclass(fit.law, Reference)
        or fit.law.name != plan["law"]["name"]
        or set(fit.sources) != set(plan["mixture"])
    ):
        raise MixlawError(f"{path}: is not the fit that the plan was made with: recommend again")
    if not set(plan["predicted"]["loss"]) <= set(fit.targets):
        raise MixlawError(f"{path}: lacks targets of the plan: recommend again")
    return fit.take_targets([fit.targets.index(target) for target in plan["predicted"]["loss"]])


def _runs(path: Path, fit: Fit) -> Runs:
    runs = read_runs(path)
    if runs.sources != fit.sources or not set(fit.targets) <= set(runs.targets):
        raise MixlawError(f"{path}: its sources or targets are not the fit's: recommend again")
    chosen = runs.with_targets(fit.targets)
    if fit.provenance.get("runs_hash") not in (runs.hash(), chosen.hash()):
        raise MixlawError(f"{path}: is not the table that the fit was made from: recommend again")
    return chosen


def read_leaderboard(path: str | Path) -> dict[str, Any]:
    """Read the JSON object that `Leaderboard.save` wrote.

    Raises:
        MixlawError: the file is missing, is not a leaderboard, or has a schema that this version does not know.

    >>> from tempfile import TemporaryDirectory
    >>> from mixlaw.validation.leaderboard import Leaderboard
    >>> with TemporaryDirectory() as folder:
    ...     Leaderboard((), {"chinchilla": "there are too few sizes"}, (), {}).save(folder)
    ...     found = read_leaderboard(Path(folder) / "leaderboard.json")
    >>> found["skipped"]
    {'chinchilla': 'there are too few sizes'}
    """
    give = "the leaderboard.json that `mixlaw compare --out` wrote"
    return read_object(path, "leaderboard", give, "compare again", SCHEMA, lambda x: x.get("kind") == "leaderboard")


def agreement(predicted_R: np.ndarray, observed_R: np.ndarray) -> dict[str, float]:
    """Mean absolute error, bias (predicted minus observed) in nats per token, rank correlation, number of runs."""
    from scipy.stats import rankdata

    ranks = (rankdata(predicted_R), rankdata(observed_R))
    varied = len(observed_R) > 2 and all(np.ptp(r) > 0 for r in ranks)
    return {
        "mae": float(np.abs(predicted_R - observed_R).mean()),
        "bias": float((predicted_R - observed_R).mean()),
        "rank": float(np.corrcoef(*ranks)[0, 1]) if varied else float("nan"),
        "runs": len(observed_R),
    }
