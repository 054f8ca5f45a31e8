"""Appraising by text: samples, what they say of sources, a fit with one source more, a price, a plan without runs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from factories.same_json import check_same_json

from mixlaw.appraisal import Counts, appraise, covariate, nearest_plan, sample_texts, source_prior
from mixlaw.appraisal.extend import source_slices, with_source
from mixlaw.appraisal.nearness import WeightedSum
from mixlaw.appraisal.novelty import Novelty, novelty
from mixlaw.appraisal.theta import SLOPE, drawn, left_out_error, line, predicted
from mixlaw.appraisal.unseen import with_unseen
from mixlaw.errors import MixlawError
from mixlaw.estimation.diagnostics import Diagnostics
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.support import Support
from mixlaw.laws import LogLinear, MixtureIndex, RepeatedMixture, View
from mixlaw.laws.base import parameter_slices, prior_moments
from mixlaw.planning.recommendation import recommend
from mixlaw.project.constraints import Constraints, Group
from mixlaw.project.project_file import Project
from mixlaw.project.sources import Budget, Source, Sources, Target
from mixlaw.transport import NGramKL, NGrams

NAMES = ("web", "code", "math")
TOKENS = 6e9


def documents(kind, seed, count=60, words=(0, 40)):
    """Texts of words of a kind, some of a range, and of words that all kinds share."""
    rng = np.random.default_rng([seed, *map(ord, kind)])
    known = [f"{kind}{i}" for i in range(*words)] + [f"all{i}" for i in range(40)]
    return [" ".join(rng.choice(known, 80)) for _ in range(count)]


SOURCES = {name: documents(name, 0) for name in NAMES}
TARGETS = {"math": documents("math", 1, words=(0, 80)), "code": documents("code", 1)}
FRESH = documents("math", 2, words=(40, 80))
"""Of the target's kind and in no source: the other half of the words of math."""


@pytest.fixture(scope="module")
def texts():
    """With one more source, fresh math."""
    return sample_texts({**SOURCES, "new": FRESH}, TARGETS)


def project(**changes):
    sources = Sources((Source("web", 5e10), Source("code", 1e10), Source("math", 2e9)))
    targets = (Target("math", 2.0), Target("code"))
    plain = Project(sources, targets, Budget(params=3e8, tokens=TOKENS), Path(), Path("mixlaw.yaml"))
    return replace(plain, **changes)


def known(texts, law=MixtureIndex, spread=0.1, replicas=12):
    """A fit whose theta lie on the line of the texts, of sources in another order than the texts'."""
    order, targets = ("math", "web", "code"), ("code", "math")
    counts = Counts.of(texts).without("new")
    x_KxS = covariate(counts.distances())[:, [NAMES.index(name) for name in order]]
    x_KxS = x_KxS[[list(counts.targets).index(name) for name in targets]]
    views = [View(order, target, 2.0, 3.0, 1e8, 1e10, 40) for target in targets]
    z_KxP = np.stack([prior_moments(law, view)[0] for view in views])
    z_KxP[:, parameter_slices(law, 3)[law.worth]] = -1 + SLOPE * (x_KxS - x_KxS.mean(1, keepdims=True))
    constants = {name: np.array([law.constants(view)[name] for view in views]) for name in ("N0", "D0")}
    support = Support((1e8, 1e9), (2e9, 2e10), (10.0, 40.0), np.zeros(3), np.ones(3), np.ones(3), 40)
    noise = spread * np.random.default_rng(0).standard_normal((replicas, *z_KxP.shape))
    flat = Diagnostics(np.ones(2, bool), *(np.full(2, np.nan) for _ in range(5)))
    return Fit(law, order, targets, z_KxP, np.full(2, 0.01), constants, z_KxP + noise, support, flat, (), {})


def test_samples_are_equal_and_a_target_s_own_documents_are_set_aside():
    sources = {"web": documents("web", 0), "math": documents("math", 0, 90)}
    found = sample_texts(sources, {"math": None, "code": TARGETS["code"]}, most=100)
    assert {len(part) for part in found.sources.values()} == {found.count} == {100}
    assert set(found.targets) == {"math", "code"}
    held, kept = set(found.targets["math"]), set(found.sources["math"])
    assert held
    assert not held & kept
    whole = [text for text in sources["math"] if any(text.startswith(piece) for piece in held)]
    assert not any(text.startswith(tuple(kept)) for text in whole), "a document is on one side"
    assert sample_texts(sources, {"math": None}, most=100).sources["web"] == found.sources["web"]


