"""Laws and references that can be fitted to a run table, and predictions of a reference."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.estimation.observations import Observations, observe
from mixlaw.estimation.splits import Split, positions
from mixlaw.fitting.law_selection import repeated
from mixlaw.laws import LAWS, REFERENCES, Law, by_name
from mixlaw.runs.run_table import Runs

METHODS: tuple[Any, ...] = (*LAWS, *REFERENCES)
"""Methods that `compare` uses by default: classes of laws, and of references that refit and predict."""


class Refused(dict[str, str]):
    """Methods left out of a board, with the reason: {name: reason}."""

    def __init__(self, named: bool) -> None:
        super().__init__()
        self.named = named

    @contextmanager
    def instead(self, name: str) -> Iterator[None]:
        """Context that records a MixlawError of the named method, or re-raises it if the user chose the methods."""
        try:
            yield
        except MixlawError as error:
            if self.named:
                raise
            self[name] = str(error)


def supported(runs: Runs, laws: Sequence[Any] | None) -> tuple[list[Any], dict[str, str]]:
    """Methods to compare, and {name: reason} of those skipped. A method in `laws` raises instead of being skipped."""
    methods, skipped = [], {}
    for method in METHODS if laws is None else dict.fromkeys(map(_method, laws)):
        try:
            _check_support(runs, method)
            methods.append(method)
        except MixlawError as error:
            if laws is not None:
                raise
            skipped[method.name] = str(error)
    if not methods:
        raise MixlawError(f"{runs.name}: no law serves the table: {'; '.join(skipped.values())}")
    return methods, skipped


def _method(law: Any) -> Any:
    named = {method.name: method for method in METHODS}
    return (named.get(law) or by_name(law)) if isinstance(law, str) else law


def _check_support(runs: Runs, method: Any) -> None:
    """Raise MixlawError if a method cannot be fitted to the table's columns or scales."""
    observe(runs, method)
    if "unique" in method.needs and not repeated(runs):
        raise MixlawError(f"{runs.name}: no unique: column shows a source that repeats, which {method.name} needs")
    if len(runs.sources) == 1 and "mixture" in method.needs and "unique" not in method.needs:
        raise MixlawError(f"{runs.name}: there is one source, and {method.name} needs mixtures")
    points = np.unique(np.stack([runs.params_R, runs.tokens_R], 1), axis=0)
    if "mixture" not in method.needs and len(points) < 5:
        raise MixlawError(
            f"{runs.name}: {len(points)} sizes and token counts are too few for {method.name}, which does not depend "
            "on the mixture"
        )


def try_references(runs: Runs, split: Split, methods: list[Any], refused: Refused, seed: int) -> None:
    """Refit each reference once, on the training part and target with the fewest losses.

    Most references that the table or the installed packages do not support fail here, before the long computation."""
    parts_PxR = split.inner_train_FxGxR.reshape(-1, len(runs))
    count_PxK = parts_PxR.astype(int) @ np.isfinite(runs.loss_RxK)
    p, k = divmod(int(np.argmin(count_PxK)), count_PxK.shape[1])
    for method in methods:
        if not issubclass(method, Law):
            with refused.instead(method.name):
                seen = observe(runs, method)
                reference_losses(method, seen, positions(seen.runs), k, parts_PxR[p], seed)


def nowhere(refused: dict[str, Refused], notes: list[str]) -> dict[str, str]:
    """{name: reason} of methods that are on no board. Methods missing on one board only are added to the notes."""
    skipped = {}
    for name in dict.fromkeys(name for why in refused.values() for name in why):
        reasons = {board: why[name] for board, why in refused.items() if name in why}
        if len(reasons) == len(refused):
            skipped[name] = next(iter(reasons.values()))
        else:
            notes += [f"{name} is not judged on {board}: {reason}" for board, reason in reasons.items()]
    return skipped


def reference_losses(
    method: Any, seen: Observations, rows: np.ndarray, target: int, train_R: np.ndarray, seed: int
) -> np.ndarray:
    """Losses (R,) predicted by a reference fitted on the training rows; nan in rows that it cannot use."""
    weight_N = seen.weight_KxR[target] * train_R[rows]
    loss_N = np.where(weight_N > 0, np.exp(seen.log_loss_KxR[target]), 1.0)  # losses of other rows are not used
    loss_R = np.full(len(train_R), np.nan)
    loss_R[rows] = method.predict(seen.rows, loss_N, weight_N, seen.rows, seed)
    return loss_R
