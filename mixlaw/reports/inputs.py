"""Inputs of a report: the files that `recommend --out` wrote, and held-out losses computed from them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mixlaw.errors import MixlawError, shown
from mixlaw.estimation.metrics import METRICS
from mixlaw.fitting.fit_result import Fit, read_fit
from mixlaw.io.files import read_bytes
from mixlaw.io.json import read_object
from mixlaw.io.shape import ShapeError, check_shape
from mixlaw.laws import Reference
from mixlaw.planning.plan import Plan, read_plan
from mixlaw.planning.plan_types import Certificate, LawRecord, Prediction
from mixlaw.runs.run_table import Runs, read_runs
from mixlaw.validation.held_out import HeldOutLosses, held_out_losses
from mixlaw.validation.leaderboard import SCHEMA, LeaderboardRecord


@dataclass(frozen=True)
class ReportInputs:
    """Inputs of a report: a plan, and the other files of its folder that could be read.

    Attributes:
        name: name of the folder.
        plan: the plan; its JSON object is read as a `Plan`.
        fit: the fit; None if it could not be read.
        held_out: losses of each run predicted by a refit without its mixture; None if not computed.
        leaderboard: the leaderboard; its JSON object is read as a `LeaderboardRecord`. None if there is none.
        missing: by field that is None, the reason.
        files: by name, hashes of the files read.

    >>> inputs = ReportInputs("plan1", Plan({"web": 1.0}), missing={"fit": "fit.json: no such file"})
    >>> inputs.why("fit", "it was not read")
    'fit.json: no such file'
    """

    name: str
    plan: Plan
    fit: Fit | None = None
    held_out: HeldOutLosses | None = None
    leaderboard: LeaderboardRecord | None = None
    missing: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.plan, Plan):
            object.__setattr__(self, "plan", Plan.from_dict(self.plan))
        if self.leaderboard is not None and not isinstance(self.leaderboard, LeaderboardRecord):
            object.__setattr__(self, "leaderboard", LeaderboardRecord.from_dict(self.leaderboard))

    def why(self, key: str, otherwise: str) -> str:
        """The reason why a part is not in the page: from the plan's notes, else from `missing`, else `otherwise`."""
        return self.plan.why(key) or self.missing.get(key, otherwise)

    @property
    def predicted(self) -> "Predicted":
        """The sections that only a plan from runs has.

        Raises:
            MixlawError: the plan was made without runs.
        """
        return Predicted.of(self.plan, self.name)


@dataclass(frozen=True)
class Predicted:
    """The sections of a plan that a report needs and that a plan made without runs lacks."""

    law: LawRecord
    losses: Prediction
    certificate: Certificate

    @classmethod
    def of(cls, plan: Plan, name: str) -> "Predicted":
        """The sections of a plan.

        Args:
            name: of the plan, for the message.

        Raises:
            MixlawError: the plan was made without runs.
        """
        if plan.law is None or plan.predicted is None or plan.certificate is None:
            raise MixlawError(
                f"{name}: the plan was made without runs, and a report needs predicted losses: recommend from runs"
            )
        return cls(plan.law, plan.predicted, plan.certificate)