def test_too_little_text_is_refused_by_name():
    few = documents("new", 0, count=3)
    with pytest.raises(MixlawError, match=r"source new: its text gives \d passages.*give at least 8, 2,400 char"):
        sample_texts({**SOURCES, "new": [few[0][:900]]}, TARGETS)
    with pytest.raises(MixlawError, match=r"target code: its text gives 1 passage of"):
        sample_texts(SOURCES, {"math": TARGETS["math"], "code": [few[0][:100]]})


def test_a_document_that_a_target_holds_is_in_no_sample():
    sources = {"web": [*documents("web", 0), *TARGETS["math"][:7]]}
    found = sample_texts(sources, TARGETS)
    assert not set(found.sources["web"]) & set(found.targets["math"])
    assert any("web: 7 documents that a target holds" in note for note in found.notes)


def test_of_one_long_document_the_end_is_set_aside():
    found = sample_texts({"web": [" ".join(documents("web", 0))]}, {"web": None})
    assert not set(found.targets["web"]) & set(found.sources["web"])
    assert len(found.sources["web"]) == pytest.approx(4 * len(found.targets["web"]), abs=5)


@pytest.mark.parametrize(
    ("sources", "targets", "message"),
    [
        ({"web": ["a text"]}, {"news": None}, "target news: is no source and has no `paths`"),
        ({"web": [" "]}, {"news": ["a text"]}, "source web: no text in it"),
        ({"web": ["a text"]}, {"news": []}, "target news: no text in it"),
        ({"web": ["same"]}, {"news": ["same"]}, "source web: no text in it that is not blank or a target's"),
        ({"web": ["short"]}, {"web": None}, "too short to set some aside"),
    ],
)
def test_samples_without_text_are_refused(sources, targets, message):
    with pytest.raises(MixlawError, match=message):
        sample_texts(sources, targets)


def test_few_passages_are_said():
    assert any("few to compare" in note for note in sample_texts({"web": documents("web", 0, 9)}, TARGETS).notes)


def test_counts_give_the_distances_of_the_documents(texts):
    counts = Counts.of(texts)
    direct = NGramKL.of(texts.sources, texts.targets["code"], NGrams())
    w_S = np.array([0.1, 0.2, 0.3, 0.4])
    found = dict(zip(counts.targets, counts.distances(), strict=True))["code"](w_S)
    assert found.value == pytest.approx(direct(w_S).value, rel=1e-12)
    assert found.gradient_S == pytest.approx(direct(w_S).gradient_S, rel=1e-12)
    again = counts.distances(np.random.default_rng(0))[0](w_S).value
    assert again != counts.distances()[0](w_S).value
    assert counts.without("new").distances()[0].sources == NAMES


def test_a_weighted_sum_is_one_distance(texts):
    parts = Counts.of(texts).distances()
    both, w_S, v_S = WeightedSum(parts, np.array([0.3, 0.7])), np.full(4, 0.25), np.array([0.4, 0.1, 0.2, 0.3])
    at, other = both(w_S), both(v_S)
    assert at.value == pytest.approx(0.3 * parts[0](w_S).value + 0.7 * parts[1](w_S).value)
    assert other.value >= at.value + at.gradient_S @ (v_S - w_S) - 1e-12
    h = 1e-6
    slope = (both((1 - h) * w_S + h * v_S).value - both((1 + h) * w_S - h * v_S).value) / (2 * h)
    assert slope == pytest.approx(at.gradient_S @ (v_S - w_S), rel=1e-5)


def test_the_covariate_is_the_formula_of_its_docstring(texts):
    distances = Counts.of(texts).distances()
    for distance, x_S in zip(distances, covariate(distances), strict=True):
        m_B = distance.q_SxB.mean(0)
        assert x_S == pytest.approx(np.log((distance.t_B * distance.q_SxB / m_B).sum(1)), rel=1e-12)
    own = dict(zip(Counts.of(texts).targets, covariate(distances), strict=True))
    assert list(np.argsort(own["code"]))[-1] == NAMES.index("code")
    assert set(np.argsort(own["math"])[-2:]) == {NAMES.index("math"), 3}


