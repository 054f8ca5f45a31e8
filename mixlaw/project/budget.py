"""Budget of the planned run: compute, or N and D; serving; money."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator

from mixlaw.errors import MixlawError, shown
from mixlaw.io.fields import positive
from mixlaw.project.checked import Positive, checked

BUDGET_FORMS = "give flops alone, or params and tokens together"
TOKENS_PER_PARAM = 20.0
"""Compute-optimal training tokens per parameter, about (Hoffmann et al., 2203.15556)."""


def _sorted_sizes(sizes: object) -> tuple[float, ...]:
    if not isinstance(sizes, (list, tuple)):
        raise MixlawError(f"sizes must be a list of numbers, not {shown(sizes)}")
    found = (positive(size, "sizes") for size in sizes)
    return tuple(sorted({size for size in found if size is not None}))


Sizes = Annotated[tuple[float, ...], BeforeValidator(_sorted_sizes)]


@checked("budget")
class Budget:
    """Budget of the planned run: `flops` alone, or `params` and `tokens`, all positive and finite.

    Attributes:
        flops: compute, spent as 6 N D + 2 N `served` (Kaplan et al., 2001.08361, for both factors).
        params, tokens: N and D.
        served: tokens that the model will process over its life.
        sizes: the values of N to choose from with `flops`; if empty, N is free.
        money: limit on the `cost` of all tokens trained on, in the currency of the costs.

    >>> Budget(params=1e9, tokens=2e10).compute
    1.2e+20
    """

    flops: Positive | None = None
    params: Positive | None = None
    tokens: Positive | None = None
    served: Positive | None = None
    sizes: Sizes = ()
    money: Positive | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("flops", "params", "tokens") if getattr(self, name) is not None]
        if given not in (["flops"], ["params", "tokens"]):
            raise MixlawError(f"has {' and '.join(given) or 'no value'}; {BUDGET_FORMS}")
        if self.sizes and self.flops is None:
            raise MixlawError("sizes are for flops, from which N is found; leave out sizes, or params and tokens")
        if not math.isfinite(self.compute):
            raise MixlawError("6 * params * tokens is not a finite number; lower params or tokens")

    @property
    def compute(self) -> float:
        """Compute in FLOP, of training and serving: as given, or 6 N D + 2 N served."""
        if self.flops is not None:
            return self.flops
        assert self.params is not None
        assert self.tokens is not None
        return 6.0 * self.params * self.tokens + 2.0 * self.params * (self.served or 0.0)

    def tokens_for(self, params: np.ndarray | float, flops: np.ndarray | float | None = None) -> np.ndarray:
        """Tokens D that can be trained at each N after serving is paid for, 0 if the compute does not suffice."""
        compute = self.compute if flops is None else flops
        return np.maximum(compute / (6.0 * np.asarray(params, float)) - (self.served or 0.0) / 3.0, 0.0)

    def params_for(
        self, tokens_per_param: float = TOKENS_PER_PARAM, flops: np.ndarray | float | None = None
    ) -> np.ndarray:
        """N at which D = `tokens_per_param` * N uses up the compute: 6 N D + 2 N `served` = C.

        >>> f"{Budget(flops=1.2e20).params_for():.3g} {Budget(flops=1.2e20, served=1e12).params_for():.3g}"
        '1e+09 5.98e+07'
        """
        compute = np.asarray(self.compute if flops is None else flops, float)
        served, ratio = self.served or 0.0, tokens_per_param
        return (np.sqrt(served**2 + 6.0 * ratio * compute) - served) / (6.0 * ratio)