def read_inputs(folder: str | Path, *, leaderboard: str | Path | None = None, held_out: bool = True) -> ReportInputs:
    """Read a folder that `mixlaw recommend --out` wrote, and predict each fold of mixtures by a refit without it.

    Args:
        folder: contains plan.json, and optionally fit.json, runs.csv and leaderboard.json.
        leaderboard: leaderboard.json of `mixlaw compare --out`, or its folder, in place of the one in `folder`.
        held_out: if True, refit the law, which takes as long as in `recommend`.

    Raises:
        MixlawError: the folder has no plan, the plan was made without runs, or `leaderboard` is not a leaderboard.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     read_inputs(Path(folder) / "plan")
    Traceback (most recent call last):
    mixlaw.errors.MixlawError: ...plan.json: cannot be read as a plan (no such file): give the plan.json that ...
    """
    folder, missing = Path(folder), {}
    plan = read_plan(folder / "plan.json")
    predicted = Predicted.of(plan, str(folder / "plan.json"))
    fit = losses = None
    try:
        fit = _fit(folder / "fit.json", plan, predicted)
    except MixlawError as error:
        missing["fit"] = str(error)
    if fit is not None and held_out:
        losses = _held_out(folder / "runs.csv", fit, plan.provenance.seed or 0)
        if isinstance(losses, str):
            missing["held_out"], losses = losses, None
    elif not held_out:
        missing["held_out"] = "the law was not refitted: run `mixlaw report` without --no-held-out"
    place = folder / "leaderboard.json" if leaderboard is None else Path(leaderboard)
    place = place / "leaderboard.json" if place.is_dir() else place
    board = None
    if leaderboard is not None:
        board = read_leaderboard(place)
    elif place.exists():
        try:
            board = read_leaderboard(place)
        except MixlawError as error:  # a file that was not named ends no report
            missing["leaderboard"] = str(error)
    read = [p for p in (folder / "plan.json", folder / "fit.json", folder / "runs.csv", place) if p.exists()]
    files = {path.name: hashlib.sha256(read_bytes(path)).hexdigest()[:16] for path in read}
    return ReportInputs(folder.resolve().name, plan, fit, losses, board, missing, files)


def _fit(path: Path, plan: Plan, predicted: Predicted) -> Fit:
    """The fit in a file, for the plan's targets."""
    fit = read_fit(path)
    if issubclass(fit.law, Reference) or fit.law.name != predicted.law.name or set(fit.sources) != set(plan.mixture):
        raise MixlawError(f"{path}: is not the fit that the plan was made with: recommend again")
    targets = predicted.losses.loss
    if not set(targets) <= set(fit.targets):
        raise MixlawError(f"{path}: lacks targets of the plan: recommend again")
    return fit.take_targets([fit.targets.index(target) for target in targets])


def _held_out(path: Path, fit: Fit, seed: int) -> HeldOutLosses | str:
    """Held-out predictions for the runs in a file, or the reason why there are none."""
    try:
        return held_out_losses(replace(fit, runs=_runs(path, fit)), seed)
    except MixlawError as error:
        return str(error)


def _runs(path: Path, fit: Fit) -> Runs:
    """The runs in a file, which must be those that the fit was made from."""
    runs = read_runs(path)
    if runs.sources != fit.sources or not set(fit.targets) <= set(runs.targets):
        raise MixlawError(f"{path}: its sources or targets are not the fit's: recommend again")
    chosen = runs.with_targets(fit.targets)
    if fit.provenance.get("runs_hash") not in (runs.hash(), chosen.hash()):
        raise MixlawError(f"{path}: is not the table that the fit was made from: recommend again")
    return chosen


def read_leaderboard(path: str | Path) -> LeaderboardRecord:
    """Read the leaderboard.json that `Leaderboard.save` wrote; values read by attribute or by key.

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
    is_kind = lambda x: x.get("kind") == "leaderboard"  # noqa: E731
    content = read_object(path, "leaderboard", give, "compare again", SCHEMA, is_kind)
    try:
        check_shape(LeaderboardRecord, content)
        for i, board in enumerate(content["boards"]):
            for entry in board["entries"]:
                _check_scores(entry, board["targets"], f"boards.{i}.entries")
    except ShapeError as error:
        raise MixlawError(f"{path}: is a damaged leaderboard ({error}): compare again") from None
    return LeaderboardRecord.from_dict(content)


def _check_scores(entry: Mapping[str, Any], targets: Sequence[str], where: str) -> None:
    """Raise ShapeError if an entry lacks a metric, of its means or of a target."""
    for scores in (entry["mean"], *(entry["by_target"].get(target, {}) for target in targets)):
        missing = set(METRICS) - set(scores)
        if missing:
            raise ShapeError(f"{where} lacks {shown(min(missing))}")