def test_a_prior_says_which_sources_are_worth_more(texts):
    x_KxS = covariate(Counts.of(texts).distances())
    prior = source_prior(x_KxS, (*NAMES, "new"), tuple(TARGETS))
    assert prior.offset_KxS.sum(1) == pytest.approx(np.zeros(2), abs=1e-12)
    assert (np.argsort(prior.offset_KxS, 1) == np.argsort(x_KxS, 1)).all()
    view = View(("new", *NAMES), "math", 2.0, 3.0, 1e8, 1e10, 40, prior.of_target(("new", *NAMES), "math"))
    part = parameter_slices(MixtureIndex, 4)["theta"]
    mean_P, covariance_PxP = prior_moments(MixtureIndex, view)
    at = list(TARGETS).index("math")
    assert mean_P[part] == pytest.approx(-1 + prior.offset_KxS[at][[3, 0, 1, 2]])
    rest_P = np.delete(mean_P, np.r_[part])
    assert rest_P == pytest.approx(np.delete(prior_moments(MixtureIndex, view._replace(worth=None))[0], np.r_[part]))
    assert np.linalg.eigvalsh(covariance_PxP).min() > 0


def test_the_line_is_the_runs_where_they_say_much_and_the_prior_where_they_say_little():
    rng = np.random.default_rng(0)
    x_KxS = rng.normal(size=(3, 30))
    theta_KxS = 1.5 * x_KxS + rng.normal(size=(3, 1)) + 0.1 * rng.normal(size=(3, 30))
    found = line(theta_KxS, x_KxS)
    assert found.slope == pytest.approx(1.5, abs=0.05)
    assert 0.08 < found.spread < 0.2
    few = line(theta_KxS[:1, :1], x_KxS[:1, :1])
    assert (few.slope, few.spread) == pytest.approx((SLOPE, 0.4))
    exact_KxS = SLOPE * x_KxS + 2.0
    assert left_out_error(exact_KxS, x_KxS) == pytest.approx(0, abs=1e-9)
    x_K = np.array([0.5, 0.0, -1.0])
    point_K = predicted(line(exact_KxS, x_KxS), exact_KxS, x_KxS, x_K)
    assert point_K == pytest.approx(SLOPE * x_K + 2.0)


def test_draws_lie_about_the_prediction_and_stray_alike_for_all_targets():
    rng = np.random.default_rng(1)
    x_KxS = rng.normal(size=(2, 6))
    theta_KxS = 3 * x_KxS + 0.3 * rng.normal(size=(2, 6))
    found, x_K = line(theta_KxS, x_KxS), x_KxS.mean(1)
    draws_DxK = np.array([drawn(found, theta_KxS, x_KxS, x_K, rng) for _ in range(2000)])
    assert draws_DxK.mean(0) == pytest.approx(predicted(found, theta_KxS, x_KxS, x_K), abs=0.05)
    assert np.corrcoef(draws_DxK.T)[0, 1] > 0.99
    assert draws_DxK.std(0).min() > found.spread


@pytest.mark.parametrize("law", [MixtureIndex, RepeatedMixture])
def test_without_a_share_the_new_source_changes_nothing(texts, law):
    fit = known(texts, law)
    values = {part: (fit.z_KxP[:, where].mean(1), np.zeros((12, 2))) for part, where in source_slices(fit).items()}
    values["theta"] = np.array([0.5, 2.0]), np.zeros((12, 2))
    longer = with_source(fit, "new", values)
    w_MxS = np.random.default_rng(0).dirichlet(np.ones(3), 5)
    zero_Mx4 = np.column_stack([w_MxS, np.zeros(5)])
    for replicas in (False, True):
        before = fit.losses(w_MxS, 3e8, TOKENS, replicas=replicas)
        assert longer.losses(zero_Mx4, 3e8, TOKENS, replicas=replicas) == pytest.approx(before, rel=1e-12)
    more_Mx4 = np.column_stack([0.9 * w_MxS, np.full(5, 0.1)])
    code_M, math_M = (with_it - without for with_it, without in zip(
        longer.losses(more_Mx4, 3e8, TOKENS).T, fit.losses(w_MxS, 3e8, TOKENS).T, strict=True
    ))  # fmt: skip
    assert (math_M < code_M).all(), "theta is larger for math"
    with pytest.raises(MixlawError, match="is among the runs' already"):
        with_source(fit, "web", values)


