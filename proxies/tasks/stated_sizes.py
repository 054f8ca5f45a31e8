"""Proxy sizes read from a design that states params, tokens and unique tokens."""

import itertools
import math
from dataclasses import replace

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.runs.run_table import Runs
from proxies.data.corpus import Corpus
from proxies.model.mup import config_for
from proxies.model.transformer import ModelConfig, count_params
from proxies.tasks.proxy_sizes import BATCH_SEQUENCES, MENU, Proposal, ProxySize
from proxies.training.run_spec import marks

MENU_TOLERANCE = 0.02
"""Relative difference of parameters up to which a size of MENU is used, so that a next batch keeps earlier shapes."""
LARGEST_ERROR = 0.25
"""Relative difference (in logarithm) between stated and trained parameters above which a design is refused."""


def names_sizes(table: Runs) -> bool:
    """True if a design states the sizes of its runs.

    Raises:
        MixlawError: if only some rows do, or if params are given without tokens or tokens without params.
    """
    given = {"params": np.isfinite(table.params_R), "tokens": np.isfinite(table.tokens_R)}
    if not any(given_R.any() for given_R in given.values()):
        return False
    for column, given_R in given.items():
        if not given_R.all():
            where = f"run '{table.run_id[~given_R][0]}' has no {column}" if given_R.any() else f"it has no {column}"
            raise MixlawError(
                f"{table.name}: {where}: give params and tokens in every row to run it at these sizes, or leave both "
                "columns out to have sizes chosen"
            )
    return True


def stated_proposal(table: Runs, corpus: Corpus, tokens: float, unique: dict[str, float]) -> Proposal:
    """Proposal with one size per group of equal consecutive rows of a design, in its order and with its run_ids.

    Unique tokens come from the row's `unique:` columns; without them they are chosen to match the budget's epochs.

    Args:
        table: the design, whose sources are the corpus's.
        corpus: the text.
        tokens: D of the budget. unique: unique tokens of the sources, as stated or counted.

    Raises:
        MixlawError: if no shape has about the stated number of parameters.
    """
    rows, scales, notes = [_key(table, r) for r in range(len(table))], [], []
    for (params, length, _), same in itertools.groupby(range(len(rows)), key=lambda r: rows[r]):
        first, *more = list(same)
        config = _shape(table, params, corpus)
        step = BATCH_SEQUENCES * config.length
        own = max(1, round(length / step)) * step
        fraction = min(1.0, own / tokens)
        wanted = {s: _unique(table, first, s, fraction * (unique.get(s) or corpus.tokens[s])) for s in corpus.tokens}
        cut = {s: max(1, min(round(u), corpus.tokens[s])) for s, u in wanted.items()}
        scales.append(ProxySize(config, own, fraction, 1 + len(more), unique=cut))
        notes += _size_notes(params, length, scales[-1])
        notes += [
            f"source {s}: {corpus.tokens[s]:,} tokens of text are here, the design's runs want {u:,.0f} unique ones"
            for s, u in wanted.items()
            if u > corpus.tokens[s] + 1
        ]
    said = dict.fromkeys(["sizes are the design's, whatever --seconds says", *notes])
    return Proposal(tuple(scales), None, tuple(said), tuple(map(str, table.run_id)))


def _key(table: Runs, r: int) -> tuple[float, float, tuple[float, ...]]:
    return float(table.params_R[r]), float(table.tokens_R[r]), tuple(table.unique_RxS[r].tolist())


def _unique(table: Runs, r: int, source: str, matched: float) -> float:
    stated = float(table.unique_RxS[r, table.sources.index(source)])
    return stated if math.isfinite(stated) else matched


def _shape(table: Runs, params: float, corpus: Corpus) -> ModelConfig:
    """The shape with the nearest parameter count; a shape of MENU if it is within MENU_TOLERANCE."""
    vocab, end = marks(corpus)

    def away(config: ModelConfig) -> float:
        return abs(math.log(count_params(config) / params))

    usual = min((replace(config, vocab=vocab, end=end) for config in MENU), key=away)
    if away(usual) <= MENU_TOLERANCE:
        return usual
    try:
        found = min(usual, config_for(params, vocab, end), key=away)
    except MixlawError as error:
        raise MixlawError(f"{table.name}: {error}") from None
    if away(found) > LARGEST_ERROR:
        raise MixlawError(
            f"{table.name}: {params:,.0f} parameters: the nearest shape that can be trained has {count_params(found):,}"
        )
    return found


def _size_notes(params: float, tokens: float, scale: ProxySize) -> list[str]:
    """A note if the trained size differs from the stated one."""
    if math.isclose(scale.params, params, rel_tol=1e-3) and math.isclose(scale.tokens, tokens, rel_tol=1e-3):
        return []
    asked = f"{params:,.0f} parameters and {tokens:,.0f} tokens"
    return [f"the design's {asked} are trained as {scale.params:,} and {scale.tokens:,}, the nearest shape and steps"]
