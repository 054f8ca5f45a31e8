"""A fit extended by a source that no run contains, with given parameters."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import LAWS, parametric
from mixlaw.laws.base import fitted_fields, parameter_slices


def source_slices(fit: Fit) -> dict[str, slice]:
    """Slices of the unconstrained parameter vector with the law's per-source parameters, by parameter name.

    Raises:
        MixlawError: the law has no parameter for the value of a source.
    """
    law = parametric(fit.law)
    if law.worth is None:
        able = ", ".join(other.name for other in LAWS if other.worth is not None)
        raise MixlawError(f"law {law.name}: does not say what a source is worth apart from runs: choose one of {able}")
    slices = parameter_slices(law, len(fit.sources))
    return {f.name: slices[f.name] for f in fitted_fields(law) if f.metadata["per_source"]}


def with_source(fit: Fit, name: str, new: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Fit:
    """The fit with one more source, in the last place.

    Args:
        name: of the new source, which the fit does not have.
        new: its value of every per-source parameter, unconstrained: one per target (K,) for the fit, and (B, K) for
            the replicas.

    Raises:
        MixlawError: the fit already has a source of that name.
    """
    if name in fit.sources:
        raise MixlawError(f"source '{name}' is among the runs' already: give the sample another --name")
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
        z_KxP=_longer(fit, fit.z_KxP, {key: value[0] for key, value in new.items()}),
        replicas_BxKxP=_longer(fit, fit.replicas_BxKxP, {key: value[1] for key, value in new.items()}),
        support=support,
        unique_S=unique_S,
        goal=None,
        prior=None,
        runs=None,
    )


def _longer(fit: Fit, z_P: np.ndarray, new: Mapping[str, np.ndarray]) -> np.ndarray:
    """Unconstrained parameters (..., P) with one more entry in every per-source field."""
    law = parametric(fit.law)
    slices, parts = parameter_slices(law, len(fit.sources)), []
    for f in fitted_fields(law):
        parts.append(z_P[..., slices[f.name]])
        if f.metadata["per_source"]:
            parts.append(new[f.name][..., None])
    return np.concatenate(parts, axis=-1)
