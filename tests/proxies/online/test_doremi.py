"""DoReMi: the excess is clipped by token, weights follow it, and the source with more to learn gets more."""

import jax
import numpy as np
import pytest
from factories.texts import letters, plain, words

from mixlaw.errors import MixlawError
from proxies.data.corpus import build_corpus
from proxies.data.mixture import Mixture
from proxies.model import transformer as model
from proxies.model.mup import init
from proxies.model.transformer import ModelConfig
from proxies.online.doremi import Doremi
from proxies.online.method import Question, Weights
from proxies.online.mixture_batches import Probes
from proxies.online.run_online import online_mixture
from proxies.training.run_spec import RunSpec

TINY = ModelConfig(width=16, depth=1, heads=1, head_dim=16, length=32)


def question(sources, tokens=80_000, seed=0):
    corpus = build_corpus(sources)
    even = dict.fromkeys(corpus.sources, 1 / len(corpus.sources))
    return Question(RunSpec("o", Mixture(even), TINY, tokens, seed=seed, batch=4, rate=1e-3), corpus, {})


@pytest.fixture(scope="module")
def two():
    return question({"a": words(1), "b": letters(2)}, 20_000)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_can_be_learnt_gets_more_than_what_is_known_or_cannot_be(seed):
    """One letter is known at once, random letters never are: neither has much excess; words have. Twins are alike."""
    sources = {"plain": plain(), "learnable": words(1), "noise": letters(2), "twin": words(3)}
    found = online_mixture(question(sources, seed=seed), Doremi(every=16, sequences=16))
    learnable, twin = found.mixture["learnable"], found.mixture["twin"]
    assert abs(learnable - twin) < 0.1
    assert min(learnable, twin) > 1.5 * max(found.mixture["plain"], found.mixture["noise"])


def test_the_excess_is_clipped_token_by_token(two):
    method = Doremi(every=16, sequences=4)
    divided = method.divided(two, two.corpus.tokens)
    random = np.random.default_rng(0)
    proxy, reference = init(TINY, 1), init(TINY, 2)
    for params in (proxy, reference):
        params["head"] = params["head"] + random.normal(0, 0.3, params["head"].shape).astype(np.float32)
    found_S = method.signal(two, divided, reference)(proxy, 1)
    losses = jax.jit(model.token_losses, static_argnums=2)
    for i, tokens in enumerate(Probes(divided.pieces, (4, 32), two.spec.seed).read(1)):
        own, other = (np.asarray(losses(p, tokens, TINY), float) for p in (proxy, reference))
        assert found_S[i] == pytest.approx(np.maximum(own - other, 0).mean(), rel=1e-4)
        assert found_S[i] > abs((own - other).mean()), "the difference of the means would be another number"
    assert method.signal(two, divided, proxy)(proxy, 0).tolist() == [0.0, 0.0], "no excess over itself"


def test_weights_move_as_written():
    method = Doremi(rate=0.5, smoothing=0.01)
    w_S, excess_S = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.0, 0.7])
    after = method.moved(Weights(w_S, w_S), excess_S)
    raw = w_S * np.exp(0.5 * excess_S)
    assert after.drawn_S == pytest.approx(0.99 * raw / raw.sum() + 0.01 / 3, rel=1e-12)
    assert np.array_equal(after.latest_S, after.drawn_S)


def test_it_begins_uniform_and_its_reference_has_the_specs_mixture(two):
    spec = two.spec
    told: list[int] = []
    asked = Question(spec.__class__(**vars(spec) | {"mixture": {"a": 0.9, "b": 0.1}}), two.corpus, {})
    found = online_mixture(asked, Doremi(every=64), progress=lambda done, _: told.append(done))
    assert found.shares_UxS[0].tolist() == [0.5, 0.5]
    assert Doremi().preparation(asked.spec).mixture == {"a": 0.9, "b": 0.1}
    assert sum(done == spec.steps * 128 for done in told) == 2, "the reference tells its end, then the run"
    assert found.mixture != online_mixture(two, Doremi(every=64)).mixture, "another reference, another answer"


def test_what_it_costs_is_counted(two):
    """The reference is one run; 2 sources of 8 sequences with two forward passes every 32 steps of 4: a twelfth."""
    assert Doremi(every=32).flops(two, 10) == pytest.approx(two.spec.flops + two.spec.flops_at(320) / 12)


@pytest.mark.parametrize("settings", [{"every": 24}, {"rate": -1.0}, {"smoothing": 1.0}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(MixlawError, match=r"^doremi: .*give a"):
        Doremi(**settings)
