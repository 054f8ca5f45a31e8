"""Which form and which distance: by the regret of picking among mixtures that a fit has not seen.

A projector is there to pick a mixture, so it is judged by what its pick loses. Some of the pilots' mixtures are held
out, a form is fitted to the rest and picks the best of those held out: its regret is their performance under the one
it picked, less the lowest of them. (The error of held-out predictions is a poor guide to the pick:
analysis/NOTES.md.) The first form and distance given stay unless another's regret is lower by more than a standard
error of the difference: with few pilots a free choice costs more than it brings. Sets held out overlap, so the
standard error counts as many as there are without a common mixture. The regret of what is chosen is itself too low: an
outer round of held-out mixtures, in which the choice is made anew without them, gives the honest one. Pilots alone
are used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from mixlaw.errors import MixlawError
from mixlaw.projector.fitted import Projector, fit_projector
from mixlaw.projector.forms import FORMS, Form
from mixlaw.projector.pilots import Pilots
from mixlaw.typing import Array

SPLITS, ROUNDS = 40, 16  # sets held out at most; fewer in the outer round and within it
PART = 4  # one mixture of so many is held out, two at least
FEWEST_MIXTURES = 4  # mixtures: two to fit to, two to pick from

Candidate = tuple[Form, str]
Tables = Mapping[str, Pilots]
Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        projector: the chosen form, fitted to all pilots.
        distance: the name of the distance chosen.
        regrets: held-out regret by (form, distance), lowest first: mean over splits and scales, in the performance's
            unit.
        regret: of the choosing itself, on mixtures that neither fit nor choice have seen.
        blind: of picking one of the held-out mixtures at random.
        refused: why other forms were no candidates, by name.
    """

    projector: Projector
    distance: str
    regrets: Mapping[tuple[str, str], float]
    regret: float
    blind: float
    refused: Mapping[str, str]

    def __str__(self) -> str:
        lines = [f"{form} on {name}: held-out regret {value:.3g}" for (form, name), value in self.regrets.items()]
        lines.append(f"chosen: {self.projector.form.name} on {self.distance}; regret of choosing so {self.regret:.3g}")
        lines.append(f"picking at random: {self.blind:.3g}")
        return "\n".join([*lines, *(f"no candidate: {why}" for why in self.refused.values())])


def choose_projector(pilots: Pilots | Tables, forms: Sequence[Form] = FORMS, seed: int = 0) -> Choice:
    """The form and the distance by held-out regret: the first, unless the lowest is clearly below it.

    Args:
        pilots: or the same runs with several distances, {name of the distance: pilots}, the one to keep first.
        forms: candidates, the one to keep first, as far as they can be fitted to the pilots less a quarter of the
            mixtures.
        seed: of the sets held out, where there are more than are taken.

    Raises:
        MixlawError: runs that are not the same, too few mixtures to hold any out, or no form that can be fitted.
    """
    tables: Tables = {"distance": pilots} if isinstance(pilots, Pilots) else dict(pilots)
    first = _checked(tables)
    held_HxR = held_out(first, SPLITS, seed)
    judged, refused = _judged(tables, forms, held_HxR)
    if not judged:
        raise MixlawError(f"projector: no form can be fitted: {next(iter(refused.values()), 'none was given')}")
    form, name = _pick(judged, first)
    mean_of = {candidate: float(lost_H.mean()) for candidate, lost_H in judged.items()}
    anew = [_chosen_anew(tables, forms, held_R, seed) for held_R in held_out(first, ROUNDS, seed + 1)]
    return Choice(
        fit_projector(tables[name], form),
        name,
        {(form.name, name): mean for (form, name), mean in sorted(mean_of.items(), key=lambda item: item[1])},
        float(np.mean(anew)),
        float(np.mean([regret(first, held_R, None) for held_R in held_HxR])),
        refused,
    )


def held_out(pilots: Pilots, most: int, seed: int) -> Masks:
    """Masks (H, R) of pilots to hold out: all sets of a quarter of the mixtures (two at least), or `most` at random."""
    groups = int(pilots.group_R.max()) + 1
    size = _held(groups)
    rng = np.random.default_rng(seed)
    few = comb(groups, size) <= most
    sets = combinations(range(groups), size) if few else (rng.choice(groups, size, False) for _ in range(most))
    return np.stack([np.isin(pilots.group_R, np.array(list(part))) for part in sets])


