"""Predict the law parameters of a source that no run contains, from those of the runs' sources."""

from typing import NamedTuple

import numpy as np

from mixlaw.appraisal.appraisal_sections import TextEvidence
from mixlaw.appraisal.extend import source_slices, with_source
from mixlaw.appraisal.nearness import Counts
from mixlaw.appraisal.novelty import novelty
from mixlaw.appraisal.theta import SIZE_PRIOR, THETA_PRIOR, LinePrior, covariate, drawn, left_out_error, line, predicted
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.json import named
from mixlaw.laws import parametric
from mixlaw.project.sources import Source


class _Known(NamedTuple):
    """Values of one parameter of the runs' sources, and the covariate of these and of the new source."""

    z_KxS: np.ndarray
    x_KxS: np.ndarray
    x_K: np.ndarray
    prior: LinePrior

    def expected_K(self) -> np.ndarray:
        return predicted(line(self.z_KxS, self.x_KxS, self.prior), self.z_KxS, self.x_KxS, self.x_K)

    def drawn_K(self, rng: np.random.Generator) -> np.ndarray:
        return drawn(line(self.z_KxS, self.x_KxS, self.prior), self.z_KxS, self.x_KxS, self.x_K, rng)


def with_unseen(fit: Fit, counts: Counts, new: Source, seed: int) -> tuple[Fit, TextEvidence]:
    """The fit with the new source last, and how well text predicts the sources' parameters.

    Its value (theta) is predicted from its n-grams, the harm of its repeats from its unique tokens; any other parameter
    is the known sources' mean. The replicas add the uncertainty of each prediction.

    Args:
        fit: with the unique tokens of its sources.
        counts: n-grams of all sources, including the new one, and of the targets.

    Raises:
        MixlawError: the law has no parameter for the value of a source, or the fit has a source of that name.
    """
    law, parts, rng = parametric(fit.law), source_slices(fit), np.random.default_rng([seed, 9])
    targets, names = [list(counts.targets).index(name) for name in fit.targets], list(counts.sources)
    order, (size_S, size) = [names.index(name) for name in fit.sources], _sizes(fit, new)

    def known(name: str, z_KxP: np.ndarray, draw: np.random.Generator | None = None) -> _Known:
        z_KxS = z_KxP[:, parts[name]]
        if name == law.worth:
            x_KxS = covariate(counts.distances(draw))[targets]
            return _Known(z_KxS, x_KxS[:, order], x_KxS[:, names.index(new.name)], THETA_PRIOR)
        matters = float(name == law.harm)
        return _Known(
            z_KxS, np.tile(matters * size_S, (len(targets), 1)), np.full(len(targets), matters * size), SIZE_PRIOR
        )

    values = {}
    for name in parts:
        again = [known(name, z_KxP, rng).drawn_K(rng) for z_KxP in fit.replicas_BxKxP]
        values[name] = known(name, fit.z_KxP).expected_K(), np.array(again).reshape(-1, len(targets))
    assert law.worth is not None, "source_slices refuses others"
    theta, new_to_it = known(law.worth, fit.z_KxP), novelty(counts, new.name, seed)
    found = line(theta.z_KxS, theta.x_KxS)
    evidence = TextEvidence(
        slope=found.slope,
        spread=found.spread,
        left_out_error=left_out_error(theta.z_KxS, theta.x_KxS),
        novelty=new_to_it.value,
        old_part=new_to_it.old_part,
        nearest=named(tuple(name for name in names if name != new.name), new_to_it.nearest_S),
        theta=named(fit.targets, values[law.worth][0] - theta.z_KxS.mean(1)),
    )
    less = np.log(new_to_it.value)  # the tokens of a copy add nothing to those of the original
    values[law.worth] = tuple(part + less for part in values[law.worth])
    return with_source(fit, new.name, values), evidence


def _sizes(fit: Fit, new: Source) -> tuple[np.ndarray, float]:
    """Logarithms of the unique tokens of the fit's sources and of the new one, minus their mean; 0 for a source of
    unlimited size."""
    unique_S = np.append(np.broadcast_to(np.asarray(fit.unique_S, float), len(fit.sources)), new.tokens or np.inf)
    log_S = np.log(np.where(np.isfinite(unique_S), unique_S, 1.0))
    finite_S = np.isfinite(unique_S)
    middle = log_S[:-1][finite_S[:-1]].mean() if finite_S[:-1].any() else log_S[-1]
    away_S = np.where(finite_S, log_S - middle, 0.0)
    return away_S[:-1], float(away_S[-1])
