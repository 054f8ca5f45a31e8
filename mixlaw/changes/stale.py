"""stale: the parts of a plan that are out of date after project changes, and how to update them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from mixlaw.changes.request_changes import asked_otherwise
from mixlaw.errors import listed, short
from mixlaw.fitting.support import same_count
from mixlaw.project.budget import Budget
from mixlaw.project.constraints import Constraints
from mixlaw.project.sources import Source, Sources, Target
from mixlaw.runs.run_table import Runs

MAX_PARTS = 6
"""Number of sources above which only pairs and threes are tried as the parts of another source."""


@dataclass(frozen=True)
class Stale:
    """One thing that has changed since a plan was made.

    Attributes:
        kind: renamed, merged, split, gone, new, grown, shrunk, counted, bounds, targets, runs, budget, objective,
            groups, near or ceilings; unrecorded, if the plan lacks the record to compare with.
        sources: the sources (or targets) that changed.
        what: the change, and what is out of date because of it.
        mend: how to fix it.

    >>> str(Stale("grown", ("web",), "web has grown"))
    'web has grown; recommend again'
    """

    kind: str
    sources: tuple[str, ...]
    what: str
    mend: str = "recommend again"

    def __str__(self) -> str:
        return f"{self.what}; {self.mend}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self) | {"sources": list(self.sources)}


def stale(
    content: Mapping[str, Any],
    sources: Sources,
    *,
    targets: tuple[Target, ...] = (),
    runs: Runs | None = None,
    budget: Budget | None = None,
    constraints: Constraints | None = None,
) -> tuple[Stale, ...]:
    """List how a project differs from the one that a plan (its plan.json) was made for.

    Renames, merges and splits are guessed from equal paths, and from token counts that are equal or add up. Budget,
    ceilings and constraints are compared only if `constraints` are given.

    >>> plan = {"mixture": {"web": 1.0}, "provenance": {"sources": {"web": {"tokens": 1e9, "max_epochs": 2.0}}}}
    >>> [(one.kind, one.sources) for one in stale(plan, Sources([Source("web", 3e9, max_epochs=2.0)]))]
    [('grown', ('web',)), ('bounds', ('web',))]
    """
    origin = content.get("provenance") or {}
    recorded = origin.get("sources")
    found: list[Stale] = []
    if recorded:
        old = {name: recorded[name] for name in content["mixture"]}
        found += _sources(old, sources)
    else:
        found += _unlisted(tuple(content["mixture"]), origin.get("sources_hash"), sources)
    if targets:
        found += _targets(origin.get("targets") or {}, targets)
    if constraints is not None:
        found += [Stale(*one) for one in asked_otherwise(content, budget, constraints, targets)]
    if runs is not None and origin.get("runs_hash") not in (None, runs.hash()):
        line = f"the runs are not those of the plan ({origin.get('runs')}): its fit and intervals are of other evidence"
        found.append(Stale("runs", (), line))
    return tuple(found)


def _unlisted(before: tuple[str, ...], known: str | None, sources: Sources) -> list[Stale]:
    """Differences by name, and by hash if there is one, for a plan that does not record its sources."""
    gone, new = sorted(set(before) - set(sources.names)), [name for name in sources.names if name not in before]
    if not gone and not new and known == Sources(sources[name] for name in before).hash():
        return []
    why = "does not record them" if known is None else "records only a hash of them, which has changed"
    line = f"cannot tell whether tokens, paths, bounds and caps of the sources changed: the plan {why}"
    return [_gone(name) for name in gone] + [_new(name) for name in new] + [Stale("unrecorded", (), line)]


def _sources(old: Mapping[str, Mapping[str, Any]], sources: Sources) -> list[Stale]:
    gone = [name for name in old if name not in sources]
    new = [source for source in sources if source.name not in old]
    found = []
    for name in list(gone):
        same = [source for source in new if _same(old[name], source)]
        if len(same) == 1:
            found.append(_changed("renamed", (name, same[0].name), f"{name} is now called {same[0].name}", "--rename"))
            gone.remove(name)
            new.remove(same[0])
    for source in list(new):
        parts = _adding_up({name: old[name].get("tokens") for name in gone}, source.tokens)
        if parts:
            found.append(_changed("merged", (*parts, source.name), f"{source.name} is {' + '.join(parts)}", "--merge"))
            gone = [name for name in gone if name not in parts]
            new.remove(source)
    for name in list(gone):
        parts = _adding_up({source.name: source.tokens for source in new}, old[name].get("tokens"))
        if parts:
            found.append(_changed("split", (name, *parts), f"{name} is now {' + '.join(parts)}", "--split", sources))
            gone.remove(name)
            new = [source for source in new if source.name not in parts]
    found += [_gone(name) for name in gone] + [_new(source.name) for source in new]
    for source in sources:
        if source.name in old:
            found += _same_name(old[source.name], source)
    return found


def _same(before: Mapping[str, Any], source: Source) -> bool:
    paths = tuple(before.get("paths") or ())
    if paths or source.paths:
        return paths == source.paths
    return same_count(before.get("tokens"), source.tokens)


def _adding_up(tokens: Mapping[str, float | None], whole: float | None) -> tuple[str, ...]:
    """The only set of sources whose tokens add up to `whole`; empty if there is no such set, or several."""
    known = {name: value for name, value in tokens.items() if value is not None}
    if whole is None or len(known) < 2:
        return ()
    sizes = range(2, 4) if len(known) > MAX_PARTS else range(2, len(known) + 1)
    fits = [
        parts
        for size in sizes
        for parts in combinations(known, size)
        if same_count(sum(known[p] for p in parts), whole)
    ]
    return fits[0] if len(fits) == 1 else ()


def _changed(kind: str, names: tuple[str, ...], what: str, option: str, sources: Sources | None = None) -> Stale:
    """A guessed rename, merge or split, with the option of `mixlaw adapt` for it."""
    if kind == "renamed":
        said = f"{names[0]}={names[1]}"
    elif kind == "merged":
        said = f"{names[-1]}={'+'.join(names[:-1])}"
    else:
        assert sources is not None
        said = f"{names[0]}={'+'.join(f'{name}:{_written(sources[name].tokens)}' for name in names[1:])}"
    mend = f"carry the runs over with `mixlaw adapt RUNS {option} {said} --out NEW`, then recommend again"
    return Stale(kind, names, f"it seems that {what}", mend)


def _written(tokens: float | None) -> str:
    """A count as `mixlaw adapt` reads it between two '+'."""
    return f"{tokens or 0.0:.0f}"


def _gone(name: str) -> Stale:
    mend = f"`mixlaw adapt RUNS --drop {name} --out NEW`, then recommend again"
    return Stale("gone", (name,), f"{name} is gone, the plan's share of it is void", mend)


def _new(name: str) -> Stale:
    mend = "train proxies on what `mixlaw reuse PLAN PROJECT --runs 8 --out DESIGN` writes, then recommend --reuse PLAN"
    return Stale("new", (name,), f"{name} is new, no run has seen it and the plan gives it nothing", mend)


def _same_name(before: Mapping[str, Any], source: Source) -> list[Stale]:
    """Changes to a source that kept its name."""
    found, tokens = [], before.get("tokens")
    if tokens is None and source.tokens is not None:
        line = (
            f"{source.name} has {short(source.tokens)} tokens, which the plan did not know: its epochs and caps are new"
        )
        found.append(Stale("counted", (source.name,), line))
    elif tokens is not None and source.tokens is not None and not same_count(tokens, source.tokens):
        kind = "grown" if source.tokens > tokens else "shrunk"
        line = (
            f"{source.name} has {kind} from {short(tokens)} to {short(source.tokens)} tokens: its epochs and caps "
            "in the plan are stale, the runs are not"
        )
        found.append(Stale(kind, (source.name,), line))
    changed = [key for key in ("min", "max", "max_epochs", "cost") if before.get(key) != getattr(source, key)]
    if changed:
        line = f"{source.name}: {listed(changed)} changed since the plan; the runs are not stale"
        found.append(Stale("bounds", (source.name,), line))
    return found


def _targets(before: Mapping[str, float], targets: tuple[Target, ...]) -> list[Stale]:
    now = {target.name: target.weight for target in targets}
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if not changed:
        return []
    line = f"targets: {listed(changed)} were added, removed or reweighted: the plan is for another objective"
    return [Stale("targets", tuple(changed), line)]
