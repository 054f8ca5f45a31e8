"""Plan: a recommendation with typed sections, saved as plan.json and read back."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from mixlaw.errors import MixlawError, short
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.json import read_object
from mixlaw.io.notes import NOT_ASKED, Note, as_notes
from mixlaw.io.section import NO_KEY, OPTIONAL_KEY, Section
from mixlaw.io.shape import ShapeError, check_shape
from mixlaw.io.writing import write_text
from mixlaw.laws import by_name
from mixlaw.planning import plan_types as of
from mixlaw.planning.notes import read_notes
from mixlaw.project.plan_shape import check_parts

SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Plan(Section):
    """A recommendation. Its fields are the keys of plan.json.

    A field is None if its key is null or if the file lacks it; `notes` give the reason. Sections read by attribute
    (`plan.certificate.gap`) or by key (`plan.certificate["gap"]`).

    >>> plan = Plan(mixture={"web": 0.7, "code": 0.3}, verdict="tie", certificate=of.Certificate(1e-9))
    >>> plan.certificate.gap, plan.certificate["gap"]
    (1e-09, 1e-09)
    """

    mixture: dict[str, float]
    interval: dict[str, list[float]] | None = None
    epochs: dict[str, float] | None = None
    tokens_by_source: dict[str, float] | None = None
    params: float | None = None
    tokens: float | None = None
    flops: float | None = None
    law: of.LawRecord | None = None
    predicted: of.Prediction | None = None
    baselines: dict[str, of.Baseline | None] = field(default_factory=dict)
    verdict: str = "unknown"
    certificate: of.Certificate | None = None
    caps: dict[str, of.Cap] | None = None
    distance: of.Distance | None = None
    provenance: of.Provenance = field(default_factory=of.Provenance)
    schema: int = SCHEMA
    objective: str = "mean"
    near_optimal: of.NearOptimal | None = None
    speed_up: of.SpeedUp | None = None
    path: tuple[of.PathPoint, ...] | None = None
    bracket: of.Bracket | None = None
    worth: of.ShadowPrices | None = None
    unconstrained: of.Unconstrained | None = None
    robust: of.RobustChoice | None = None
    stale: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    check: of.Check | None = field(default=None, metadata=OPTIONAL_KEY)
    basis: str | None = field(default=None, metadata=OPTIONAL_KEY)
    transport: of.TransportRecord | None = field(default=None, metadata=OPTIONAL_KEY)
    fit: Fit | None = field(default=None, repr=False, metadata=NO_KEY)
    """The fit that the plan was made with, with its replicas; None if the plan was read from a file."""

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The plan of a JSON object. Keys that an earlier version did not write are absent.

        >>> Plan.from_dict({"mixture": {"web": 1.0}, "flops": None, "notes": ["flops is null: none"]}).notes[0].code
        'null'
        """
        plan = super().from_dict(content)
        if isinstance(content.get("notes"), list | tuple):
            texts = (note if isinstance(note, str) else str(note) for note in content["notes"])
            object.__setattr__(plan, "notes", read_notes(texts, content))
        return plan

    def with_notes(self, notes: Iterable[str]) -> Self:
        """The plan with these notes before its own.

        >>> Plan({"web": 1.0}).with_notes(["the tokenizer changed"]).notes
        ('the tokenizer changed',)
        """
        return self.with_values({"notes": as_notes([*notes, *self.notes])})

    @property
    def content(self) -> dict[str, Any]:
        """The JSON object: an older name of `to_dict`, for notebooks of earlier versions.

        >>> Plan({"web": 1.0}).content["mixture"]
        {'web': 1.0}
        """
        return self.to_dict()

    @property
    def remarks(self) -> list[Note]:
        """The notes without those on keys that the request left out."""
        return [note for note in self.notes if note.code != NOT_ASKED]

    def why(self, key: str) -> Note | None:
        """The first note on a key of the plan, such as the reason why it is null; None if there is none.

        >>> Plan.from_dict({"mixture": {"web": 1.0}, "path": None, "notes": ["path is null: no scale"]}).why("path")
        'path is null: no scale'
        """
        return next((note for note in self.notes if key in note.keys), None)

    @property
    def best_baseline(self) -> tuple[str, of.Baseline] | None:
        """Name of the feasible baseline with the lowest predicted objective, and the baseline; None without one.

        >>> Plan({"web": 1.0}).best_baseline is None
        True
        """
        return of.best_feasible(self.baselines)

    def frame(self) -> pd.DataFrame:
        """One row per source, the largest share first: `proportional`, `plan`, the plan's 90% interval `low` and
        `high`, `tokens` of the run and `epochs`; nan for what is not known.

        >>> list(Plan({"web": 0.3, "code": 0.7}).frame()["plan"])
        [0.7, 0.3]
        """
        other = self.baselines.get("proportional")
        proportional = {} if other is None else other.mixture
        rows = {
            name: {
                "proportional": proportional.get(name),
                "plan": share,
                **dict(zip(("low", "high"), (self.interval or {}).get(name, (None, None)), strict=True)),
                "tokens": (self.tokens_by_source or {}).get(name),
                "epochs": (self.epochs or {}).get(name),
            }
            for name, share in sorted(self.mixture.items(), key=lambda item: -item[1])
        }
        return pd.DataFrame.from_dict(rows, orient="index", dtype=float).rename_axis("source")

    def summary(self) -> str:
        """Verdict, prediction, and law with its held-out error, one line each.

        >>> Plan({"web": 1.0}).summary().splitlines()[0]
        'verdict: unknown'
        """
        if self.law is None or self.predicted is None or self.certificate is None:
            return f"verdict: {self.verdict}\nthere are no runs: the mixture nearest to the targets' text"
        law, held_out = by_name(self.law.name), self.law.held_out
        budgeted = any(value is not None for value in (self.flops, self.params, self.tokens))
        at = "at the runs' scale" + (", not the budget's" if budgeted else "")
        if self.params is not None and {"params", "tokens"} & law.needs:
            at = f"at {short(self.params)} parameters, {short(self.tokens or 0.0)} tokens"
        error = ""
        if held_out is not None:
            error = f", held-out error {held_out.mae:.4f} nats (mean of the runs: {held_out.baseline_mae:.4f})"
        sure = "certified" if law.convex else "stationary, not certified,"
        return (
            f"verdict: {self.verdict}{self._compared()}\n"
            f"{at}, predicted {self.predicted.objective:.4f} nats\n"
            f"law {self.law.name}{error}, {sure} within {self.certificate.gap:.1e} of its optimum"
        )

    def _compared(self) -> str:
        """The baseline that the verdict compares with."""
        if self.verdict == "unknown" or self.best_baseline is None:
            return ""
        name, baseline = self.best_baseline
        run = "" if baseline.run_id is None else f" ({baseline.run_id})"
        return f" {'than' if self.verdict == 'better' else 'with'} {name}{run}, the best baseline"

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON. Raises MixlawError if the file cannot be written."""
        write_text(path, json.dumps(self.to_dict(), indent=1))


def read_plan(path: str | Path) -> Plan:
    """Read a plan that `Plan.save` wrote. Keys that an earlier version did not write are absent.

    Raises:
        MixlawError: the file is missing, holds no plan, has a schema that this version does not know, or is damaged:
            a key has another type, or two parts are about different sources.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Plan({"web": 1.0}, verdict="tie").save(f"{folder}/plan.json")
    ...     read_plan(f"{folder}/plan.json").verdict
    'tie'
    """
    give = "the plan.json that `mixlaw recommend --out` wrote"
    content = read_object(path, "plan", give, "recommend again", SCHEMA, lambda x: {"mixture", "verdict"} <= set(x))
    try:
        check_shape(Plan, content)
        check_parts(content)
    except ShapeError as error:
        raise MixlawError(f"{path}: is a damaged plan ({error}): recommend again") from None
    return Plan.from_dict(content)
