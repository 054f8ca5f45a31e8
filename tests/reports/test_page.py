"""The report: what a folder gives, what is said where something is missing, and text from users that stays text."""

import dataclasses
import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories.report_cases import PAYLOADS, board_of, material_of, poison

import mixlaw
from mixlaw.cli import app as cli
from mixlaw.cli.proxies import save_plan
from mixlaw.errors import MixlawError
from mixlaw.planning.plan import read_plan
from mixlaw.project.sources import Budget, Source, Sources, Target
from mixlaw.reports import ReportInputs, read_inputs, read_leaderboard, render
from mixlaw.reports.charts import MOST_POINTS, linear, logarithmic, scatter
from mixlaw.reports.page_sections import agreement
from mixlaw.runs.run_table import Runs

PLANS = Path(__file__).parents[1] / "data" / "plans"
NAMES, GOALS = ("web", "code", "books"), ("web", "code")


def runs_of(count=12):
    rng, frames = np.random.default_rng(0), []
    w_RxS = rng.dirichlet(np.ones(3), count)
    for params, tokens in ((1e8, 2e9), (1e8, 6e9), (3e8, 6e9)):
        columns = {"run_id": [f"{params:g}-{tokens:g}-{i}" for i in range(count)], "params": params, "tokens": tokens}
        columns |= {f"w:{name}": w_R for name, w_R in zip(NAMES, w_RxS.T, strict=True)}
        for k, target in enumerate(GOALS):
            level = 2.0 + 0.3 * (params / 1e8) ** -0.3 + 0.3 * (tokens / 2e9) ** -0.4
            loss_R = level + (0.3 + 1.5 * w_RxS[:, k] ** 0.5 + 0.6 * w_RxS[:, 2] ** 0.5) ** -0.5
            columns[f"loss:{target}"] = loss_R * np.exp(0.003 * rng.standard_normal(count))
        frames.append(pd.DataFrame(columns))
    return Runs.from_frame(pd.concat(frames, ignore_index=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What `recommend --out` leaves."""
    out, runs = tmp_path_factory.mktemp("recommended"), runs_of()
    sources = Sources((Source("web", 5e10), Source("code", 1e9, max_epochs=2.0), Source("books", 2e10, min=0.1)))
    fitted = mixlaw.fit(runs, "mixture-index", bootstrap=20)
    targets = (Target("code", 2.0), Target("web"))
    plan = mixlaw.recommend(fitted, sources, Budget(params=3e8, tokens=6e9), targets=targets)
    save_plan(out, plan, runs)
    return out


class Reader(HTMLParser):
    """Elements with their attributes, and text by element."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def count(self, tag):
        return sum(name == tag for name, _ in self.elements)


def text_of(page):
    return re.sub(r"\s+", " ", " ".join(Reader(page.split("<script")[0]).texts))


# --- from a folder


def test_a_folder_of_recommend_gives_every_section(folder):
    inputs = read_inputs(folder)
    page = render(inputs)
    assert inputs.missing == {}
    for part in (
        "recommendation",
        "mixture",
        "epochs",
        "explore",
        "held-out",
        "budget",
        "sensitivity",
        "alternatives",
        "leaderboard",
        "provenance",
    ):
        assert f'<section id="{part}"' in page
    text = text_of(page)
    assert "No leaderboard beside this plan" in text
    assert text.count("rank correlation") == 2
    plan = json.loads((folder / "plan.json").read_text())
    for name, share in plan["mixture"].items():
        assert f"{name} {100 * share:.1f}%" in text
    assert f"{plan['predicted']['objective']:.4f} nats per token" in text
    assert all((note in text) != note.endswith(": it was not asked for") for note in plan["notes"])


def test_what_the_scatters_show_is_what_the_plan_says_of_its_error(folder):
    inputs = read_inputs(folder)
    held, plan = inputs.held_out, inputs.plan
    assert held is not None
    errors = [
        agreement(held.predicted_KxR[k][held.scored_KxR[k]], held.runs.loss_RxK[held.scored_KxR[k], k]).mae
        for k in range(2)
    ]
    assert np.mean(errors) == pytest.approx(plan["law"]["held_out"]["mae"], rel=1e-3)


def test_the_recommendation_and_its_confidence_come_first(folder):
    text = text_of(render(read_inputs(folder, held_out=False)))
    assert text.index("Verdict: ") < text.index("Predicted loss") < text.index("Mixture recommended")
    assert "90% interval" in text[: text.index("Predicted loss")] or "do not support a verdict" in text


def test_nothing_in_the_page_is_loaded_from_elsewhere(folder):
    page = render(read_inputs(folder, held_out=False))
    reader = Reader(page)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page.split('id="numbers"')[0])
    assert {tag for tag, _ in reader.elements} & {"img", "link", "iframe", "object", "embed", "base"} == set()
    assert all("src" not in attrs and attrs.get("href", "#").startswith("#") for _, attrs in reader.elements)
    policy = next(attrs["content"] for tag, attrs in reader.elements if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not any("style" in attrs for _, attrs in reader.elements), "the policy allows no inline styles"


def test_a_folder_without_more_than_a_plan_says_what_is_missing(folder, tmp_path):
    shutil.copy(folder / "plan.json", tmp_path)
    inputs = read_inputs(tmp_path)
    page = render(inputs)
    assert set(inputs.missing) == {"fit"}
    assert "No sliders:" in page
    assert "No held-out predictions:" in page
    assert 'id="numbers"' not in page
    assert "<script" not in page
    assert "fit.json" in text_of(page)


def test_a_table_that_is_not_the_fit_s_is_not_shown_as_its_held_out_runs(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "runs.csv")
    table["loss:web"] += 0.1
    table.to_csv(tmp_path / "out" / "runs.csv", index=False)
    inputs = read_inputs(tmp_path / "out")
    assert inputs.held_out is None
    assert "is not the table that the fit was made from" in inputs.missing["held_out"]


def test_a_fit_of_another_plan_is_not_used(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "out")
    plan = json.loads((folder / "plan.json").read_text())
    plan["law"]["name"] = "chinchilla"
    (tmp_path / "out" / "plan.json").write_text(json.dumps(plan))
    assert "is not the fit that the plan was made with" in read_inputs(tmp_path / "out").missing["fit"]


def test_a_plan_without_runs_is_refused_in_one_line(tmp_path):
    shutil.copy(PLANS / "nearest.json", tmp_path / "plan.json")
    with pytest.raises(MixlawError, match="was made without runs") as stop:
        read_inputs(tmp_path)
    assert "\n" not in str(stop.value)
    with pytest.raises(MixlawError, match="was made without runs"):
        render(ReportInputs("plan", read_plan(tmp_path / "plan.json")))


@pytest.mark.parametrize(
    "key", ["near_optimal", "path", "worth", "unconstrained", "speed_up", "epochs", "caps", "tokens_by_source", "flops"]
)
def test_a_plan_without_a_part_gives_a_page_without_it(key):
    made = material_of(3, 2)
    without = dataclasses.replace(made, plan=made.plan | {key: None, "notes": [f"{key} is null: because"]})
    assert "because" in text_of(render(without))
    older = (
        dataclasses.replace(made, plan={k: v for k, v in made.plan.items() if k != key})
        if key not in ("epochs", "caps", "tokens_by_source", "flops")
        else made
    )
    assert "<h2" in render(older)


def test_a_check_at_the_budget_is_shown_beside_what_was_predicted():
    made = material_of(3, 2)
    measured = {
        run: dict.fromkeys(made.fit.targets, loss) for run, loss in (("recommended", 1.111), ("proportional", 2.222))
    }
    check = measured | {"difference": {"predicted": 1.2, "low": 1.0, "high": 1.3, "measured": 1.111}}
    text = text_of(render(dataclasses.replace(made, plan=made.plan | {"check": check})))
    assert "predicted +1.2000 (+1.0000 to +1.3000) and measured +1.1110" in text
    assert text.count("1.1110 2.2220") == 2


def test_a_plan_at_the_runs_scale_and_one_without_baselines_give_a_page():
    made = material_of(3, 2)
    nothing = {
        "params": None,
        "tokens": None,
        "flops": None,
        "epochs": None,
        "tokens_by_source": None,
        "path": None,
        "speed_up": None,
        "caps": None,
    }
    nothing |= {"baselines": {"proportional": None, "uniform": None, "best_run": None}, "verdict": "unknown"}
    law = {"law": made.plan["law"] | {"name": "effective-tokens", "held_out": None}}
    page = render(dataclasses.replace(made, fit=None, plan=made.plan | nothing | law))
    assert "at the runs’ scale" in page
    assert "not known" in page


# --- text from users


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_from_users_stays_text(payload):
    page = render(poison(payload))
    reader, plain = Reader(page), Reader(render(material_of(3, 2)))
    assert reader.count("script") == 2
    assert reader.count("img") == 0
    assert {tag for tag, _ in reader.elements} == {tag for tag, _ in plain.elements}
    assert not any(name.startswith("on") for _, attrs in reader.elements for name in attrs)
    shown = "".join(reader.texts)
    assert shown.count(payload) >= 60, "the payload is there to be read, as it was written"
    data = json.loads(re.search(r'id="numbers">(.*?)</script>', page, re.S).group(1))
    assert data["sources"][0].endswith(payload)


def test_the_same_names_without_a_fit_stay_text():
    for payload in PAYLOADS:
        without = dataclasses.replace(
            poison(payload), fit=None, held_out=None, missing={"fit": payload, "held_out": payload}
        )
        reader = Reader(render(without))
        assert reader.count("script") == reader.count("img") == 0
        assert "".join(reader.texts).count(payload) > 40


# --- leaderboards


def test_a_leaderboard_is_shown_with_the_plan_s_law_marked(folder, tmp_path):
    made = material_of(3, 2)
    path = tmp_path / "leaderboard.json"
    path.write_text(json.dumps(board_of(made.fit)))
    for place in (path, tmp_path):
        text = text_of(render(read_inputs(folder, leaderboard=place, held_out=False)))
        assert "mixture-index the plan’s" in text
        assert "kaplan skipped: does not depend on the mixture" in text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "cannot be read"),
        ("{}", "is no leaderboard"),
        ('{"kind": "leaderboard", "schema": 9}', "has schema 9, this version reads 1"),
    ],
)
def test_files_that_are_no_leaderboards_are_refused(tmp_path, content, why):
    (tmp_path / "leaderboard.json").write_text(content)
    with pytest.raises(MixlawError, match=why):
        read_leaderboard(tmp_path / "leaderboard.json")


