"""Hidden states of a proxy as an embedding: what each document's row depends on, and that training makes them tell."""

import jax.numpy as jnp
import numpy as np
import pytest
from factories.texts import words

from mixlaw.errors import MixlawError
from mixlaw.transport import embed, fit_features
from proxies.data.corpus import build_corpus
from proxies.data.mixture import Mixture
from proxies.model import mup
from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig
from proxies.text.tokenizer import ByteTokenizer
from proxies.training.embeddings import SEQUENCES_PER_CALL, HiddenStates, trained
from proxies.training.run_spec import RunSpec

CONFIG = ModelConfig(16, 2, 2, 8, length=32)


@pytest.fixture(scope="module")
def params():
    return mup.init(CONFIG, 0)


def test_a_row_is_the_mean_over_the_document_s_positions(params):
    document = "a short text of three windows and a rest: " * 2
    [row] = HiddenStates(params, CONFIG)([document])
    tokens_T, _ = ByteTokenizer().encode([document])
    states = []
    for at in range(0, len(tokens_T), 32):
        window = jnp.asarray(tokens_T[at : at + 32], jnp.int32)[None]
        padded = jnp.pad(window, ((0, 0), (0, 32 - window.shape[1])), constant_values=CONFIG.end)
        states.append(model.stream(params, model.embed(params, padded, CONFIG), CONFIG)[-1][: window.shape[1]])
    assert row == pytest.approx(np.concatenate(states).mean(0), rel=1e-4, abs=1e-6)


def test_a_row_does_not_depend_on_the_other_documents(params):
    documents = [f"document {i} " * (1 + i % 7) for i in range(2 * SEQUENCES_PER_CALL + 3)]
    states = HiddenStates(params, CONFIG)
    whole = states(documents)
    assert whole.shape == (len(documents), 16)
    assert whole == pytest.approx(np.concatenate([states([one]) for one in documents]), rel=1e-5, abs=1e-7)
    assert embed(states, documents, batch=5) == pytest.approx(whole, rel=1e-5, abs=1e-7)


def test_only_the_first_windows_are_read(params):
    states = HiddenStates(params, CONFIG, windows=2)
    assert states(["x" * 64 + "y" * 500]) == pytest.approx(states(["x" * 64 + "z" * 90]))
    assert np.abs(states(["x" * 60 + "y" * 500]) - states(["x" * 60 + "z" * 90])).max() > 1e-6


def test_layers_differ_and_the_first_is_the_embedded_input(params):
    rows = [HiddenStates(params, CONFIG, layer=layer)(["some text"]) for layer in (0, 1, 2)]
    tokens_T, _ = ByteTokenizer().encode(["some text"])
    inputs = np.asarray(params["embed"])[[CONFIG.end, *tokens_T[:-1]]]
    assert rows[0][0] == pytest.approx(inputs.mean(0), rel=1e-5, abs=1e-7)
    assert np.abs(rows[1] - rows[2]).max() > 1e-4


def test_what_does_not_fit_is_refused(params):
    with pytest.raises(MixlawError, match="not of this ModelConfig"):
        HiddenStates(params, ModelConfig(16, 1, 2, 8, length=32))
    with pytest.raises(MixlawError, match="layer 3 of 2"):
        HiddenStates(params, CONFIG, layer=3)
    other = ModelConfig(16, 2, 2, 8, vocab=300, length=32)
    with pytest.raises(MixlawError, match="bytes has 257 tokens, the proxy 300"):
        HiddenStates(mup.init(other, 0), other)


def test_a_trained_proxy_tells_two_languages_apart():
    """Documents of two languages without a common letter: along whitened states they part without a mistake."""
    corpus = build_corpus({"one": words(0, 0), "two": words(0, 1)}, 0)
    spec = RunSpec("r", Mixture({"one": 0.5, "two": 0.5}), CONFIG, 20_000, batch=4)
    params = trained(spec, corpus)
    assert set(params) == set(model.shapes(CONFIG))
    documents = [*words(1, 0, 20), *words(1, 1, 20)]
    x_NxP = fit_features(HiddenStates(params, CONFIG), documents, 4, whiten=False)(documents)
    side_N = x_NxP @ (x_NxP[:20].mean(0) - x_NxP[20:].mean(0))
    assert side_N[:20].min() > side_N[20:].max()
