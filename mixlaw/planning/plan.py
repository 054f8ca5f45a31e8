"""Plan: a recommendation as it is used, saved and read back."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mixlaw.errors import short
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.json import no_nan, read_object
from mixlaw.laws import by_name

SCHEMA = 1


@dataclass(frozen=True)
class Plan:
    """A recommendation. `to_dict` gives the contract's JSON object; DESIGN.md names its keys."""

    content: dict[str, Any]
    fit: Fit | None = field(default=None, repr=False, compare=False)
    """The fit behind it, with its replicas; None where the plan was read from a file."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["content"][name]
        except KeyError:
            raise AttributeError(f"a plan has no '{name}'") from None

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON types."""
        return no_nan(self.content)

    @property
    def remarks(self) -> list[str]:
        """The notes that a reader wants: without those of keys that are null because nobody asked for them."""
        return [note for note in self.content["notes"] if not note.endswith(": it was not asked for")]

    def frame(self) -> pd.DataFrame:
        """A row a source, the largest share first: `proportional`, `plan`, its 90% interval `low` and `high`, `tokens`
        of the run and `epochs`; nan where the plan holds none."""
        proportional = (self.content["baselines"]["proportional"] or {}).get("mixture", {})
        rows = {
            name: {
                "proportional": proportional.get(name),
                "plan": share,
                **dict(zip(("low", "high"), (self.content["interval"] or {}).get(name, (None, None)), strict=True)),
                "tokens": (self.content["tokens_by_source"] or {}).get(name),
                "epochs": (self.content["epochs"] or {}).get(name),
            }
            for name, share in sorted(self.content["mixture"].items(), key=lambda item: -item[1])
        }
        return pd.DataFrame.from_dict(rows, orient="index", dtype=float).rename_axis("source")

    def summary(self) -> str:
        """Verdict, prediction and what they rest on, three lines; a plan without runs says that it has none."""
        if self.content["law"] is None:
            return f"verdict: {self.content['verdict']}\nthere are no runs: the mixture nearest to the targets' text"
        law, held = self.content["law"]["name"], self.content["law"]["held_out"]
        budgeted = any(self.content[key] is not None for key in ("flops", "params", "tokens"))
        at = "at the runs' scale" + (", not the budget's" if budgeted else "")
        if self.content["params"] is not None and {"params", "tokens"} & by_name(law).needs:
            at = f"at {short(self.content['params'])} parameters, {short(self.content['tokens'])} tokens"
        error = ""
        if held is not None:
            error = f", held-out error {held['mae']:.4f} nats (mean of the runs: {held['baseline_mae']:.4f})"
        sure = "certified" if by_name(law).convex else "stationary, not certified,"
        return (
            f"verdict: {self.content['verdict']}{self._rival()}\n"
            f"{at}, predicted {self.content['predicted']['objective']:.4f} nats\n"
            f"law {law}{error}, {sure} within {self.content['certificate']['gap']:.1e} of its optimum"
        )

    def _rival(self) -> str:
        """Against which baseline the verdict is."""
        feasible = {k: b for k, b in self.content["baselines"].items() if b is not None and b["feasible"]}
        if self.content["verdict"] == "unknown" or not feasible:
            return ""
        name = min(feasible, key=lambda k: feasible[k]["objective"])
        run = f" ({feasible[name]['run_id']})" if "run_id" in feasible[name] else ""
        return f" {'than' if self.content['verdict'] == 'better' else 'with'} {name}{run}, the best baseline"

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=1), encoding="utf-8")


def read_plan(path: str | Path) -> Plan:
    """Read a plan that `Plan.save` wrote. Keys that an earlier version did not write are absent.

    Raises:
        MixlawError: the file is missing, is no plan, or has a schema this version does not know.
    """
    give = "the plan.json that `mixlaw recommend --out` wrote"
    return Plan(read_object(path, "plan", give, "recommend again", SCHEMA, lambda x: {"mixture", "verdict"} <= set(x)))
