"""The runs of a proposal: each source cut down with the budget's tokens, so that its epochs stay."""

import itertools
from collections.abc import Mapping, Sequence

from mixlaw.errors import MixlawError
from proxies.data.corpus import Corpus
from proxies.data.mixture import Mixture
from proxies.tasks.proxy_sizes import BATCH, Proposal, ProxySize
from proxies.training.train import RunSpec

LEAST_UNIQUE = 4_096  # tokens: a smaller subset says little about its source


def unique_tokens(scale: ProxySize, corpus: Corpus, tokens: Mapping[str, float] | None = None) -> dict[str, int]:
    """Unique tokens of every source for the scale's runs: its own, else fraction * U, as far as the corpus's text goes.

    `tokens` is U by source as the project states it, the corpus's own where None or absent.
    """
    if scale.unique is not None:
        return dict(scale.unique)
    stated = tokens or {}
    wanted = {s: scale.fraction * (stated.get(s) or own) for s, own in corpus.tokens.items()}
    return {s: max(1, min(round(wanted[s]), own)) for s, own in corpus.tokens.items()}


def shortfalls(proposal: Proposal, corpus: Corpus, tokens: Mapping[str, float] | None = None) -> list[str]:
    """Notes on sources whose text on this machine, or whose matched subset, is too small for its proxies."""
    notes, stated = [], tokens or {}
    for source, own in corpus.tokens.items():
        for scale in sorted(proposal.scales, key=lambda s: -s.tokens):
            wanted = scale.fraction * (stated.get(source) or own)
            if own < min(wanted, scale.tokens) - 1:
                notes.append(
                    f"source {source}: {own:,} tokens of text are here, {min(wanted, scale.tokens):,.0f}"
                    " would match the budget's epochs: the proxies may repeat it more often"
                )
            elif wanted < LEAST_UNIQUE:
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
    """One run per mixture, scales in the proposal's order; a mixture again at its scale gets a seed of its own. Names
    are the proposal's, or count the runs.

    Raises MixlawError unless there are `proposal.runs` mixtures.
    """
    if len(mixtures) != proposal.runs:
        raise MixlawError(f"{len(mixtures)} mixtures for {proposal.runs} runs; give one each")
    owners = itertools.chain.from_iterable(itertools.repeat(scale, scale.runs) for scale in proposal.scales)
    specs: list[RunSpec] = []
    for i, (scale, mixture) in enumerate(zip(owners, mixtures, strict=True)):
        before = sum(s.config == scale.config and s.tokens == scale.tokens and s.mixture == mixture for s in specs)
        name = proposal.names[i] if proposal.names else f"proxy-{i:03d}"
        # 2^20: far from the seeds a user gives next, whose runs must not be these.
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
    """One run at a scale, e.g. of a plan at `demo_scales().target`."""
    unique = unique_tokens(scale, corpus, tokens)
    return RunSpec(run_id, mixture, scale.config, scale.tokens, 1.0, unique, seed, BATCH)