# --- plots


@pytest.mark.parametrize("values", [(2.0, 3.0), (2.301, 2.309), (0.0, 250.0), (3.0, 3.0), (-0.4, 0.2)])
def test_an_axis_holds_its_values_and_has_two_to_six_round_ticks(values):
    axis = linear(values)
    assert axis.low <= min(values) <= max(values) <= axis.high
    assert 2 <= len(axis.ticks) <= 6
    assert all(axis.low <= x <= axis.high and float(text) == pytest.approx(x, abs=1e-12) for x, text in axis.ticks)
    assert len({text for _, text in axis.ticks}) == len(axis.ticks)


def test_an_axis_of_ratios_puts_equal_factors_at_equal_distances():
    np.testing.assert_allclose(logarithmic([1e18, 1e19, 1e20]).at([1e18, 1e19, 1e20]), [0.0, 0.5, 1.0])


def test_a_scatter_draws_every_run_until_they_are_too_many():
    predicted_R = np.linspace(2, 3, 100)
    assert scatter(predicted_R, predicted_R, MOST_POINTS).dots.count("M") == 100
    some = scatter(predicted_R, predicted_R, 30)
    assert some.dots.count("M") == 25
    assert some.every == 4


def test_the_path_s_plot_and_table_agree_with_the_fit():
    from mixlaw.reports.budget_curve import budget_curve

    made = material_of(3, 2)
    curve = budget_curve(made.plan, made.fit)
    assert curve is not None
    for row in curve.rows:
        w_1xS = np.array([list(made.plan["mixture"].values())])
        assert row.curves["own"] == pytest.approx(made.fit.losses(w_1xS, row.params, row.tokens).mean(), abs=1e-4)
        assert row.curves["low"] < row.curves["own"] < row.curves["high"]
    assert budget_curve(dataclasses.replace(made.plan, path=made.plan.path[:1]), made.fit) is None
    bare = budget_curve(made.plan, None)
    assert bare is not None
    assert bare.has == []