def regret(pilots: Pilots, held_R: NDArray[np.bool_], projector: Projector | None) -> float:
    """What a projector's pick among the held-out mixtures loses at their scales, in the mean; None picks at random.

    Mixtures compare at one scale; runs of one mixture there (seeds) count as their mean.
    """
    lost = []
    for n in np.unique(pilots.n_R[held_R]):
        there = pilots.of_rows(held_R & (pilots.n_R == n))
        count_G = np.bincount(there.group_R)
        reached_G = np.bincount(there.group_R, there.performance_R) / count_G
        if projector is None:
            lost.append(float(reached_G.mean() - reached_G.min()))
            continue
        predicted_R = projector.predict_at(there.w_RxS, there.distance_R, float(n)).performance_Q
        predicted_G = np.bincount(there.group_R, predicted_R) / count_G
        lost.append(float(reached_G[np.argmin(predicted_G)] - reached_G.min()))
    return float(np.mean(lost))


def _checked(tables: Tables) -> Pilots:
    """The runs that all tables share."""
    if not tables:
        raise MixlawError("projector: there are no pilots to choose by")
    first = next(iter(tables.values()))
    for name, other in tables.items():
        pairs = ((first.w_RxS, other.w_RxS), (first.n_R, other.n_R), (first.performance_R, other.performance_R))
        if first.sources != other.sources or not all(np.array_equal(a, b) for a, b in pairs):
            raise MixlawError(
                f"projector: the pilots with distance {name} are not the runs of the first; give the same"
            )
    groups = int(first.group_R.max()) + 1
    if groups < FEWEST_MIXTURES:
        raise MixlawError(
            f"projector: pilots of {groups} mixtures, too few to hold any out: run {FEWEST_MIXTURES} or more, "
            "or name a form"
        )
    return first


def _judged(tables: Tables, forms: Sequence[Form], held_HxR: Masks) -> tuple[dict[Candidate, Array], dict[str, str]]:
    """Regrets (H,) of the forms, with each distance, that can be fitted whatever is held out; why the others cannot."""
    found: dict[Candidate, Array] = {}
    refused = {}
    for form in forms:
        try:
            for name in tables if form.reads_distance else list(tables)[:1]:
                pilots = tables[name]
                each = [regret(pilots, held_R, fit_projector(pilots.of_rows(~held_R), form)) for held_R in held_HxR]
                found[form, name] = np.array(each)
        except MixlawError as why:
            refused[form.name] = f"some held out, {why}"
    return found, refused


def _pick(judged: Mapping[Candidate, Array], pilots: Pilots) -> Candidate:
    """The first candidate, unless the lowest mean regret is below its by more than a standard error."""
    first, lowest = next(iter(judged)), min(judged, key=lambda candidate: judged[candidate].mean())
    gain_H = judged[first] - judged[lowest]
    groups = int(pilots.group_R.max()) + 1
    apart = groups / _held(groups)
    return lowest if gain_H.mean() > gain_H.std() / np.sqrt(apart) else first


def _held(groups: int) -> int:
    """How many of so many mixtures are held out."""
    return max(2, groups // PART)


def _chosen_anew(tables: Tables, forms: Sequence[Form], held_R: NDArray[np.bool_], seed: int) -> float:
    """The regret, on mixtures held out, of what the other pilots choose; at random where those are too few."""
    rest = {name: pilots.of_rows(~held_R) for name, pilots in tables.items()}
    first, full = next(iter(rest.values())), next(iter(tables.values()))
    if int(first.group_R.max()) + 1 < FEWEST_MIXTURES:
        return regret(full, held_R, None)
    inner_HxR = held_out(first, ROUNDS, seed)
    judged, _ = _judged(rest, forms, inner_HxR)
    if not judged:
        return regret(full, held_R, None)
    form, name = _pick(judged, first)
    return regret(tables[name], held_R, fit_projector(rest[name], form))
