"""What a plan keeps, minimises and says beyond the contract: on laws whose parameters are known, without fitting."""

from dataclasses import replace

import numpy as np
import pytest
from factories.known_laws import GIVEN, NAMES, SOURCES, known

from mixlaw.auditing.budget_check import with_check
from mixlaw.cli.tables import print_plan
from mixlaw.errors import MixlawError
from mixlaw.optimization.problem import pose
from mixlaw.planning.options import Ask
from mixlaw.planning.recommendation import recommend
from mixlaw.project.constraints import Constraints, Group, Near
from mixlaw.project.sources import Budget, Source, Sources, Target


@pytest.fixture(scope="module")
def fit():
    return known()


@pytest.fixture(scope="module")
def plain(fit):
    return recommend(fit, SOURCES, GIVEN)


def shares(plan):
    return np.array([plan.mixture[name] for name in NAMES])


def mean_loss(fit, w_MxS):
    return fit.losses(np.atleast_2d(w_MxS), 3e8, 6e9).mean(1)


def near_samples(plan, count=20_000, seed=0):
    rng = np.random.default_rng(seed)
    around_MxS = np.concatenate([rng.dirichlet(1e-3 + c * shares(plan), count) for c in (5.0, 100.0, 3000.0)])
    return np.concatenate([rng.dirichlet(np.ones(3), count), around_MxS])


# --- objectives and constraints: no sample that keeps them is better


def test_the_worst_target_is_as_good_as_can_be(fit, plain):
    plan = recommend(fit, SOURCES, GIVEN, constraints=Constraints("worst"))
    worst = max(band["mean"] for band in plan.predicted["loss"].values())
    assert plan.predicted["objective"] == pytest.approx(worst, abs=1e-12)
    assert worst < max(band["mean"] for band in plain.predicted["loss"].values())
    assert fit.losses(near_samples(plan), 3e8, 6e9).max(1).min() >= worst - 1e-9
    assert plan.certificate["kind"] == "lagrangian dual"
    assert plan.certificate["gap"] <= 1e-7 * worst


def test_a_ceiling_is_kept_and_its_price_is_told(fit, plain):
    free = plain.predicted["loss"]["math"]["mean"]
    alone = recommend(fit, SOURCES, GIVEN, targets=(Target("web", 0.0), Target("code", 0.0), Target("math")))
    limit = 0.5 * (free + alone.predicted["objective"])
    targets = (Target("web"), Target("code"), Target("math", max_loss=limit))
    plan = recommend(fit, SOURCES, GIVEN, targets=targets)
    assert plan.predicted["loss"]["math"]["mean"] <= limit + 1e-9
    assert plan.predicted["objective"] > plain.predicted["objective"]
    w_MxS = near_samples(plan)
    losses_MxK = fit.losses(w_MxS, 3e8, 6e9)
    assert losses_MxK.mean(1)[losses_MxK[:, 2] <= limit].min() >= plan.predicted["objective"] - 1e-9
    (price,) = plan.worth["constraints"].values()
    eased = replace(targets[2], max_loss=limit + 1e-5)
    less = recommend(fit, SOURCES, GIVEN, targets=(*targets[:2], eased)).predicted["objective"]
    assert (plan.predicted["objective"] - less) / 1e-5 == pytest.approx(price, rel=1e-2)
    assert plan.unconstrained["objective"] == pytest.approx(plain.predicted["objective"], abs=1e-9)
    assert plan.unconstrained["cost"] > 0


def test_a_ceiling_out_of_reach_is_refused_by_name(fit):
    with pytest.raises(MixlawError, match=r"no mixture keeps target math max_loss 0\.5.*reach math"):
        recommend(fit, SOURCES, GIVEN, targets=(Target("web"), Target("math", max_loss=0.5)))
    # Each can be kept alone, both cannot.
    targets = (Target("web"), Target("math", max_loss=float(fit.losses(np.array([[0.3, 0.3, 0.4]]), 3e8, 6e9)[0, 2])))
    groups = (Group("rest", ("web", "code"), min=0.9),)
    with pytest.raises(MixlawError, match=r"group rest min 0\.9, target math max_loss"):
        recommend(fit, SOURCES, GIVEN, targets=targets, constraints=Constraints(groups=groups))


