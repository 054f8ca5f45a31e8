"""Base class of online mixing methods: settings, signal of every source, and update of the weights."""

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixlaw.errors import MixlawError
from proxies.data.corpus import Corpus
from proxies.model.transformer import Params
from proxies.online.steering_text import Divided
from proxies.training.run_spec import RunSpec
from proxies.training.train import STEPS_PER_CALL

Signal = Callable[[Params, int], np.ndarray]
"""signal_S of the parameters at an update (0 at the first)."""


@dataclass(frozen=True)
class Question:
    """Task of an online method: the run, its corpus and its targets.

    `spec`: the run, with the method's initial mixture. `weights`: positive weights of the targets; if empty, equal.
    `own`: targets with text of their own though a source has their name (`steering_text.split_steering`).
    """

    spec: RunSpec
    corpus: Corpus
    weights: Mapping[str, float]
    own: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Weights:
    """Mixtures after an update: `latest_S`, which the next update changes, and `drawn_S`, by which text is drawn."""

    latest_S: np.ndarray
    drawn_S: np.ndarray


@dataclass(frozen=True)
class Method(abc.ABC):
    """Settings of a method.

    Attributes:
        every: steps between two updates.
        sequences: read of each source for an update.
        begin: part of the run before the first update.
    """

    name: ClassVar[str]
    every: int = 128
    sequences: int = 8
    begin: float = 0.0

    def __post_init__(self) -> None:
        if self.every < STEPS_PER_CALL or self.every % STEPS_PER_CALL:
            raise MixlawError(f"{self.name}: an update every {self.every} steps; give a multiple of {STEPS_PER_CALL}")
        if self.sequences < 1:
            raise MixlawError(f"{self.name}: {self.sequences} sequences of each source an update; give at least 1")
        if not 0 <= self.begin < 1:
            raise MixlawError(f"{self.name}: begin is {self.begin:g}; give a part of the run in [0, 1)")

    def updates_after(self, step: int, steps: int) -> bool:
        """True if the mixture is updated after `step` of `steps` (never at the end)."""
        return step % self.every == 0 and self.begin * steps <= step < steps

    @abc.abstractmethod
    def usual(self, tokens_S: np.ndarray) -> np.ndarray:
        """Default initial mixture (S,); `tokens_S`: tokens of the sources."""

    @abc.abstractmethod
    def start(self, shares_S: np.ndarray) -> Weights:
        """Weights before the first update; `shares_S`: the spec's mixture."""

    @abc.abstractmethod
    def divided(self, question: Question, unique: Mapping[str, int]) -> Divided:
        """Split of the corpus into training text and steering text."""

    @abc.abstractmethod
    def signal(self, question: Question, divided: Divided, prepared: Params) -> Signal:
        """The signal. `prepared`: parameters that `preparation` trained, or {}."""

    @abc.abstractmethod
    def moved(self, weights: Weights, signal_S: np.ndarray) -> Weights:
        """Weights after an update by `signal_S`."""

    @abc.abstractmethod
    def flops(self, question: Question, updates: int) -> float:
        """FLOP of `updates` updates and of the preparation: the cost of the method in addition to training."""

    def preparation(self, spec: RunSpec) -> RunSpec | None:
        """Run to be trained before the online run, or None."""
        del spec
        return None

    def about(self) -> dict[str, Any]:
        """Name and settings, as JSON."""
        return {"method": self.name, **vars(self)}


def exponentiated(latest_S: np.ndarray, gain_S: np.ndarray) -> np.ndarray:
    """Step of exponentiated gradient: weights (S,) times exp(gain), normalised. Weights of 0 stay 0.

    >>> exponentiated(np.array([0.5, 0.5]), np.log([3.0, 1.0])).tolist()
    [0.75, 0.25]
    """
    most = gain_S[latest_S > 0].max()
    moved_S = latest_S * np.exp(np.minimum(gain_S - most, 0.0))
    return moved_S / moved_S.sum()
