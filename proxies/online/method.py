"""What a method of online mixing is: settings, a signal for every source, and how weights follow it."""

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
from proxies.training.train import CHUNK

Signal = Callable[[Params, int], np.ndarray]
"""signal_S of the parameters at an update (0 at the first)."""


@dataclass(frozen=True)
class Question:
    """An online run: what would be trained if the mixture were fixed, on which corpus, for which targets.

    `spec.mixture` is where the method begins (see it). `weights`: of the targets, any positive numbers; equal where
    empty. `own`: targets with text of their own though a source has their name (`steering_text.split_steering`).
    """

    spec: RunSpec
    corpus: Corpus
    weights: Mapping[str, float]
    own: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Weights:
    """Mixtures of one moment: `latest_S`, which the next update moves, and `drawn_S`, by which text is drawn."""

    latest_S: np.ndarray
    drawn_S: np.ndarray


@dataclass(frozen=True)
class Method(abc.ABC):
    """Settings of a method: an update after every `every` steps, from `sequences` of each source, none before the part
    `begin` of the run is over."""

    name: ClassVar[str]
    every: int = 128
    sequences: int = 8
    begin: float = 0.0

    def __post_init__(self) -> None:
        if self.every < CHUNK or self.every % CHUNK:
            raise MixlawError(f"{self.name}: an update every {self.every} steps; give a multiple of {CHUNK}")
        if self.sequences < 1:
            raise MixlawError(f"{self.name}: {self.sequences} sequences of each source an update; give at least 1")
        if not 0 <= self.begin < 1:
            raise MixlawError(f"{self.name}: begin is {self.begin:g}; give a part of the run in [0, 1)")

    def updates_after(self, step: int, steps: int) -> bool:
        """Whether the mixture changes after `step` of `steps`; not at the end, where nothing is drawn any more."""
        return step % self.every == 0 and self.begin * steps <= step < steps

    @abc.abstractmethod
    def usual(self, tokens_S: np.ndarray) -> np.ndarray:
        """The spec's mixture where nobody has another in mind; `tokens_S` is what the sources hold."""

    @abc.abstractmethod
    def start(self, shares_S: np.ndarray) -> Weights:
        """Before the first update; `shares_S` is the spec's mixture."""

    @abc.abstractmethod
    def divided(self, question: Question, unique: Mapping[str, int]) -> Divided:
        """What is trained on, and what is set aside."""

    @abc.abstractmethod
    def signal(self, question: Question, divided: Divided, prepared: Params) -> Signal:
        """What weights follow. `prepared` is what `preparation` trained, or {}."""

    @abc.abstractmethod
    def moved(self, weights: Weights, signal_S: np.ndarray) -> Weights:
        """After an update."""

    @abc.abstractmethod
    def flops(self, question: Question, updates: int) -> float:
        """FLOP of so many updates and of the preparation: what the method costs beside training."""

    def preparation(self, spec: RunSpec) -> RunSpec | None:
        """A run to be trained before, if there is one."""
        del spec
        return None

    def about(self) -> dict[str, Any]:
        """Name and settings, as JSON."""
        return {"method": self.name, **vars(self)}


def exponentiated(latest_S: np.ndarray, gain_S: np.ndarray) -> np.ndarray:
    """Weights times exp(gain), summing to 1: a step of exponentiated gradient. Weights of 0 stay 0."""
    most = gain_S[latest_S > 0].max()
    moved_S = latest_S * np.exp(np.minimum(gain_S - most, 0.0))
    return moved_S / moved_S.sum()
