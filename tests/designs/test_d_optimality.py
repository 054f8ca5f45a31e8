import numpy as np
import pytest

from mixlaw.designs.d_optimality import _features, _unlearned, d_optimal, d_optimal_design
from mixlaw.designs.space_filling import design
from mixlaw.errors import MixlawError
from mixlaw.estimation.laplace import learned
from mixlaw.laws import EffectiveTokens
from mixlaw.project.constraints import Constraints, Group
from mixlaw.project.sources import Budget, Source, Sources, Target

FOUR = Sources(
    [Source("web", 6e12), Source("code", 3e12, max=0.5), Source("math", 1e11), Source("wiki", 1e11, min=0.02)]
)


def weights(frame) -> np.ndarray:
    return frame.filter(like="w:").to_numpy()


def information(w_DxRxS: np.ndarray, seed: int) -> np.ndarray:
    """Mean log determinant of D designs over draws from the prior other than those they were made for, (D,)."""
    D, R, S = w_DxRxS.shape
    rng = np.random.default_rng(seed)
    flat = _features(EffectiveTokens, FOUR, ["web", "code"], w_DxRxS.reshape(-1, S), None, R, rng)
    feature_BxDxRxP = flat.reshape(len(flat), D, R, -1)
    matrix = np.eye(flat.shape[2]) + np.einsum("bdrp,bdrq->bdpq", feature_BxDxRxP, feature_BxDxRxP)
    return np.linalg.slogdet(matrix)[1].mean(0)


def test_says_more_of_the_law_than_random_mixtures_and_than_a_space_filling_design():
    targets = [Target("web"), Target("code")]
    own = weights(d_optimal(FOUR, 16, EffectiveTokens, seed=0, targets=targets, repeats=0))
    rng = np.random.default_rng(5)
    random = [FOUR.min_S + (1 - FOUR.min_S.sum()) * rng.dirichlet(np.ones(4), 16) for _ in range(10)]
    found_D = information(np.stack([own, weights(design(FOUR, 16, seed=0)), *random]), 99)
    assert found_D[0] > found_D[1:].max() + 1


def test_starts_with_proportional_ends_with_its_repeats_and_shows_every_source():
    frame = d_optimal(FOUR, 24, "effective-tokens", seed=1)
    w_RxS = weights(frame)
    np.testing.assert_allclose(w_RxS[0], FOUR.proportional() @ np.eye(4), atol=0.02)
    np.testing.assert_array_equal(w_RxS[-2:], w_RxS[[0, 0]])
    assert frame["run_id"].is_unique
    most_S = [0.98, 0.5, 0.98, 1.0]
    assert (w_RxS.max(0) >= 0.5 * np.array(most_S) - 1e-9).all()
    np.testing.assert_array_equal(w_RxS, weights(d_optimal(FOUR, 24, "effective-tokens", seed=1)))


def test_few_runs_still_show_every_source():
    many = Sources(Source(f"s{i}", 1e12) for i in range(9))
    w_RxS = weights(d_optimal(many, 10, "log-linear", seed=0, repeats=0))
    assert (w_RxS.max(0) >= 0.5 - 1e-9).all()
    made = d_optimal_design(many, 4, "log-linear", seed=0, repeats=0)
    assert any("too few to show" in note for note in made.notes)
    assert not made.frame.attrs


def test_keeps_the_constraints_at_the_budget():
    capped = Sources([Source("web", 6e12), Source("code", 1e11, max_epochs=2), Source("wiki", 1e11)])
    held = Constraints(groups=(Group("small", ("code", "wiki"), max=0.4),))
    budget = Budget(params=1e9, tokens=1e12)
    w_RxS = weights(d_optimal(capped, 12, "repeated-mixture", seed=0, budget=budget, constraints=held))
    assert (w_RxS[:, 1] <= 0.2 + 1e-9).all()
    assert (w_RxS[:, 1:].sum(1) <= 0.4 + 1e-9).all()


def test_removing_a_run_undoes_adding_it():
    rng = np.random.default_rng(0)
    feature_BxNxP = rng.standard_normal((3, 8, 5))
    with_it = learned(feature_BxNxP, feature_BxNxP[:, 2], np.ones(3))
    without = _unlearned(with_it, with_it[:, 2])
    products = lambda x: np.einsum("bip,bjp->bij", x, x)  # noqa: E731
    np.testing.assert_allclose(products(without), products(feature_BxNxP), atol=1e-9)


@pytest.mark.parametrize(
    ("law", "settings", "words"),
    [
        ("chinchilla", {}, "does not depend on the mixture"),
        ("boosted-trees", {}, "reference"),
        ("effective-tokens", {"repeats": 8}, "8 repeats in 8 runs"),
        ("bi-mix", {"targets": [Target("chat")]}, "'chat'"),
        ("effective-tokenz", {}, "effective-tokens"),
    ],
)
def test_refusals(law, settings, words):
    with pytest.raises(MixlawError) as caught:
        d_optimal(FOUR, 8, law, seed=0, **settings)
    assert words in str(caught.value)
