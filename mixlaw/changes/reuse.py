"""A source that is new beside an earlier plan: its mixture is reused as one virtual source, whose share alone is found.

The idea of mixture reuse is Olmix's (arXiv:2602.12237): what a change does not touch keeps its proportions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mixlaw.designs.space_filling import design
from mixlaw.errors import MixlawError, listed
from mixlaw.fitting.fit_result import Fit
from mixlaw.project.constraints import Group
from mixlaw.project.plan_like import PlanLike
from mixlaw.project.sources import Source, Sources

REUSED = "reused"
"""The name of the group and of the virtual source."""


def kept_group(plan: PlanLike, sources: Sources) -> Group:
    """The sources that plan and project share, with the plan's proportions to be kept among them.

    Raises:
        MixlawError: they share none that has a share in the plan.
    """
    mixture = plan.to_dict()["mixture"]
    kept = {name: float(mixture[name]) for name in sources.names if name in mixture}
    if not sum(kept.values()) > 0:
        raise MixlawError(f"reuse: the plan's sources ({listed(mixture)}) are none of the project's with a share")
    return Group(REUSED, tuple(kept), keep=tuple(kept.values()))


def design_beside(
    plan: PlanLike, sources: Sources, runs: int, *, seed: int, tokens: float | None = None
) -> pd.DataFrame:
    """Mixtures to run where sources are new beside a plan: a design of its mixture, as one source, and the new ones.

    Args:
        sources: the project's; those that the plan does not have are new.
        runs: how many mixtures, at least 2; the first is the one in proportion to the tokens.
        tokens: D of each run, for caps in epochs.

    Returns:
        Columns `run_id` and `w:<source>` of all the project's sources; `.attrs["notes"]`.

    Raises:
        MixlawError: no source is new, tokens are unknown, or the caps leave no mixture.
    """
    group = kept_group(plan, sources)
    new = [source for source in sources if source.name not in group.sources]
    if not new:
        raise MixlawError("reuse: no source is new beside the plan: recommend again, with the runs there are")
    virtual = _virtual(group, sources)
    table = design(Sources([virtual, *new]), runs, seed=seed, tokens=tokens)
    share_R = table[f"w:{virtual.name}"].to_numpy()
    kept = group.kept
    columns = {
        f"w:{name}": share_R * kept[name] if name in kept else table[f"w:{name}"].to_numpy() for name in sources.names
    }
    found = pd.DataFrame({"run_id": [f"reuse{seed}-{i:04d}" for i in range(len(table))], **columns})
    found.attrs["notes"] = table.attrs.get("notes", ())
    return found


def _virtual(group: Group, sources: Sources) -> Source:
    """The group as one source: its bounds and cap are those of the member that holds it first."""
    used = [(sources[name], share) for name, share in group.kept.items() if share > 0]
    unknown = [source.name for source, _ in used if source.tokens is None]
    if unknown:
        raise MixlawError(f"reuse: the tokens of {listed(unknown)} are unknown; state them")
    name = REUSED
    while name in sources:
        name += "_"
    total = float(sum(source.tokens or 0.0 for source, _ in used))
    low = max(source.min / share for source, share in used)
    high = min(min(source.max / share for source, share in used), 1.0)
    capped = [source.max_epochs * (source.tokens or 0.0) / share for source, share in used if source.max_epochs]
    if low > high:
        raise MixlawError(f"reuse: the bounds of {listed(group.sources)} no longer allow the plan's proportions")
    return Source(name, total, min=low, max=high, max_epochs=min(capped) / total if capped else None)


def predict_like(
    fit: Fit, mixtures: list[Mapping[str, float]], like: Mapping[str, Mapping[str, float]], **at: Any
) -> np.ndarray:
    """Losses (M, K) of mixtures that hold sources the fit has not seen, each taken for a mixture of those it has.

    This is where a prior for a new source enters before any run has seen it: `like` may come from transport (the
    mixture of the old sources nearest to a sample of the new one), or from whoever knows the text. The answer is as
    good as that likeness, and no evidence.

    Args:
        mixtures: shares by source, summing to 1.
        like: by new source the shares of the fit's sources that stand for it.
        at: params, tokens and unique, as `Fit.losses` takes them.

    Raises:
        MixlawError: a source is neither the fit's nor in `like`, or stands for sources that the fit has not.
    """
    w_MxS = np.zeros((len(mixtures), len(fit.sources)))
    for row, mixture in zip(w_MxS, mixtures, strict=True):
        for name, share in mixture.items():
            parts = {name: 1.0} if name in fit.sources else like.get(name, {})
            total = sum(parts.values())
            if not total > 0 or not set(parts) <= set(fit.sources):
                raise MixlawError(f"source '{name}': neither the fit's nor likened to the fit's sources")
            for part, value in parts.items():
                row[fit.sources.index(part)] += share * value / total
    return fit.losses(w_MxS, **at)