AWAY = {"web": 0.6, "code": 0.3, "math": 0.1}
R_S = np.array(list(AWAY.values()))


@pytest.mark.parametrize(
    ("constraints", "broken"),
    [
        (Constraints(groups=(Group("x", ("code", "math"), max=0.3),)), lambda w: w[:, 1] + w[:, 2] - 0.3),
        (Constraints(groups=(Group("x", ("code", "math"), min=0.9),)), lambda w: 0.9 - w[:, 1] - w[:, 2]),
        (Constraints(near=Near(AWAY, l1=0.05)), lambda w: np.abs(w - R_S).sum(1) - 0.05),
        (Constraints(near=Near(AWAY, kl=0.01)), lambda w: (w * np.log(np.maximum(w, 1e-99) / R_S)).sum(1) - 0.01),
    ],
)
def test_constraints_are_kept_at_no_more_than_they_cost(fit, plain, constraints, broken):
    plan = recommend(fit, SOURCES, GIVEN, constraints=constraints)
    assert broken(shares(plan)[None])[0] <= 1e-9
    w_MxS = np.concatenate([near_samples(plan), R_S + 0.1 * (near_samples(plan) - R_S)])
    assert mean_loss(fit, w_MxS[broken(w_MxS) <= 0]).min() >= plan.predicted["objective"] - 1e-9
    assert plan.predicted["objective"] > plain.predicted["objective"] + 1e-6
    assert plan.certificate["gap"] <= 1e-7 * plan.predicted["objective"]


def test_a_penalty_draws_the_plan_to_its_reference(fit, plain):
    apart = [np.abs(shares(plain) - R_S).sum()]
    for price in (0.01, 0.1, 100.0):
        plan = recommend(fit, SOURCES, GIVEN, constraints=Constraints(near=Near(AWAY, kl_price=price)))
        apart.append(np.abs(shares(plan) - R_S).sum())
    assert apart[0] > apart[1] > apart[2] > apart[3]
    assert apart[3] < 1e-2


def test_money_is_kept_and_its_price_is_a_slope(fit):
    priced = Sources(replace(source, cost=cost) for source, cost in zip(SOURCES, (1e-6, 2e-6, 8e-6), strict=True))
    free = recommend(fit, priced, GIVEN)
    cost_S = np.array([1e-6, 2e-6, 8e-6])
    money = 0.8 * float(cost_S @ shares(free)) * GIVEN.tokens
    plan, more = (recommend(fit, priced, replace(GIVEN, money=m)) for m in (money, money * (1 + 1e-5)))
    assert float(cost_S @ shares(plan)) * GIVEN.tokens <= money * (1 + 1e-9)
    (price,) = plan.worth["constraints"].values()
    slope = (plan.predicted["objective"] - more.predicted["objective"]) / (money * 1e-5)
    assert slope == pytest.approx(price, rel=2e-2)
    with pytest.raises(MixlawError, match="web, code, math has no cost"):
        recommend(fit, SOURCES, replace(GIVEN, money=1e3))


def test_conflicts_are_named_before_anything_is_solved(fit):
    groups = (Group("a", ("web", "code"), max=0.5), Group("b", ("math",), max=0.4), Group("c", ("code",), max=0.9))
    with pytest.raises(MixlawError, match=r"all of these: group a max 0\.5, group b max 0\.4;"):
        pose(fit, SOURCES, GIVEN, (), Constraints(groups=groups))
    scarce = Sources((Source("web", 5e10), Source("code", 1e10), Source("math", 1e8, max_epochs=3)))
    groups = (Group("a", ("web", "code"), max=0.9),)
    with pytest.raises(MixlawError, match=r"source math max_epochs 3 \(a share of 0\.05\), group a max 0\.9;"):
        recommend(fit, scarce, GIVEN, constraints=Constraints(groups=groups))
    assert recommend(fit, scarce, replace(GIVEN, tokens=2e9), constraints=Constraints(groups=groups)).mixture


