import numpy as np
import pytest

from mixlaw.designs.space_filling import design
from mixlaw.errors import MixlawError
from mixlaw.project.constraints import Constraints, Group, Near
from mixlaw.project.feasible import feasible
from mixlaw.project.sources import Source, Sources

FOUR = Sources(
    [
        Source("web", 6e12, cost=1e-7),
        Source("code", 3e12, cost=3e-7, max=0.6),
        Source("math", 1e11, cost=1e-6, max_epochs=4),
        Source("wiki", 1e11, cost=1e-6, min=0.01),
    ]
)
TECHNICAL = Group("technical", ("code", "math"), min=0.1, max=0.3)
CASES = [
    Constraints(groups=(TECHNICAL,)),
    Constraints(groups=(TECHNICAL,), near=Near("uniform", kl=0.4)),
    Constraints(near=Near("proportional", l1=0.3)),
    Constraints(groups=(TECHNICAL,), near=Near("proportional", kl=0.2, l1=0.5)),
]


def broken(w_NxS: np.ndarray, held: Constraints, tokens: float = 1e13, money: float | None = None) -> np.ndarray:
    """The most by which each mixture breaks anything, (N,): the constraints written out once more."""
    found = [np.abs(w_NxS.sum(1) - 1), (FOUR.min_S - w_NxS).max(1), (w_NxS - FOUR.upper_S(tokens)).max(1)]
    for group in held.groups:
        share_N = w_NxS[:, [FOUR.names.index(name) for name in group.sources]].sum(1)
        found += [share_N - group.max, group.min - share_N]
    if held.near is not None:
        r_S = np.full(4, 0.25) if held.near.mixture == "uniform" else FOUR.proportional()
        if held.near.kl is not None:
            log_NxS = np.log(np.maximum(w_NxS, 1e-300) / r_S)
            found.append((w_NxS * log_NxS).sum(1) - held.near.kl)
        if held.near.l1 is not None:
            found.append(np.abs(w_NxS - r_S).sum(1) - held.near.l1)
    if money is not None:
        found.append((w_NxS @ [1e-7, 3e-7, 1e-6, 1e-6] * tokens - money) / money)
    return np.max(found, axis=0)


@pytest.mark.parametrize("held", CASES, ids=["group", "group and KL", "L1", "all"])
def test_draws_corners_and_designs_keep_every_constraint(held):
    where, rng = feasible(FOUR, held, 1e13), np.random.default_rng(0)
    drawn = np.concatenate([where.draw(rng, 200), where.sample(rng, 200), where.vertices, where.centre_S[None]])
    assert broken(drawn, held).max() < 1e-8
    assert where.contains(drawn).all()
    w_RxS = design(FOUR, 12, seed=0, tokens=1e13, constraints=held).filter(like="w:").to_numpy()
    assert broken(w_RxS, held).max() < 1e-8
    assert len(np.unique(w_RxS.round(6), axis=0)) == 12


@pytest.mark.parametrize("held", CASES, ids=["group", "group and KL", "L1", "all"])
def test_the_nearest_mixture_is_nearer_than_any_drawn(held):
    where, rng = feasible(FOUR, held, 1e13), np.random.default_rng(1)
    wanted_S = np.array([0.05, 0.55, 0.1, 0.3])
    nearest_S = where.nearest(wanted_S)
    assert where.contains(nearest_S[None])[0]
    drawn = np.concatenate([where.sample(rng, 2000), where.draw(rng, 2000, nearest_S, 100.0)])
    assert np.square(nearest_S - wanted_S).sum() <= np.square(drawn - wanted_S).sum(1).min() + 1e-7


def test_a_corner_costs_less_than_any_drawn_mixture():
    where, rng = feasible(FOUR, CASES[0], 1e13, money=2e6), np.random.default_rng(2)
    cost_NxS = rng.standard_normal((8, 4))
    corner_NxS, drawn = where.minimisers(cost_NxS), where.sample(rng, 1000)
    assert broken(corner_NxS, CASES[0], money=2e6).max() < 1e-8
    assert ((corner_NxS * cost_NxS).sum(1) <= (drawn @ cost_NxS.T).min(0) + 1e-9).all()


def test_mixtures_inside_stay_where_they_are():
    where, rng = feasible(FOUR, CASES[1], 1e13), np.random.default_rng(3)
    drawn = where.sample(rng, 100)
    half = where.centre_S + 0.5 * (drawn - where.centre_S)
    np.testing.assert_allclose(where.shrink_into(half), half)


def test_without_constraints_nothing_is_solved():
    where = feasible(FOUR, None, 1e13)
    assert where.boxed
    np.testing.assert_allclose(np.diag(where.vertices), np.minimum([0.99, 0.6, 0.04, 1.0], FOUR.upper_S(1e13)))


def test_sixty_sources_with_groups_and_a_distance():
    rng = np.random.default_rng(0)
    many = Sources(Source(f"s{i}", t) for i, t in enumerate(10 ** rng.uniform(9, 12, 60)))
    half = tuple(f"s{i}" for i in range(30))
    held = Constraints(groups=(Group("half", half, max=0.2),), near=Near("proportional", kl=1.0))
    w_RxS = design(many, 30, seed=0, constraints=held).filter(like="w:").to_numpy()
    assert (w_RxS[:, :30].sum(1) <= 0.2 + 1e-9).all()
    assert ((w_RxS * np.log(np.maximum(w_RxS, 1e-300) / many.proportional())).sum(1) <= 1.0 + 1e-8).all()


@pytest.mark.parametrize(
    ("held", "money", "words"),
    [
        (
            Constraints(groups=(Group("a", ("web",), max=0.2), Group("b", ("code", "wiki"), max=0.1))),
            None,
            ("group a max 0.2",),
        ),
        (
            Constraints(groups=(TECHNICAL,), near=Near("uniform", l1=0.2)),
            None,
            ("group technical max 0.3", "near l1 0.2"),
        ),
        (Constraints(groups=(TECHNICAL,), near=Near("uniform", kl=0.01)), None, ("near kl 0.01", "raise kl")),
        (Constraints(), 1e5, ("money 100000",)),
        (Constraints(groups=(Group("x", ("books",), max=0.1),)), None, ("'books' is no source",)),
    ],
)
def test_what_no_mixture_keeps_is_refused_by_name(held, money, words):
    with pytest.raises(MixlawError) as caught:
        feasible(FOUR, held, 1e13, money)
    for word in words:
        assert word in str(caught.value)


def test_money_without_prices_is_refused():
    with pytest.raises(MixlawError, match="web has no cost"):
        feasible(Sources([Source("web", 1e12), Source("code", 1e12, cost=1e-7)]), None, 1e12, 1e5)
