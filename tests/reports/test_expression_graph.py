"""The law's formula in the page is the law's: every law, 100 random mixtures, and operations on their own."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from factories import node

from mixlaw.errors import MixlawError
from mixlaw.estimation.objective import predict
from mixlaw.laws import LAWS, Row
from mixlaw.laws.base import Law, View, fitted_fields, parameter_slices, size
from mixlaw.reports.expression_graph import expression_graph

S, MANY = 5, 100
SCRIPT = """
return data.map((one) => {
  const law = engine.compile(one.tape);
  law.setKnown(one.known);
  return one.rows.map((row) => {
    law.setRow({ w: row.w, params: row.params, tokens: row.tokens, unique: numbers(row.unique) });
    return law.loss(one.z, 0);
  });
});
"""


def rows_of(seed=0):
    """Mixtures with corners and edges, runs of many sizes, sources that repeat and one that never does."""
    rng = np.random.default_rng(seed)
    w_RxS = rng.dirichlet(np.full(S, 0.6), MANY)
    w_RxS[0], w_RxS[1] = np.eye(S)[2], np.array([0.5, 0.5, 0, 0, 0])
    params_R, tokens_R = np.exp(rng.normal(18, 1, MANY)), np.exp(rng.normal(21, 1, MANY))
    return Row(w_RxS, params_R, tokens_R, np.tile([np.inf, 1e8, 3e9, 2e7, 1e12], (MANY, 1)))


def parameters_of(law, seed=0):
    """Unconstrained parameters (P,) around the law's prior means, and its constants."""
    view = View(tuple("abcde"), "b", 2.0, 2.6, 6e7, 1e9, 60)
    z_P, prior = np.random.default_rng(seed).normal(0, 0.3, size(law, S)), law.prior(view)
    for name, part in parameter_slices(law, S).items():
        z_P[part] += np.broadcast_to(prior[name].mean, part.stop - part.start)
    return z_P, {name: np.asarray(x, float) for name, x in law.constants(view).items()}


def case(law, rows):
    """What the page's engine is given for one law."""
    z_P, known = parameters_of(law)
    runs = [
        {"w": w_S.tolist(), "params": params, "tokens": tokens, "unique": node.plain(unique_S.tolist())}
        for w_S, params, tokens, unique_S in zip(*rows, strict=True)
    ]
    flat = {name: np.atleast_1d(x).tolist() for name, x in known.items()}
    return {"tape": dataclasses.asdict(expression_graph(law, S)), "z": z_P.tolist(), "known": flat, "rows": runs}


@pytest.fixture(scope="module")
def in_the_page():
    rows = rows_of()
    found = node.run(SCRIPT, [case(law, rows) for law in LAWS])
    return dict(zip((law.name for law in LAWS), found, strict=True))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_the_page_computes_every_law_as_python_does(law, in_the_page):
    z_P, known = parameters_of(law)
    with jax.enable_x64(True):
        expected_R = np.asarray(predict(law, z_P[None], rows_of(), {name: x[None] for name, x in known.items()}))[0]
    assert np.isfinite(expected_R).all()
    assert np.ptp(expected_R) > 1e-3, "a law that tells no run from another would pass with any formula"
    np.testing.assert_allclose(in_the_page[law.name], expected_R, rtol=1e-12, atol=1e-9)


class Odd(Law):
    """L = something that uses each operation that no law needs yet."""

    name = "odd"
    equation, source, needs, convex = "", "", frozenset({"mixture"}), False
    t: Any = dataclasses.field(metadata={"space": fitted_fields(LAWS[0])[0].metadata["space"], "per_source": True})

    def __call__(self, row):
        w_S, t_S = jnp.asarray(row.w_S), jnp.asarray(self.t)
        table_SxS = w_S[:, None] * t_S[None, :] + jnp.arange(3.0)[1]
        parts = [
            jnp.sum(jnp.clip(table_SxS, 0.1, 0.8), axis=0).max() + table_SxS.T[1:, ::2].sum(axis=0).max(),
            jnp.min(jnp.sqrt(table_SxS), axis=1).sum(),
            jnp.sum(jnp.where((w_S >= 0.2) | ~(t_S < 1.0), jnp.sign(w_S - 0.3), jnp.tanh(t_S))),
            jnp.sum(jnp.ones(S) * row.tokens / row.tokens) + jnp.abs(w_S[0] - w_S[1]) + jnp.square(t_S).sum(),
            jnp.sum((w_S == 0) * 2.0 + (w_S <= 0.1) * 0.5) + jnp.sum(jnp.full((2, S), w_S[1])),
        ]
        return sum(parts) + 10.0

    @classmethod
    def prior(cls, view):
        raise NotImplementedError


def test_operations_that_no_law_needs_yet_are_the_same_too():
    rows, z_P = rows_of(1), np.random.default_rng(0).normal(0, 1, S)
    with jax.enable_x64(True):
        expected_R = np.asarray(predict(Odd, z_P[None], rows, {}))[0]
    runs = [{"w": w_S.tolist(), "params": 1.0, "tokens": 2.0, "unique": [1.0] * S} for w_S in rows.w_S]
    found = node.run(
        SCRIPT, [{"tape": dataclasses.asdict(expression_graph(Odd, S)), "z": z_P.tolist(), "known": {}, "rows": runs}]
    )[0]
    np.testing.assert_allclose(found, expected_R, rtol=1e-12)


class Unknown(Odd):
    """L = a sorted thing."""

    name = "unknown"

    def __call__(self, row):
        return jnp.sort(jnp.asarray(row.w_S))[0]


def test_an_operation_that_the_page_does_not_know_is_refused_by_name():
    with pytest.raises(MixlawError, match="law unknown: the report's page knows no 'sort'"):
        expression_graph(Unknown, S)


def test_the_loss_of_a_law_of_one_source_is_one_number():
    for graph in (expression_graph(law, 1) for law in LAWS if "own" not in law.needs):
        assert graph.sizes[graph.loss] == 1