# --- the command line


def run(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["mixlaw", "report", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code, capsys.readouterr().err


def test_the_verb_writes_the_page_and_says_what_is_missing(folder, tmp_path, monkeypatch, capsys):
    code, said = run(monkeypatch, capsys, folder, "--out", tmp_path / "report.html", "--no-held-out")
    assert code == 0
    assert "note: the law was not refitted" in said
    assert f"wrote {tmp_path / 'report.html'}" in said
    assert mixlaw.report(folder, held_out=False).html == (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nowhere", "--out", "report.html"], "cannot be read as a plan"),
        (["nowhere", "--out", "nowhere/report.html"], "its folder does not exist"),
        (["nowhere", "--out", "report.html", "--compare", "--leaderboard", "x.json"], "give one of them"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(tmp_path, monkeypatch, capsys, words, why):
    monkeypatch.chdir(tmp_path)
    code, said = run(monkeypatch, capsys, *words)
    assert code == 2
    assert why in said
    assert len([line for line in said.splitlines() if line.startswith("error: ")]) == 1


def test_compare_makes_the_leaderboard_that_the_page_shows(folder, tmp_path, monkeypatch, capsys):
    shutil.copytree(folder, tmp_path / "out")
    made, asked = material_of(3, 2), []

    class Board:
        def save(self, where):
            (where / "leaderboard.json").write_text(json.dumps(board_of(made.fit)))

    monkeypatch.setattr(
        "mixlaw.validation.comparison.compare",
        lambda *given, **options: asked.append((given[0], options)) or Board(),
    )
    words = (tmp_path / "out", "--out", tmp_path / "report.html", "--no-held-out", "--compare")
    assert run(monkeypatch, capsys, *words)[0] == 0
    assert len(asked[0][0]) == 36
    assert asked[0][1]["seed"] == 0
    assert "kaplan skipped" in text_of((tmp_path / "report.html").read_text(encoding="utf-8"))