# --- N and D


def test_serving_moves_compute_to_smaller_models(fit):
    plain, served = (recommend(fit, SOURCES, Budget(flops=1e19, served=tokens)) for tokens in (None, 3e10))
    assert served.params < plain.params
    spent = 6 * served.params * served.tokens + 2 * served.params * 3e10
    assert spent == pytest.approx(1e19, rel=1e-9)
    assert any("of the compute is for serving" in note for note in served.notes)


def test_sizes_are_chosen_from_a_list(fit):
    free = recommend(fit, SOURCES, Budget(flops=1e19))
    sizes = (0.2 * free.params, 0.8 * free.params, 30 * free.params)
    plan = recommend(fit, SOURCES, Budget(flops=1e19, sizes=sizes))
    assert plan.params == sizes[1]
    assert plan.params * plan.tokens * 6 == pytest.approx(1e19)


# --- confidence


def test_near_optimal_mixtures_are_within_the_regret_and_differ(fit, plain):
    found = plain.near_optimal
    for other in found["mixtures"]:
        w_S = np.array([other["mixture"][name] for name in NAMES])
        assert mean_loss(fit, w_S)[0] <= plain.predicted["objective"] + 0.002 + 1e-9
        assert other["moved"] > 0.02
    w_MxS = near_samples(plain, 40_000)
    good_MxS = w_MxS[mean_loss(fit, w_MxS) <= plain.predicted["objective"] + 0.002]
    for s, name in enumerate(NAMES):
        low, high = found["range"][name]
        assert low - 1e-6 <= good_MxS[:, s].min() <= low + 0.1
        assert high - 0.1 <= good_MxS[:, s].max() <= high + 1e-6
    wide = recommend(fit, SOURCES, GIVEN, ask=Ask(regret=0.01)).near_optimal["range"]
    assert all(wide[n][0] <= found["range"][n][0] and wide[n][1] >= found["range"][n][1] for n in NAMES)


def test_a_cap_that_binds_has_a_price(fit, plain):
    tokens = 0.25 * plain.mixture["math"] * GIVEN.tokens
    prices = []
    for factor in (1.0, 1.0 + 1e-4, 2.0):
        capped = Sources((*tuple(SOURCES)[:2], Source("math", factor * tokens, max_epochs=2)))
        prices.append(recommend(fit, capped, GIVEN))
    at, more, twice = (plan.predicted["objective"] for plan in prices)
    math = prices[0].worth["sources"]["math"]
    assert prices[0].caps["math"]["binding"] == "max_epochs"
    assert math["per_token"] == pytest.approx((at - more) / (1e-4 * tokens), rel=1e-2)
    assert math["doubled"] == pytest.approx(at - twice, abs=1e-8)
    assert prices[0].worth["sources"]["web"]["per_token"] is None
    assert any("more tokens of math would be worth" in note for note in prices[0].notes)


def test_one_more_token_of_a_source_that_its_min_holds_costs_nothing(fit):
    held = Sources((*tuple(SOURCES)[:2], Source("math", 2e9, min=0.5, max_epochs=2)))
    math = recommend(fit, held, GIVEN).worth["sources"]["math"]
    assert math["per_share"] < 0
    assert math["per_token"] == 0.0


def test_what_more_tokens_are_worth_does_not_move_the_reference(fit):
    """Doubling a source would make it a larger part of proportional, to which the plan is to stay near."""
    capped = [Source("web", 5e10), Source("code", 1e10), Source("math", 3e8, max_epochs=2)]
    near = Constraints(near=Near("proportional", kl_price=0.01))
    plan = recommend(fit, Sources(capped), GIVEN, constraints=near)
    fixed = dict(zip(NAMES, Sources(capped).proportional().tolist(), strict=True))
    more = Sources((*capped[:2], replace(capped[2], tokens=6e8)))
    value = {}
    for name, sources in (("now", Sources(capped)), ("more", more)):
        problem = pose(fit, sources, GIVEN, (), Constraints(near=replace(near.near, mixture=fixed)))
        value[name] = problem.solve(fit.z_KxP[None], (3e8, 6e9))[0].objective
    assert value["now"] - value["more"] > 1e-4
    assert plan.worth["sources"]["math"]["doubled"] == pytest.approx(value["now"] - value["more"], abs=1e-7)


