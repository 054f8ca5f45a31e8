"""Run specs of a proposal, with sources subsampled so that their epochs match the budget's."""

import itertools
from collections.abc import Mapping, Sequence

from mixlaw.errors import MixlawError
from proxies.data.corpus import Corpus
from proxies.data.mixture import Mixture
from proxies.tasks.proxy_sizes import BATCH_SEQUENCES, Proposal, ProxySize
from proxies.training.train import RunSpec

SMALLEST_SUBSET = 4_096  # tokens of a source below which a note warns that they represent it poorly


def unique_tokens(scale: ProxySize, corpus: Corpus, tokens: Mapping[str, float] | None = None) -> dict[str, int]:
    """Unique tokens of every source for the runs of a size: `scale.unique`, else fraction * U, at most the corpus's.

    Args:
        scale: the size. corpus: the text.
        tokens: U by source as the project states it; the corpus's tokens for sources that it lacks.
    """
    if scale.unique is not None:
        return dict(scale.unique)
    stated = tokens or {}
    wanted = {s: scale.fraction * (stated.get(s) or own) for s, own in corpus.tokens.items()}
    return {s: max(1, min(round(wanted[s]), own)) for s, own in corpus.tokens.items()}


def shortfalls(proposal: Proposal, corpus: Corpus, tokens: Mapping[str, float] | None = None) -> list[str]:
    """Notes on sources that have less text here, or smaller subsets, than the proxies need."""
    notes, stated = [], tokens or {}
    for source, own in corpus.tokens.items():
        for scale in sorted(proposal.scales, key=lambda s: -s.tokens):
            wanted = scale.fraction * (stated.get(source) or own)
            if own < min(wanted, scale.tokens) - 1:
                notes.append(
                    f"source {source}: {own:,} tokens of text are here, {min(wanted, scale.tokens):,.0f}"
                    " would match the budget's epochs: the proxies may repeat it more often"
                )
            elif wanted < SMALLEST_SUBSET:
                notes.append(f"source {source}: matched subsets of {wanted:,.0f} tokens say little about it")
            else:
                continue
            break
    return notes


def run_specs(
    proposal: Proposal,
    mixtures: Sequence[Mixture],
    corpus: Corpus,
    *,
    seed: int = 0,
    tokens: Mapping[str, float] | None = None,
) -> list[RunSpec]:
    """One run per mixture, in the order of the proposal's sizes. Repeated runs get different seeds.

    Run_ids are `proposal.names`, or proxy-000, proxy-001, ...

    >>> from proxies.data.corpus import build_corpus
    >>> from proxies.tasks.proxy_sizes import propose
    >>> corpus = build_corpus({"web": [f"text {i} " * 20 for i in range(40)]})
    >>> specs = run_specs(propose(1e9, 2e10, workers=8, runs=10), [Mixture({"web": 1.0})] * 10, corpus)
    >>> [(spec.run_id, spec.seed) for spec in specs[:2]]
    [('proxy-000', 0), ('proxy-001', 1048576)]

    Raises:
        MixlawError: if the number of mixtures is not `proposal.runs`.
    """
    if len(mixtures) != proposal.runs:
        raise MixlawError(f"{len(mixtures)} mixtures for {proposal.runs} runs; give one each")
    owners = itertools.chain.from_iterable(itertools.repeat(scale, scale.runs) for scale in proposal.scales)
    specs: list[RunSpec] = []
    for i, (scale, mixture) in enumerate(zip(owners, mixtures, strict=True)):
        before = sum(s.config == scale.config and s.tokens == scale.tokens and s.mixture == mixture for s in specs)
        name = proposal.names[i] if proposal.names else f"proxy-{i:03d}"
        # Steps of 2^20 keep these seeds apart from other seeds that a user is likely to give.
        specs.append(spec_at(scale, mixture, corpus, name, seed=seed + (before << 20), tokens=tokens))
    return specs


def spec_at(
    scale: ProxySize,
    mixture: Mixture,
    corpus: Corpus,
    run_id: str,
    *,
    seed: int = 0,
    tokens: Mapping[str, float] | None = None,
) -> RunSpec:
    """One run of a size, e.g. of a plan at `demo_scales().target`. For `tokens` see `unique_tokens`."""
    unique = unique_tokens(scale, corpus, tokens)
    return RunSpec(run_id, mixture, scale.config, scale.tokens, 1.0, unique, seed, BATCH_SEQUENCES)
