"""Reuse a plan when sources are added: its mixture counts as one virtual source with fixed proportions.

Mixture reuse is due to Olmix (arXiv:2602.12237): sources that a change does not affect keep their proportions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mixlaw.designs.space_filling import Design, space_filling
from mixlaw.errors import MixlawError, listed
from mixlaw.fitting.fit_result import Fit
from mixlaw.project.constraints import Group
from mixlaw.project.plan_like import PlanLike
from mixlaw.project.sources import Source, Sources

REUSED = "reused"
"""Name of the group and of the virtual source."""


def kept_group(plan: PlanLike, sources: Sources) -> Group:
    """A group of the sources that plan and project have in common, fixed in the plan's proportions.

    Raises:
        MixlawError: no source of the project has a share in the plan.

    >>> class Shares:
    ...     def to_dict(self):
    ...         return {"mixture": {"web": 0.6, "code": 0.2, "old": 0.2}}
    >>> group = kept_group(Shares(), Sources([Source("web", 1e9), Source("code", 1e9), Source("new", 1e9)]))
    >>> {name: round(share, 2) for name, share in group.kept.items()}
    {'web': 0.75, 'code': 0.25}
    """
    mixture = plan.to_dict()["mixture"]
    kept = {name: float(mixture[name]) for name in sources.names if name in mixture}
    if not sum(kept.values()) > 0:
        raise MixlawError(f"reuse: the plan's sources ({listed(mixture)}) are none of the project's with a share")
    return Group(REUSED, tuple(kept), keep=tuple(kept.values()))


def design_beside(
    plan: PlanLike, sources: Sources, runs: int, *, seed: int, tokens: float | None = None
) -> pd.DataFrame:
    """Design runs for a project with new sources: the plan's mixture counts as one source, mixed with the new ones.

    Args:
        sources: sources of the project; those that the plan does not have are new.
        runs: number of mixtures, at least 2; the first is proportional to the tokens.
        tokens: D of each run, for caps in epochs.

    Returns:
        Columns `run_id` and `w:<source>` of all the project's sources. `reuse_design` returns the notes as well.

    Raises:
        MixlawError: no source is new, tokens are unknown, or no mixture satisfies the caps.

    >>> class Shares:
    ...     def to_dict(self):
    ...         return {"mixture": {"web": 0.75, "code": 0.25}}
    >>> sources = Sources([Source("web", 2e9), Source("code", 1e9), Source("new", 1e9)])
    >>> table = design_beside(Shares(), sources, 4, seed=0)
    >>> bool(np.allclose(table["w:web"], 3 * table["w:code"]))
    True
    """
    return reuse_design(plan, sources, runs, seed=seed, tokens=tokens).frame


def reuse_design(plan: PlanLike, sources: Sources, runs: int, *, seed: int, tokens: float | None = None) -> Design:
    """`design_beside` with its notes; arguments and errors are the same."""
    group = kept_group(plan, sources)
    new = [source for source in sources if source.name not in group.sources]
    if not new:
        raise MixlawError("reuse: no source is missing from the plan: recommend again with the existing runs")
    virtual = _virtual(group, sources)
    made = space_filling(Sources([virtual, *new]), runs, seed, tokens)
    table = made.frame
    share_R = table[f"w:{virtual.name}"].to_numpy()
    kept = group.kept
    columns = {
        f"w:{name}": share_R * kept[name] if name in kept else table[f"w:{name}"].to_numpy() for name in sources.names
    }
    frame = pd.DataFrame({"run_id": [f"reuse{seed}-{i:04d}" for i in range(len(table))], **columns})
    return Design(frame, made.notes)


def _virtual(group: Group, sources: Sources) -> Source:
    """The group as one source, with the tightest bounds and cap that its members imply."""
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
    """Predict losses (M, K) of mixtures with sources that the fit lacks, each replaced by a mixture of its sources.

    This is a prior for a new source before any run contains it: `like` may come from transport (the mixture of old
    sources nearest to a sample of the new one) or from someone who knows the text. The prediction is only as good as
    that similarity.

    Args:
        mixtures: shares by source, summing to 1.
        like: by new source, the shares of the fit's sources that replace it.
        at: params, tokens and unique, as for `Fit.losses`.

    Raises:
        MixlawError: a source is neither in the fit nor in `like`, or is replaced by sources that the fit lacks.

    >>> class Linear:
    ...     sources = ("web", "code")
    ...     def losses(self, w_MxS, **at):
    ...         return w_MxS @ np.array([[2.0], [1.0]])
    >>> predict_like(Linear(), [{"web": 0.5, "new": 0.5}], {"new": {"code": 1.0}}).tolist()
    [[1.5]]
    """
    w_MxS = np.zeros((len(mixtures), len(fit.sources)))
    for row, mixture in zip(w_MxS, mixtures, strict=True):
        for name, share in mixture.items():
            parts = {name: 1.0} if name in fit.sources else like.get(name, {})
            total = sum(parts.values())
            if not total > 0 or not set(parts) <= set(fit.sources):
                raise MixlawError(f"source '{name}': is neither in the fit nor replaced by sources of the fit")
            for part, value in parts.items():
                row[fit.sources.index(part)] += share * value / total
    return fit.losses(w_MxS, **at)