def test_the_speed_up_is_the_compute_at_which_proportional_catches_up(fit, plain):
    near_S = 0.9 * shares(plain) + 0.1 * R_S
    sources = Sources(Source(name, 1e10 * share) for name, share in zip(NAMES, near_S, strict=True))
    plan = recommend(fit, sources, GIVEN)
    found = plan.speed_up
    assert found["low"] <= found["mean"] <= found["high"]
    assert found["mean"] > 1
    reached = fit.losses(near_S[None], 3e8, 6e9 * found["mean"]).mean()
    assert reached == pytest.approx(plan.predicted["objective"], abs=1e-5)


def test_the_path_is_optimal_at_every_budget(fit, plain):
    objectives = [point["objective"] for point in plain.path]
    assert objectives == sorted(objectives, reverse=True)
    for point in plain.path:
        again = recommend(fit, SOURCES, Budget(params=point["params"], tokens=point["tokens"]))
        assert again.predicted["objective"] == pytest.approx(point["objective"], abs=1e-9)


@pytest.mark.parametrize(
    "budget",
    [
        Budget(flops=1.1e19),
        Budget(flops=1.1e19, served=3e9),
        Budget(flops=1.1e19, served=3e9, sizes=(1.5e8, 3e8, 6e8, 1.2e9)),
        Budget(params=3e8, tokens=6e9, served=3e9),
    ],
)
def test_the_path_is_what_would_be_recommended_at_each_budget(fit, budget):
    """Also where compute pays for serving, or N is one of a list."""
    plan = recommend(fit, SOURCES, budget)
    (own,) = [point for point in plan.path if point["flops"] == pytest.approx(plan.flops)]
    assert own["params"] == plan.params
    assert own["tokens"] == plan.tokens
    assert len(plan.path) >= 4, "serving alone may cost more than the smallest budget"
    for point in plan.path:
        paid = 6 * point["params"] * point["tokens"] + 2 * point["params"] * (budget.served or 0)
        assert paid == pytest.approx(point["flops"])
        if budget.flops is not None:
            again = recommend(fit, SOURCES, replace(budget, flops=point["flops"]), ask=Ask(replicas=2))
            assert point["params"] == pytest.approx(again.params, rel=0.02)
            assert point["objective"] == pytest.approx(again.predicted["objective"], abs=1e-5)


@pytest.mark.parametrize("sizes", [(), (1.5e8, 3e8, 6e8, 1.2e9)])
def test_the_speed_up_pays_for_serving_and_keeps_to_the_sizes(fit, sizes):
    budget = Budget(flops=1.1e19, served=3e9, sizes=sizes)
    plan = recommend(fit, SOURCES, budget)
    more, w_S = plan.speed_up["mean"], SOURCES.proportional()
    assert more > 1
    params_N = np.array(sizes) if sizes else plan.params * np.geomspace(0.2, 5, 200) * np.sqrt(more)
    tokens_N = budget.tokens_for(params_N, more * 1.1e19)
    able_N = tokens_N > 0
    w_NxS = np.broadcast_to(w_S, (able_N.sum(), 3))
    reached = fit.losses(w_NxS, params_N[able_N], tokens_N[able_N]).mean(1)
    assert reached.min() == pytest.approx(plan.predicted["objective"], abs=1e-3 if sizes else 5e-3)


