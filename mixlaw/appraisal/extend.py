"""A fit with one more source, of which no run knows anything."""

from dataclasses import replace

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fitted import Fit
from mixlaw.laws import LAWS, parametric
from mixlaw.laws.base import fitted_fields, parameter_slices


def worth_slice(fit: Fit) -> slice:
    """Where the parameters that say what sources are worth stand in the unconstrained vector.

    Raises:
        MixlawError: the law has none.
    """
    law = parametric(fit.law)
    if law.worth is None:
        able = ", ".join(other.name for other in LAWS if other.worth is not None)
        raise MixlawError(f"law {law.name}: does not say what a source is worth apart from runs: choose one of {able}")
    return parameter_slices(law, len(fit.sources))[law.worth]


def with_source(fit: Fit, name: str, worth_K: np.ndarray, worth_BxK: np.ndarray) -> Fit:
    """The fit with a source more, last; its other parameters are the mean of the other sources'.

    Args:
        name: of the new source, which the fit does not have.
        worth_K: what it is worth for each target (theta), in the fit.
        worth_BxK: the same in each replica.

    Raises:
        MixlawError: the fit knows a source of that name, or its law has no such parameter.
    """
    if name in fit.sources:
        raise MixlawError(f"source '{name}' is among the runs' already: give the sample another --name")
    worth_slice(fit)
    support = replace(
        fit.support,
        least_S=np.append(fit.support.least_S, 0.0),
        most_S=np.append(fit.support.most_S, 0.0),
        epochs_S=np.append(fit.support.epochs_S, 1.0),
    )
    unique_S = np.append(np.broadcast_to(np.asarray(fit.unique_S, float), len(fit.sources)), np.inf)
    return replace(
        fit,
        sources=(*fit.sources, name),
        z_KxP=_longer(fit, fit.z_KxP, worth_K),
        replicas_BxKxP=_longer(fit, fit.replicas_BxKxP, worth_BxK),
        support=support,
        unique_S=unique_S,
        goal=None,
        prior=None,
        runs=None,
    )


def _longer(fit: Fit, z_P: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Unconstrained parameters (..., P) with an entry more in every field that has one for each source."""
    law = parametric(fit.law)
    slices, parts = parameter_slices(law, len(fit.sources)), []
    for f in fitted_fields(law):
        part = z_P[..., slices[f.name]]
        parts.append(part)
        if f.metadata["per_source"]:
            new = worth if f.name == law.worth else part.mean(-1)
            parts.append(new[..., None])
    return np.concatenate(parts, axis=-1)