def test_how_much_repeats_of_an_unseen_source_harm_is_read_off_its_size(texts):
    fit, unique_S = known(texts, RepeatedMixture, replicas=200), np.array([2e9, 5e10, 1e10])
    part = parameter_slices(RepeatedMixture, 3)["P"]
    z_KxP, replicas_BxKxP = fit.z_KxP.copy(), fit.replicas_BxKxP.copy()
    z_KxP[:, part] = replicas_BxKxP[..., part] = -4.0 + 0.8 * np.log(unique_S / 1e10)
    fit = replace(fit, z_KxP=z_KxP, replicas_BxKxP=replicas_BxKxP, unique_S=unique_S)
    counts, where = Counts.of(texts), parameter_slices(RepeatedMixture, 4)
    small, large, endless = (
        with_unseen(fit, counts, Source("new", tokens), 0)[0] for tokens in (2e8, 2e11, None)
    )  # fmt: skip
    harm = [one.z_KxP[:, where["P"]][:, -1] for one in (small, endless, large)]
    assert (np.diff(harm, axis=0) > 1.0).all(), "smaller sources were harmed less, by log P 0.8 a unit of log U"
    assert harm[1] == pytest.approx(z_KxP[:, part].mean(1)), "what never repeats is taken for average"
    drawn_BxK = small.replicas_BxKxP[..., where["P"]][..., -1]
    assert drawn_BxK.std(0).min() > 0.2, "it strays from the line by what the known sources allow"
    assert abs(np.median(drawn_BxK, 0) - harm[0]).max() < 0.3
    assert small.z_KxP[:, where["a"]][:, -1] == pytest.approx(z_KxP[:, where["a"].start])


def test_a_law_that_does_not_say_what_a_source_is_worth_is_refused(texts):
    fit = replace(known(texts), law=LogLinear)
    with pytest.raises(MixlawError, match="choose one of effective-tokens"):
        appraise(texts, project(), Source("new", None), fit)


def test_a_source_of_the_target_s_kind_is_worth_more_than_another(texts):
    fit = known(texts)
    math = appraise(texts, project(), Source("new", None), fit).to_dict()
    web = sample_texts({**SOURCES, "new": documents("junk", 2)}, TARGETS)
    junk = appraise(web, project(), Source("new", None), fit).to_dict()
    assert math["best_share"] > 2 * junk["best_share"]
    assert math["gain"]["mean"] > 3 * junk["gain"]["mean"] >= 0
    for found in (math, junk):
        json.dumps(found, allow_nan=False)
        assert sum(found["mixture"].values()) == pytest.approx(1)
        assert found["mixture"]["new"] == found["best_share"]
        low, high = found["best_share_interval"]
        assert 0 <= low <= found["best_share"] <= high <= 1
    each, used = math["gain_per_token"], math["best_share"] * TOKENS
    assert math["worth_tokens"] == pytest.approx(used)
    assert each["mean"] * used == pytest.approx(math["gain"]["mean"])
    assert 0 < each["low"] <= each["mean"] <= each["high"]
    assert math["text"]["left_out_error"] == pytest.approx(0, abs=0.5)
    gains = [point["gain"] for point in math["curve"]]
    assert gains == sorted(gains)
    assert gains[-1] == pytest.approx(math["gain"]["mean"], abs=1e-6)
    assert gains[0] > gains[-1] * math["curve"][0]["share"] / math["best_share"], "the first tokens bring most"


def test_a_ceiling_that_no_mixture_of_known_sources_keeps_is_refused(texts):
    targets = (Target("math", 2.0, max_loss=0.1), Target("code"))
    with pytest.raises(MixlawError, match=r"target math max_loss 0\.1"):
        appraise(texts, project(targets=targets), Source("new", None), known(texts))


def test_a_gain_is_of_one_plan_in_all_replicas_and_may_be_harm(texts):
    unsure = appraise(texts, project(), Source("new", None), known(texts, spread=1.5, replicas=60)).to_dict()
    assert unsure["gain"]["low"] < 0 < unsure["gain"]["mean"] <= unsure["gain"]["high"]
    assert unsure["gain_per_token"]["low"] < 0
    assert any("contains 0" in note for note in unsure["notes"])
    sure = appraise(texts, project(), Source("new", None), known(texts)).to_dict()
    assert not any("contains 0" in note for note in sure["notes"])


