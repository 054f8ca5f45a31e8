"""DGA: the alignment is the fall of the targets' loss, weights follow it, and the source that is the target wins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from factories.texts import letters, words

from mixlaw.errors import MixlawError
from proxies.data.corpus import build_corpus
from proxies.data.mixture import Mixture
from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig
from proxies.online.dga import Dga
from proxies.online.method import Question, Weights
from proxies.online.mixture_batches import Probes, Windows
from proxies.online.run_online import online_mixture
from proxies.training.run_spec import RunSpec
from proxies.training.train import started

TINY = ModelConfig(width=16, depth=1, heads=1, head_dim=16, length=32)


def question(sources, targets, tokens=60_000, seed=0, **changes):
    corpus = build_corpus(sources, targets=targets)
    even = dict.fromkeys(corpus.sources, 1 / len(corpus.sources))
    return Question(
        RunSpec("o", Mixture(even), TINY, tokens, seed=seed, batch=4, **changes), corpus, dict.fromkeys(targets, 1.0)
    )


@pytest.fixture(scope="module")
def three():
    return question({"same": words(1), "other": words(2, 1), "noise": letters(3)}, {"aim": words(9)})


@pytest.mark.parametrize("seed", [0, 1])
def test_the_source_that_is_like_the_target_wins(seed):
    asked = question({"other": words(2, 1), "same": words(1), "noise": letters(3)}, {"aim": words(9)}, 120_000, seed)
    found = online_mixture(asked, Dga(every=16))
    assert found.last["same"] > 0.9
    assert found.mixture["same"] > 0.7
    assert found.mixture["same"] > 3 * max(found.mixture["other"], found.mixture["noise"])


def test_two_sources_alike_get_equal_shares():
    asked = question({"one": words(1), "noise": letters(3), "two": words(4)}, {"aim": words(9)}, 120_000)
    found = online_mixture(asked, Dga(every=16, rate=1.0))
    assert found.mixture["one"] + found.mixture["two"] > 0.8
    assert abs(found.mixture["one"] - found.mixture["two"]) < 0.1


def test_a_target_that_is_a_source_pulls_its_source():
    asked = question({"a": words(1), "b": words(2, 1)}, {"b": None})
    found = online_mixture(asked, Dga(every=16))
    assert found.last["b"] > 0.8
    assert found.row["unique:b"] == asked.corpus.tokens["b"] - round(asked.corpus.tokens["b"] / 10)
    assert found.row["unique:a"] == asked.corpus.tokens["a"]


def test_alignment_is_the_fall_of_the_targets_loss(three):
    """<g_i, g> against the difference quotient of the targets' loss along a step on source i."""
    method = Dga(every=16, sequences=4)
    divided = method.divided(three, three.corpus.tokens)
    params = started(three.spec).params
    # The head starts at zero, where no other gradient is: move it off.
    random = np.random.default_rng(0)
    params = params | {"head": jnp.asarray(random.normal(0, 0.3, params["head"].shape), jnp.float32)}
    signal_S = method.signal(three, divided, {})(params, 0)
    aim = Windows(divided.steering["aim"], (4, 32), [three.spec.seed, 0]).read(0)
    loss, gradient = (jax.jit(f, static_argnums=2) for f in (model.loss, jax.grad(model.loss)))
    for i, tokens in enumerate(Probes(divided.pieces, (4, 32), three.spec.seed).read(0)):
        slope = gradient(params, tokens, TINY)
        size = 1e-2 / np.sqrt(sum(float(jnp.sum(g * g)) for g in slope.values()))

        def moved(times, slope=slope, size=size):
            there = {name: value - times * size * slope[name] for name, value in params.items()}
            return float(loss(there, aim, TINY))

        quotient = (moved(-1) - moved(1)) / (2 * size)
        assert signal_S[i] == pytest.approx(quotient, rel=0.02, abs=2e-3)


def test_weights_move_as_written():
    method = Dga(rate=2.0, blend=0.25)
    before = Weights(np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2]))
    after = method.moved(before, np.array([0.1, -0.2, 0.3]))
    raw = before.latest_S * np.exp(2.0 * np.array([0.1, -0.2, 0.3]))
    assert after.latest_S == pytest.approx(raw / raw.sum(), rel=1e-12)
    assert after.drawn_S == pytest.approx(0.75 * before.drawn_S + 0.25 * raw / raw.sum(), rel=1e-12)
    far = method.moved(before, np.array([1e4, -1e4, 0.0]))
    assert far.latest_S == pytest.approx([1, 0, 0]), "no overflow"
    out = method.moved(Weights(np.array([0.0, 1.0]), np.array([0.0, 1.0])), np.array([900.0, 0.0]))
    assert out.drawn_S.tolist() == [0.0, 1.0], "a share of 0 stays 0, however well aligned"


def test_the_scale_of_the_targets_weights_does_not_matter(three):
    method = Dga(every=64)
    twice = Question(three.spec, three.corpus, {"aim": 20.0})
    assert online_mixture(twice, method).mixture == online_mixture(three, method).mixture


def test_targets_count_by_their_weights():
    targets = {"a": words(9), "b": words(9, 1)}
    asked = question({"a": words(1), "b": words(2, 1)}, targets)
    aims = [Question(asked.spec, asked.corpus, weights) for weights in ({"a": 9, "b": 1}, {"a": 1, "b": 9})]
    most_a, most_b = (online_mixture(aim, Dga(every=16)).mixture for aim in aims)
    assert most_a["a"] > most_b["a"] + 0.2


def test_what_it_costs_is_counted(three):
    """4 gradients of 8 sequences every 32 steps of 4: a quarter."""
    assert Dga(every=32).flops(three, 10) == pytest.approx(0.25 * three.spec.flops_at(320))
    assert online_mixture(three, Dga(every=128)).overhead == pytest.approx(3 * 32 / (three.spec.steps * 4))


@pytest.mark.parametrize(
    "settings", [{"every": 10}, {"every": 0}, {"sequences": 0}, {"rate": 0.0}, {"blend": 1.5}, {"begin": 1.0}]
)
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(MixlawError, match=r"^dga: .*give a"):
        Dga(**settings)


def test_a_target_with_too_little_text_is_refused():
    corpus = build_corpus({"a": words(1)}, targets={"short": ["word " * 11]})
    with pytest.raises(MixlawError, match="target short: 28 tokens to steer"):
        online_mixture(Question(RunSpec("o", Mixture({"a": 1.0}), TINY, 40_000, batch=4), corpus, {}), Dga(every=16))
