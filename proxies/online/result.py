"""Result of an online run: its mixture, the path to it, and its row of the run table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixlaw.version import __version__
from proxies.data.mixture import Mixture
from proxies.model import transformer as model
from proxies.online.method import Method, Question
from proxies.online.mixture_batches import MixtureBatches
from proxies.online.steering_text import Divided
from proxies.training.checkpoint import State
from proxies.training.run_spec import RunSpec
from proxies.training.train import Row

SCHEMA = 1


@dataclass(frozen=True)
class OnlineResult:
    """Result of an online run.

    Attributes:
        about: name and settings of the method.
        mixture: average share of every source over the run; sums to 1.
        last: the mixture at the run's end.
        steps_U: steps after which the mixture changed, beginning with 0.
        shares_UxS: mixture from these steps on.
        signal_UxS: signal of these updates; nan for the start.
        row: of the run table; `w:` are the exact shares of the tokens drawn.
        overhead: compute of the method as a share of the compute of training.
        notes: differences from a run with a fixed mixture.
    """

    about: Mapping[str, Any]
    mixture: Mixture
    last: Mixture
    steps_U: np.ndarray
    shares_UxS: np.ndarray
    signal_UxS: np.ndarray
    row: Row
    overhead: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON, which all readers of weights accept, e.g. `mixlaw audit`."""
        path = zip(self.steps_U.tolist(), self.shares_UxS.tolist(), self.signal_UxS.tolist(), strict=True)
        known = [{"step": step, "shares": w, "signal": None if math.isnan(s[0]) else s} for step, w, s in path]
        content = {"schema": SCHEMA, "version": __version__, **self.about, "mixture": dict(self.mixture)}
        content |= {"last": dict(self.last), "path": known, "row": self.row, "overhead": self.overhead}
        return content | {"notes": list(self.notes)}


def row_of(spec: RunSpec, draws: MixtureBatches, found: dict[str, float], tokenizer: str, seconds: float) -> Row:
    """Row of the run table; its mixture is the exact shares of the tokens drawn."""
    seen = draws.seen(spec.steps)
    tokens = sum(seen.values())
    return {
        "run_id": spec.run_id,
        "params": model.count_params(spec.config),
        "tokens": tokens,
        **{f"w:{source}": count / tokens for source, count in seen.items()},
        **found,
        **{f"unique:{source}": pieces.unique for source, pieces in draws.pieces.items()},
        **{f"seen:{source}": count for source, count in seen.items()},
        "seed": spec.seed,
        "tokenizer": tokenizer,
        "flops": spec.flops,
        "seconds": round(seconds, 3),
        "step": spec.steps,
    }


def result_of(question: Question, method: Method, divided: Divided, now: State, row: Row) -> OnlineResult:
    spec, sources = question.spec, question.corpus.sources
    steps_U = np.array([entry["step"] for entry in now.rows])
    shares_UxS = np.array([entry["drawn"] for entry in now.rows])
    nothing = [math.nan] * len(sources)
    signal_UxS = np.array([entry["signal"] or nothing for entry in now.rows])
    mean_S = np.diff([*steps_U, spec.steps]) @ shares_UxS / spec.steps
    mean_S /= mean_S.sum()
    return OnlineResult(
        method.about(),
        Mixture.of(sources, mean_S),
        Mixture.of(sources, shares_UxS[-1]),
        steps_U,
        shares_UxS,
        signal_UxS,
        row,
        method.flops(question, len(now.rows) - 1) / spec.flops,
        divided.notes,
    )
