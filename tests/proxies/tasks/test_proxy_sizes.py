"""Scales: proxies keep the budget's epochs and N/U wherever the allowance lets them, and say where not."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixlaw.errors import MixlawError
from mixlaw.estimation.goals import goal
from mixlaw.project.budget import TOKENS_PER_PARAM, Budget
from mixlaw.project.project_file import read_project
from proxies.data.corpus import build_corpus
from proxies.data.mixture import Mixture
from proxies.tasks.proxy_sizes import BATCH_SEQUENCES, COMPUTE_RATIO, MENU, demo_scales, propose
from proxies.tasks.run_specs import run_specs, shortfalls, spec_at, unique_tokens
from proxies.tasks.task import project_task


def test_the_menu_grows():
    sizes = [s.width**2 * s.depth for s in MENU]
    assert sizes == sorted(sizes)


def test_the_demo_keeps_both_ratios_and_its_target_costs_five_times_the_largest_proxy():
    proposal = demo_scales()
    target = proposal.target
    assert target is not None
    ray = [scale for scale in proposal.scales if scale.on_ray]
    assert len(ray) == 3
    assert proposal.runs >= 24
    for scale in ray:
        assert scale.tokens / target.tokens == pytest.approx(scale.fraction, rel=1e-3)
        assert scale.params / target.params == pytest.approx(scale.fraction, rel=1e-3)
    for scale in proposal.scales:
        assert scale.params * scale.tokens * COMPUTE_RATIO <= target.params * target.tokens
        assert scale.flops * COMPUTE_RATIO <= target.flops
    above, below = (scale.tokens / scale.fraction / target.tokens for scale in proposal.scales if not scale.on_ray)
    assert (above, below) == pytest.approx((2, 0.5), rel=1e-2)


@settings(max_examples=80, deadline=None)
@given(
    params=st.floats(2e5, 1e12),
    per=st.floats(0.1, 1e4),
    seconds=st.floats(10, 1e5),
    workers=st.integers(1, 64),
    runs=st.integers(10, 200),
)
def test_a_proposal_keeps_its_allowance_and_says_what_is_not_matched(params, per, seconds, workers, runs):
    tokens = params * per
    try:
        proposal = propose(params, tokens, seconds=seconds, workers=workers, runs=runs)
    except MixlawError:
        return  # too small a budget or too little time: tested below
    assert proposal.seconds(workers) <= seconds * 1.01
    assert proposal.runs == runs
    small, middle, large, above, below = proposal.scales
    for scale in (small, middle, large):
        assert scale.fraction == pytest.approx(min(1, scale.tokens / tokens))  # epochs D/U are the budget's
    # A neighbouring horizon on either side, with the same unique tokens (as far as whole batches and the budget go).
    for ray, off, times in ((small, above, 2), (middle, below, 0.5)):
        assert (off.config, off.fraction) == (ray.config, ray.fraction)
        batch = BATCH_SEQUENCES * ray.config.length
        assert abs(off.tokens - min(times * ray.tokens, max(tokens, ray.tokens))) <= 2 * batch
    for scale in proposal.scales:
        assert scale.params**2 * COMPUTE_RATIO <= params**2 or not scale.on_ray
    off = max(abs(s.params / params * tokens / s.tokens - 1) for s in proposal.scales if s.on_ray)
    assert bool(proposal.notes) == (off > 0.01) or off < 0.02


@pytest.mark.parametrize("runs", range(10, 40))
def test_most_runs_are_at_the_cheap_sizes_and_two_at_each(runs):
    small, middle, large = (scale.runs for scale in propose(1e9, 2e10, workers=2, seconds=3600, runs=runs).scales[:3])
    assert small >= middle >= large >= 2


def test_a_mixture_run_again_at_its_scale_has_a_seed_of_its_own():
    corpus = build_corpus({"a": [f"{i} " * 400 for i in range(200)]}, 0)
    proposal = propose(1e9, 2e10, workers=2)
    specs = run_specs(proposal, [Mixture({"a": 1.0})] * proposal.runs, corpus, seed=3)
    assert len({spec.key("") for spec in specs}) == proposal.runs


def test_a_proposal_is_of_the_corpus_vocabulary():
    scales = propose(1e9, 2e10, workers=2, seconds=3600, marks=(8_000, 0)).scales
    assert {(scale.config.vocab, scale.config.end) for scale in scales} == {(8_000, 0)}
    assert scales[0].params > 2 * 8_000 * scales[0].config.width


def test_more_time_gives_larger_proxies_and_impossible_budgets_are_refused():
    short, long = propose(1.4e9, 3e10, workers=2), propose(1.4e9, 3e10, workers=2, seconds=3600)
    assert long.scales[0].params > short.scales[0].params
    assert any("N/U" in note for note in propose(1e9, 1e13, workers=2).notes)
    for arguments, words in [
        ((1e9, 1e10, 2.0), "seconds are too few"),
        ((5e4, 1e7, 100.0), "too few to be represented by smaller proxies"),
        ((0, 1e7, 100.0), "above 0"),
        ((1e9, float("nan"), 100.0), "above 0"),
    ]:
        with pytest.raises(MixlawError, match=words):
            propose(*arguments[:2], seconds=arguments[2], workers=1)
    with pytest.raises(MixlawError, match="at least 10"):
        propose(1e9, 1e10, runs=5)


def test_specs_carry_matched_subsets_as_far_as_the_text_goes():
    corpus = build_corpus({s: [f"{s} {i} " * 400 for i in range(200)] for s in "ab"}, 0)
    proposal = propose(1e9, 2e10, workers=2)
    stated = {"a": 1e8, "b": 1e12}
    mixtures = [Mixture({"a": 0.5, "b": 0.5})] * proposal.runs
    specs = run_specs(proposal, mixtures, corpus, seed=3, tokens=stated)
    assert len({spec.run_id for spec in specs}) == proposal.runs
    first, scale = specs[0], proposal.scales[0]
    assert first.unique == {"a": round(scale.fraction * 1e8), "b": corpus.tokens["b"]}
    assert (first.tokens, first.seed, first.config) == (scale.tokens, 3, scale.config)
    notes = shortfalls(proposal, corpus, stated)
    assert len(notes) == 2
    assert "say little" in notes[0]
    assert notes[1].startswith("source b: ")
    assert not shortfalls(demo_scales(), build_corpus({"a": [f"{i} " * 900 for i in range(900)]}, 0))
    with pytest.raises(MixlawError, match="1 mixtures for 28 runs"):
        run_specs(proposal, mixtures[:1], corpus)
    target = demo_scales().target
    assert target is not None
    assert spec_at(target, mixtures[0], corpus, "best").unique == corpus.tokens
    assert unique_tokens(target, corpus) == corpus.tokens


def test_proxies_of_a_compute_budget_stand_for_the_run_that_serving_leaves(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": f"{i} a line of text"}) + "\n" for i in range(60)))
    (tmp_path / "mixlaw.yaml").write_text("sources: {a: {paths: [a.jsonl]}}\n")
    project, budget = read_project(tmp_path / "mixlaw.yaml"), Budget(flops=6e19, served=1e12)
    planned = goal(project.sources.with_tokens({"a": 1e6}), budget)
    assert planned is not None
    params = planned.tokens / TOKENS_PER_PARAM
    assert 6 * params * planned.tokens + 2 * params * 1e12 == pytest.approx(6e19)
    task, stated, unserved = (
        project_task(project, one, 0, 3600.0)
        for one in (budget, Budget(params=params, tokens=planned.tokens), Budget(flops=6e19))
    )
    assert task.proposal.scales == stated.proposal.scales
    assert task.proposal.scales != unserved.proposal.scales
    assert f"proxies are matched to {params:.3g} parameters" in " ".join(task.notes)