def test_a_robust_choice_lowers_the_regret_it_is_chosen_for(fit):
    for robust, key in (("mean", "mean"), (0.8, "quantile_0.8")):
        plan = recommend(fit, SOURCES, GIVEN, ask=Ask(robust=robust))
        assert plan.robust["robust"][key] < plan.robust["plain"][key]
        assert plan.robust["refits"] == 30
        assert plan.certificate["gap"] <= 1e-6
    losses_BxMxK = fit.losses(near_samples(plan, 2000), 3e8, 6e9, replicas=True)
    least_B = losses_BxMxK.mean(2).min(1)
    mean = recommend(fit, SOURCES, GIVEN, ask=Ask(robust="mean"))
    own_B = fit.losses(shares(mean)[None], 3e8, 6e9, replicas=True)[:, 0].mean(1)
    assert (own_B - least_B).mean() <= (losses_BxMxK.mean(2) - least_B[:, None]).mean(0).min() + 1e-9


@pytest.mark.parametrize("robust", ["mean", 0.8])
def test_a_robust_choice_keeps_ceilings_by_the_plan_s_own_fit(fit, robust):
    """Also one that many refits cannot keep: regret is against the mixtures that the plan may choose."""
    alone = tuple(Target(name, weight=float(name == "code")) for name in NAMES)
    least = recommend(fit, SOURCES, GIVEN, targets=alone).predicted["objective"]
    targets = tuple(Target(name, max_loss=least + 0.01 if name == "code" else None) for name in NAMES)
    plan = recommend(fit, SOURCES, GIVEN, targets=targets, ask=Ask(robust=robust))
    assert "refits no mixture keeps the constraints" in " ".join(plan.notes)
    assert plan.certificate["gap"] <= 1e-6
    assert plan.predicted["loss"]["code"]["mean"] <= least + 0.01 + 1e-7
    for of in ("robust", "plain"):
        assert all(-1e-7 <= value < 1 for value in plan.robust[of].values())
    key = "mean" if robust == "mean" else "quantile_0.8"
    assert plan.robust["robust"][key] <= plan.robust["plain"][key] + 1e-9


def test_a_regret_holds_the_price_of_the_distance(fit):
    near = Constraints(near=Near("proportional", kl_price=0.2))
    plan = recommend(fit, SOURCES, GIVEN, constraints=near, ask=Ask(robust=0.8))
    assert 0 <= plan.robust["robust"]["mean"] < 0.2
    assert plan.robust["robust"]["quantile_0.8"] <= plan.robust["plain"]["quantile_0.8"] + 1e-9


@pytest.mark.parametrize(
    ("ask", "named"),
    [({"robust": 1.5}, "robust is 1.5"), ({"robust": "max"}, "robust is 'max'"), ({"regret": -1}, "regret is -1")],
)
def test_what_cannot_be_asked_is_refused(ask, named):
    with pytest.raises(MixlawError, match=named):
        Ask(**ask)


def test_robust_and_worst_do_not_go_together(fit):
    with pytest.raises(MixlawError, match="goes with the mean"):
        recommend(fit, SOURCES, GIVEN, constraints=Constraints("worst"), ask=Ask(robust="mean"))


def test_the_check_s_intervals_hold_the_noise_of_single_runs_and_a_miss_is_said(capsys):
    fit = replace(known(spread=1e-4, replicas=200), sigma_K=np.full(3, 0.05))
    plan = recommend(fit, SOURCES, GIVEN)
    predicted = {name: band["mean"] for name, band in plan.predicted["loss"].items()}
    off = predicted | {"code": predicted["code"] * 1.5}
    found = with_check(plan, {"recommended": off, "proportional": predicted})
    for name, band in found.check["interval"].items():
        assert band["mean"] == pytest.approx(predicted[name])
        assert (band["high"] - band["low"]) / predicted[name] == pytest.approx(2 * 1.645 * 0.05, rel=0.2)
    print_plan(found)
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert rows["code"].endswith("outside")
    assert not rows["math"].endswith("outside")


def test_distance_tells_how_far_the_plan_is_from_the_runs(fit):
    plan = recommend(fit, SOURCES, Budget(params=2e9, tokens=4e10))
    assert plan.distance["params"] == pytest.approx(2.0)
    assert plan.distance["tokens"] == pytest.approx(2.0)
    assert plan.distance["mixture"] is None  # no table at hand
    assert plan.distance["epochs"]["math"] == pytest.approx(plan.epochs["math"])