def test_text_that_is_only_somewhat_alike_is_no_substitute():
    """Beyond `ALIKE` nothing of a source counts as more tokens of a known one, however near it is capped."""
    assert [round(Novelty(value, np.ones(2)).old_part, 2) for value in (0.02, 0.26, 0.5, 0.51, 1.0)] == [
        1,
        0.76,
        0.51,
        0,
        0,
    ]


def test_a_copy_of_a_known_source_adds_tokens_and_nothing_else():
    """The same words in other texts: novelty is small, and what the law would give a second source is not given."""
    copy = sample_texts({**SOURCES, "new": documents("code", 2)}, TARGETS)
    counts = Counts.of(copy)
    found = novelty(counts, "new")
    assert found.value < 0.1
    assert found.nearest_S[NAMES.index("code")] > 0.9
    fresh = Counts.of(sample_texts({**SOURCES, "new": documents("junk", 2)}, TARGETS))
    assert novelty(fresh, "new").value == 1
    priced = appraise(copy, project(), Source("new", None), known(copy))
    assert priced.best_share < 0.03
    assert priced.text["novelty"] == pytest.approx(found.value)
    assert any("resembles a mixture of known sources, most of it code" in note for note in priced.notes)


def test_a_copy_of_a_capped_source_takes_what_the_cap_leaves():
    copy = sample_texts({**SOURCES, "new": documents("code", 2)}, TARGETS)
    capped = Sources((Source("web", 5e10), Source("code", 1e10, max=0.05), Source("math", 2e9)))
    fit, targets = known(copy), (Target("code"),)
    copied = {"code": copy.targets["code"]}
    free = recommend(fit, project().sources, project().budget, targets=targets, replicas=12)
    priced = appraise(replace(copy, targets=copied), project(sources=capped, targets=targets), Source("new", None), fit)
    assert free.mixture["code"] > 0.3
    assert priced.mixture["code"] == pytest.approx(0.05, abs=1e-6)
    assert priced.best_share == pytest.approx(free.mixture["code"] - 0.05, abs=1e-4)
    few = appraise(replace(copy, targets=copied), project(sources=capped, targets=targets), Source("new", 6e8), fit)
    assert few.best_share <= priced.best_share


def test_what_there_is_caps_the_share_and_not_what_is_worth_having(texts):
    fit = known(texts)
    free = appraise(texts, project(), Source("new", None), fit)
    few = appraise(texts, project(), Source("new", 1e8, max_epochs=3), fit)
    assert few.best_share == pytest.approx(3e8 / TOKENS, rel=1e-6)
    assert few.worth_tokens == pytest.approx(free.worth_tokens)
    assert few.gain["mean"] < free.gain["mean"]
    assert few.gain_per_token["mean"] == pytest.approx(few.gain["mean"] / 1e8)
    assert few.gain_per_token["mean"] > free.gain_per_token["mean"]


def test_without_runs_what_needs_them_is_null_with_the_reason(texts):
    found = appraise(texts, project(), Source("new", None)).to_dict()
    assert found["basis"] == "transport"
    assert found["best_share"] > 0.1
    assert found["worth_tokens"] == pytest.approx(found["best_share"] * TOKENS)
    assert (found["gain"], found["gain_per_token"], found["law"]) == (None, None, None)
    assert any(note.startswith("gain_per_token, gain and curve are null") for note in found["notes"])
    assert found["text"]["with"] < found["text"]["without"]
    unknown = appraise(texts, project(budget=None), Source("new", None)).to_dict()
    assert unknown["best_share"] == pytest.approx(found["best_share"])
    assert unknown["worth_tokens"] is None
    assert any(note.startswith("worth_tokens is null") for note in unknown["notes"])
    capped = appraise(texts, project(), Source("new", 1e8, max_epochs=2)).to_dict()
    assert capped["best_share"] <= 2e8 / TOKENS + 1e-9
    assert capped["worth_tokens"] == pytest.approx(found["worth_tokens"])


def test_names_that_do_not_match_are_refused(texts):
    with pytest.raises(MixlawError, match="'math' is in the project already"):
        appraise(texts, project(), Source("math", None))
    with pytest.raises(MixlawError, match="the new source last"):
        appraise(texts, project(), Source("other", None))
    with pytest.raises(MixlawError, match="targets of the project and of the texts differ: code"):
        appraise(texts, project(targets=(Target("math"),)), Source("new", None))


