"""Sources and targets."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import overload

import numpy as np

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.io.fields import positive
from mixlaw.mixtures.simplex import check_bounds
from mixlaw.project.budget import Budget as Budget
from mixlaw.project.checked import Count, NotNegative, Paths, Positive, Share, checked
from mixlaw.typing import Array


@checked("source")
class Source:
    """A pool of training text.

    Attributes:
        name: its name in mixtures, `w:` columns and reports.
        tokens: number of its unique tokens, or None if they are not counted yet.
        paths: files or folders, as written in the project file.
        documents: number of documents, for trainers whose weights count documents.
        min, max: smallest and largest token share.
        max_epochs: largest number of passes over it; None: no cap.
        share: fixed token share, or None; min and max are then equal to it.
        cost: cost of training on one of its tokens, in the currency of the budget's money.

    Raises:
        MixlawError: a value is out of range; the message names the source and the field.

    >>> Source("code", 3e11, max=0.5).max
    0.5
    """

    name: str
    tokens: Positive | None
    paths: Paths = ()
    documents: Count | None = None
    min: Share = 0.0
    max: Share = 1.0
    max_epochs: Positive | None = None
    share: Share | None = None
    cost: NotNegative | None = None

    def __post_init__(self) -> None:
        if self.share is not None:
            if (self.min, self.max) not in ((0.0, 1.0), (self.share, self.share)):
                raise MixlawError("share fixes it; leave out min and max")
            _set(self, "min", self.share)
            _set(self, "max", self.share)
        if self.min > self.max:
            raise MixlawError(f"min {self.min:g} exceeds max {self.max:g}; lower min or raise max")


@checked("target")
class Target:
    """A validation set whose loss matters.

    Attributes:
        name: its name in the `loss:` column of the run table.
        weight: its weight in the objective, 0 or more.
        max_loss: upper bound (ceiling) on its loss, nats per token; None: no bound.
        paths: its files. If empty, the held-out documents of the source with the same name are used.

    >>> Target("code", weight=2, max_loss=1.1).max_loss
    1.1
    """

    name: str
    weight: NotNegative = 1.0
    max_loss: Positive | None = None
    paths: Paths = ()


@dataclass(frozen=True)
class Sources:
    """An ordered, immutable collection of sources whose bounds at least one mixture satisfies.

    Raises:
        MixlawError: there is no source, a name is repeated, or no mixture satisfies the bounds.

    >>> sources = Sources([Source("web", 6e12), Source("code", 2e12)])
    >>> sources.proportional()
    array([0.75, 0.25])
    """

    items: tuple[Source, ...]

    def __init__(self, items: Iterable[Source]) -> None:
        _set(self, "items", tuple(items))
        if not self.items:
            raise MixlawError("sources: there is none; name at least one")
        doubles = sorted(name for name, count in Counter(self.names).items() if count > 1)
        if doubles:
            raise MixlawError(f"sources: {listed(doubles)} given twice; names must differ")
        check_bounds(self.names, self.min_S, self.max_S)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Source]:
        return iter(self.items)

    def __contains__(self, name: object) -> bool:
        return name in self._position

    @overload
    def __getitem__(self, name: str) -> Source: ...
    @overload
    def __getitem__(self, name: int) -> Source: ...
    def __getitem__(self, name: str | int) -> Source:
        """The source with this name or at this position. Raises MixlawError if the name is unknown."""
        if isinstance(name, int):
            return self.items[name]
        if name not in self._position:
            raise MixlawError(f"unknown source {shown(name)}; {nearest(name, self.names)}")
        return self.items[self._position[name]]

    @cached_property
    def _position(self) -> dict[str, int]:
        return {source.name: i for i, source in enumerate(self.items)}

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(source.name for source in self.items)

    @property
    def tokens_S(self) -> Array:
        """Unique tokens of each source, nan if unknown."""
        return np.array([math.nan if s.tokens is None else s.tokens for s in self.items])

    @property
    def min_S(self) -> Array:
        return np.array([s.min for s in self.items])

    @property
    def max_S(self) -> Array:
        return np.array([s.max for s in self.items])

    @property
    def max_epochs_S(self) -> Array:
        """Cap on the epochs of each source, inf if there is none."""
        return np.array([math.inf if s.max_epochs is None else s.max_epochs for s in self.items])

    def proportional(self) -> Array:
        """The mixture proportional to the sources' sizes, shape (S,). Raises MixlawError if a size is unknown."""
        unknown = [s.name for s in self.items if s.tokens is None]
        if unknown:
            raise MixlawError(f"sources: tokens of {listed(unknown)} are unknown; state them to get proportions")
        share_S = self.tokens_S / self.tokens_S.max()  # so that the sum of sizes near the float limit is finite
        return share_S / share_S.sum()

    def with_tokens(self, tokens: Mapping[str, float]) -> Sources:
        """The sources with the token counts of `tokens` (by name) in place of their own."""
        for name in tokens:
            self[name]
        return Sources(replace(s, tokens=tokens[s.name]) if s.name in tokens else s for s in self.items)

    def upper_S(self, tokens: float | None) -> Array:
        """The largest share of each source in a run of D `tokens`: min(max, max_epochs U / D), shape (S,).

        If `tokens` is None, caps on epochs are ignored and `max` is returned.

        Raises:
            MixlawError: `tokens` is not positive, or a source with max_epochs has no token count.
        """
        if tokens is None:
            return self.max_S
        D = positive(tokens, "tokens of the run")
        for source in self.items:
            if source.max_epochs is not None and source.tokens is None:
                raise MixlawError(f"source {source.name}: max_epochs needs its tokens, which are unknown; state them")
        capped_S = np.isfinite(self.max_epochs_S)
        with np.errstate(over="ignore"):  # an infinite cap is no cap
            share_S = np.where(capped_S, self.max_epochs_S, 1.0) * (np.where(capped_S, self.tokens_S, 1.0) / D)
        return np.where(capped_S, np.minimum(self.max_S, share_S), self.max_S)

    def hash(self) -> str:
        """A short sha256 of all settings of the sources, in their order."""
        content = json.dumps([asdict(s) for s in self.items], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def _set(instance: object, name: str, value: object) -> None:
    object.__setattr__(instance, name, value)
