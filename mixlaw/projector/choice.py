"""Choice of form and distance by held-out regret.

A projector is used to pick a mixture, so it is scored by the regret of its pick. Some of the pilots' mixtures are held
out, and a form fitted to the others picks the held-out mixture with the lowest prediction. The regret is the measured
performance of the picked mixture minus the lowest measured performance. (The error of held-out predictions is a poor
guide to the pick: analysis/NOTES.md.) The first form and distance given are kept unless another's regret is lower by
more than one standard error of the difference, because with few pilots a free choice costs more than it gains.
Held-out sets overlap, so the standard error counts only as many as can be disjoint. The regret of the chosen form is
biased low by the choice. An outer round of held-out mixtures, which repeats the choice without them, gives an
out-of-sample estimate. Only pilots are used.
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

SPLITS, ROUNDS = 40, 16  # largest number of held-out sets, and a smaller one for the nested rounds
HELD_OUT_EVERY = 4  # one mixture in HELD_OUT_EVERY is held out, at least two
FEWEST_MIXTURES = 4  # mixtures: two to fit to, two to pick from

Candidate = tuple[Form, str]
Tables = Mapping[str, Pilots]
Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Choice:
    """The chosen form and distance, with the held-out regrets of all candidates.

    Attributes:
        projector: the chosen form, fitted to all pilots.
        distance: the name of the distance chosen.
        regrets: held-out regret by (form, distance), lowest first: mean over splits and scales, in the performance's
            unit.
        regret: nested held-out regret of the choice, on mixtures that neither the fit nor the choice used.
        blind: regret of picking a held-out mixture at random.
        refused: forms that could not be fitted, with the reason.

    >>> from mixlaw.projector import form_named
    >>> from mixlaw.transport import EnergyDistance, Samples
    >>> points = {"web": [[0.0], [1.0]], "code": [[3.0], [4.0]]}
    >>> distance = EnergyDistance(Samples.of(points, [[1.0], [1.0], [3.0]]))
    >>> w_RxS = [[0.0, 1.0], [0.2, 0.8], [0.4, 0.6], [0.6, 0.4], [0.8, 0.2]]
    >>> pilots = Pilots.of(distance, w_RxS, n=100, performance=[4.5, 3.9, 3.2, 3.0, 3.1])
    >>> chosen = choose_projector(pilots, [form_named("joint-distance"), form_named("linear")])
    >>> chosen.projector.form.name, round(chosen.regrets["linear", "distance"], 3)
    ('joint-distance', 0.01)
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
    """Choose form and distance by held-out regret: the first of each, unless another is clearly better.

    Args:
        pilots: the pilots, or the same runs with several distances as {name of the distance: pilots}, default first.
        forms: candidates, default first. A form that cannot be fitted without a quarter of the mixtures is skipped.
        seed: seed of the random held-out sets, used if there are too many sets to take all.

    Raises:
        MixlawError: the tables have different runs, there are too few mixtures to hold any out, or no form can be
            fitted.

    >>> from mixlaw.projector import form_named
    >>> from mixlaw.transport import EnergyDistance, Samples
    >>> points = {"web": [[0.0], [1.0]], "code": [[3.0], [4.0]]}
    >>> distance = EnergyDistance(Samples.of(points, [[1.0], [1.0], [3.0]]))
    >>> w_RxS = [[0.0, 1.0], [0.2, 0.8], [0.4, 0.6], [0.6, 0.4], [0.8, 0.2]]
    >>> pilots = Pilots.of(distance, w_RxS, n=100, performance=[4.5, 3.9, 3.2, 3.0, 3.1])
    >>> chosen = choose_projector(pilots, [form_named("joint-distance"), form_named("linear")])
    >>> chosen.distance, chosen.projector.form.name
    ('distance', 'joint-distance')
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
    """Masks (H, R) of pilots to hold out: all sets of a quarter of the mixtures (at least two), or `most` random."""
    groups = int(pilots.group_R.max()) + 1
    size = _held(groups)
    rng = np.random.default_rng(seed)
    few = comb(groups, size) <= most
    sets = combinations(range(groups), size) if few else (rng.choice(groups, size, False) for _ in range(most))
    return np.stack([np.isin(pilots.group_R, np.array(list(part))) for part in sets])


def regret(pilots: Pilots, held_R: NDArray[np.bool_], projector: Projector | None) -> float:
    """Mean regret, over scales, of a projector's pick among the held-out mixtures; of a random pick if it is None.

    Mixtures are compared within a scale. Runs of one mixture at one scale (seeds) are averaged.
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
    """Regrets (H,) of each form and distance that can be fitted on every training part, and why others cannot."""
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
    """The first candidate, unless the lowest mean regret is below its own by more than one standard error."""
    first, lowest = next(iter(judged)), min(judged, key=lambda candidate: judged[candidate].mean())
    gain_H = judged[first] - judged[lowest]
    groups = int(pilots.group_R.max()) + 1
    apart = groups / _held(groups)
    return lowest if gain_H.mean() > gain_H.std() / np.sqrt(apart) else first


def _held(groups: int) -> int:
    """Number of mixtures to hold out of `groups`."""
    return max(2, groups // HELD_OUT_EVERY)


def _chosen_anew(tables: Tables, forms: Sequence[Form], held_R: NDArray[np.bool_], seed: int) -> float:
    """Regret on held-out mixtures of the choice made from the other pilots; of a random pick if they are too few."""
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