def test_a_plan_without_runs_has_a_plan_s_keys_and_says_what_it_is():
    texts = sample_texts(SOURCES, TARGETS)
    plan = nearest_plan(texts, project()).to_dict()
    json.dumps(plan, allow_nan=False)
    fit = known(sample_texts({**SOURCES, "new": FRESH}, TARGETS))
    by_law = recommend(fit, project().sources, project().budget, replicas=12).to_dict()
    assert set(by_law) <= set(plan)
    assert (plan["verdict"], plan["basis"], plan["law"], plan["predicted"]) == ("unknown", "transport", None, None)
    assert any(note.startswith("transport optimum, no runs") for note in plan["notes"])
    assert any(note.startswith("verdict unknown: there are no runs") for note in plan["notes"])
    assert sum(plan["mixture"].values()) == pytest.approx(1)
    assert plan["mixture"]["math"] > plan["mixture"]["code"] > plan["mixture"]["web"]
    for name, (low, high) in plan["interval"].items():
        assert low <= plan["mixture"][name] <= high
    assert plan["epochs"]["math"] == pytest.approx(plan["mixture"]["math"] * TOKENS / 2e9)
    side = plan["transport"]["distances"]
    assert set(side) == {"ngram-kl", "energy", "exact"}
    assert side["ngram-kl"]["mixture"] == plan["mixture"]
    assert plan["certificate"]["gap"] == side["ngram-kl"]["gap"] <= 1e-4 * side["ngram-kl"]["value"]
    for one in side.values():
        assert one["mixture"]["math"] > one["mixture"]["web"]


def test_a_plan_without_runs_keeps_bounds_and_says_what_it_does_not_know():
    texts = sample_texts(SOURCES, TARGETS)
    bounded = Sources((Source("web", 5e10, min=0.3), Source("code", None), Source("math", 3e8, max_epochs=1)))
    plan = nearest_plan(texts, project(sources=bounded), "energy")
    assert plan.mixture["web"] == pytest.approx(0.3, abs=1e-3)
    assert plan.mixture["math"] == pytest.approx(3e8 / TOKENS, abs=1e-3)
    assert [plan.caps[name]["binding"] for name in NAMES] == ["min", None, "max_epochs"]
    assert (plan.interval, plan.epochs, plan.baselines["proportional"]) == (None, None, None)
    assert "interval is null: it is not computed for the distance energy" in plan.notes
    assert "epochs are null: the sources' tokens are not known" in plan.notes
    free = nearest_plan(texts, project(sources=bounded, budget=None))
    assert free.mixture["math"] > plan.mixture["math"]
    assert any(note.startswith("max_epochs of math is not kept") for note in free.notes)


def test_what_only_runs_can_keep_is_refused_or_said():
    texts = sample_texts(SOURCES, TARGETS)
    grouped = Constraints(groups=(Group("all", ("web", "code"), max=0.5),))
    with pytest.raises(MixlawError, match="groups only a plan from runs keeps; give --runs"):
        nearest_plan(texts, project(constraints=grouped))
    with pytest.raises(MixlawError, match="distance cosine: known: ngram-kl, energy, exact"):
        nearest_plan(texts, project(), "cosine")
    targets = (Target("math", 2.0, max_loss=1.0), Target("code"))
    plan = nearest_plan(texts, project(targets=targets, constraints=Constraints("worst")))
    assert any(note.startswith("max_loss of math is not kept") for note in plan.notes)
    assert any(note.startswith("objective worst says nothing without runs") for note in plan.notes)


@pytest.mark.parametrize(
    ("name", "new", "with_fit", "changes"),
    [
        ("runs", Source("new", None), True, {}),
        ("runs-capped", Source("new", 1e8, max_epochs=2), True, {}),
        ("distance", Source("new", None), False, {}),
        ("distance-no-tokens", Source("new", 1e8), False, {"budget": None}),
    ],
)
def test_an_appraisal_is_written_as_before_it_was_typed(texts, name, new, with_fit, changes):
    found = appraise(texts, project(**changes), new, known(texts) if with_fit else None)
    old = Path(__file__).parent / "old" / f"appraisal-{name}.json"
    check_same_json(found.to_dict(), old, but=("sources_hash", "version"), rel=1e-3)
    if found.gain is not None:
        assert found.gain.mean == found.gain["mean"] == found.to_dict()["gain"]["mean"]
