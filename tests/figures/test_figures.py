"""Figures by their structure: what is labelled, how much is drawn, where; and that no text is cut or covers another."""

import itertools
import re
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from factories.plans import made_plan
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from mixlaw import MixlawError, figures
from mixlaw.estimation.diagnostics import Diagnostics
from mixlaw.estimation.metrics import METRICS, Predictions
from mixlaw.figures import style
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.support import Support
from mixlaw.laws import by_name
from mixlaw.runs.run_table import Runs
from mixlaw.validation.held_out import HeldOutLosses
from mixlaw.validation.leaderboard import Board, Entry, Leaderboard

LONG = "common_crawl/high-quality.deduplicated.2024-10/en"
THREE = ["web", "$code$", "_books"]


def made_fit(names: list[str], law: str = "mixture-index", replicas: int = 8) -> Fit:
    """A fit of a law with plausible parameters: the later a source the more it is worth."""
    S, rng = len(names), np.random.default_rng(0)
    head = np.log([0.8, 0.2, 0.3, 0.3, 0.3, 0.4, 0.4, 0.4, 0.4, 0.3])
    z_P = np.concatenate([head, np.linspace(-2.0, 0.0, S), np.zeros(S)])
    z_KxP = np.stack([z_P, z_P])
    if law != "mixture-index":
        z_KxP = z_KxP[:, :0]
    w_RxS = rng.dirichlet(np.ones(S), 6)
    frame = pd.DataFrame({"run_id": range(6), "params": 1e8, "tokens": 2e9, "loss:chat": 2.1, "loss:code": 2.2})
    frame = frame.assign(**{f"w:{name}": w_R for name, w_R in zip(names, w_RxS.T, strict=True)})
    return Fit(
        law=by_name(law),
        sources=tuple(names),
        targets=("chat", "code"),
        z_KxP=z_KxP,
        sigma_K=np.full(2, 0.005),
        constants={name: np.full(2, x) for name, x in (("N0", 1e8), ("D0", 2e9))},
        replicas_BxKxP=z_KxP + 0.02 * rng.standard_normal((replicas, *z_KxP.shape)),
        support=Support((5e7, 2e8), (1e9, 4e9), (20.0, 20.0), np.zeros(S), np.ones(S), np.ones(S), 6),
        diagnostics=Diagnostics(*np.ones((6, 2))),
        notes=(),
        provenance={"seed": 0},
        runs=Runs.from_frame(frame),
    )


@pytest.fixture(scope="module")
def fit() -> Fit:
    return made_fit(THREE)


@pytest.fixture(scope="module")
def plan():
    return made_plan(THREE)


def made_board() -> Board:
    """Three entries, the later the worse, on 12 runs of two scales and two targets."""
    rng = np.random.default_rng(0)
    loss_KxR, entries = 2.0 + rng.uniform(size=(2, 12)), []
    for i, (name, kind) in enumerate((("mixture-index", "law"), ("auto", "auto"), ("nearest run", "baseline"))):
        found = loss_KxR + 0.02 * (i + 1)
        scores = {metric: np.array([0.02, 0.03]) * (i + 1) for metric in METRICS}
        entries.append(Entry(name, kind, scores, 1.0, Predictions(found, found - 0.1, found + 0.1)))
    return Board("mixtures", ("chat", "code"), tuple(entries), loss_KxR, np.ones((2, 12), bool), np.repeat([0, 1], 6))


def structure(ax: Axes) -> dict[str, object]:
    """What a figure holds, without a pixel: texts, numbers of artists, and the limits to two digits."""
    legend = ax.get_legend()
    return {
        "labels": (ax.get_xlabel(), ax.get_ylabel()),
        "legend": [] if legend is None else [text.get_text() for text in legend.get_texts()],
        "artists": (len(ax.patches), len(ax.lines), len(ax.collections)),
        "limits": tuple(float(f"{x:.2g}") for x in (*ax.get_xlim(), *ax.get_ylim())),
    }


def check_texts(figure: Figure) -> None:
    """Every text that is shown lies within the figure, and no two of one axes cover each other."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    whole = figure.bbox
    for ax in figure.axes:
        boxes = []
        for text in ax.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible()):
            if not text.get_text().strip() or (not ax.axison and text in _of_axes(ax)):
                continue
            box = text.get_window_extent(canvas.get_renderer())
            inside = whole.x0 - 1 <= box.x0 and box.x1 <= whole.x1 + 1
            inside &= whole.y0 - 1 <= box.y0 and box.y1 <= whole.y1 + 1
            if inside or not _tick_outside(ax, text):
                assert inside, f"'{text.get_text()}' is cut at {box}"
                boxes.append((text.get_text(), box))
        for (one, a), (other, b) in itertools.combinations(boxes, 2):
            wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
            assert wide <= 1 or high <= 1, f"'{one}' covers '{other}'"


def _of_axes(ax: Axes) -> list[Text]:
    """Labels and ticks, not drawn where the axes are switched off."""
    return [*ax.xaxis.findobj(Text), *ax.yaxis.findobj(Text)]


def _tick_outside(ax: Axes, text: Text) -> bool:
    """Whether a text is a tick's label beyond the limits, which is not drawn."""
    for axis, (low, high) in ((ax.xaxis, sorted(ax.get_xlim())), (ax.yaxis, sorted(ax.get_ylim()))):
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if text in (tick.label1, tick.label2):
                return not low <= tick.get_loc() <= high
    return False


# --- structure


def test_mixture_bars(plan):
    ax = figures.mixture_bars(plan)
    found = structure(ax)
    assert found["labels"] == ("share of training tokens", "")
    assert found["legend"] == ["recommended (90% interval)", "proportional"]
    assert found["artists"][0] == 6
    assert [bar.get_width() for bar in ax.patches[:3]] == pytest.approx(sorted(plan.mixture.values(), reverse=True))
    assert [bar.get_facecolor() for bar in ax.patches[::3]] == [to_rgba("#0072B2"), to_rgba("#E69F00")]
    alone = figures.mixture_bars(made_plan(THREE, baselines=plan.baselines | {"proportional": None}))
    assert structure(alone)["legend"] == ["recommended (90% interval)"]
    assert len(alone.patches) == 3


def to_rgba(color: str) -> tuple[float, ...]:
    return (*(int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)), 1.0)


def test_epochs_bars_show_caps_and_what_repeats(plan):
    ax = figures.epochs_bars(plan)
    assert structure(ax) == {
        "labels": ("epochs (dashed: one pass; orange: above 4)\nblack: cap, > beyond", ""),
        "legend": [],
        "artists": (3, 3, 0),
        "limits": (0.0, 4.2, 2.6, -0.6),
    }
    many = made_plan(THREE, epochs=plan.epochs | {"web": 700.0})
    ax = figures.epochs_bars(many)
    assert ax.get_xscale() == "symlog"
    assert ax.get_xlim()[1] > 700
    assert ax.patches[0].get_facecolor() == to_rgba(style.ALARM)
    assert "logarithmic" in ax.get_xlabel()


def test_budget_path_names_the_largest_and_counts_the_rest(plan):
    ax = figures.budget_path(plan)
    found = structure(ax)
    assert found["labels"] == ("training compute in FLOP (dashed: the plan's)", "share of training tokens")
    assert found["legend"] == ["web", r"\$code\$", "_books"], "a name may begin with an underscore"
    assert ax.lines[-1].get_xdata()[0] == pytest.approx(6 * 5e8 * 4e9)
    many = made_plan([f"s{i}" for i in range(60)])
    ax = figures.budget_path(many)
    assert structure(ax)["legend"] == ["s0", "s1", "s2", "s3", "s4", "s5", "54 other sources"]
    assert len(ax.lines) == 61
    colors = [line.get_color() for line in ax.lines[:6]]
    assert len(set(colors)) == len({line.get_marker() for line in ax.lines[:6]}) == 6


def test_ternary_contour(fit, plan):
    ax = figures.ternary_contour(fit, plan)
    found = structure(ax)
    assert found["legend"] == ["runs", "proportional", "recommended"]
    assert {text.get_text() for text in ax.texts} >= {"100%\nweb", "100%\n\\$code\\$", "100%\n_books"}
    assert ax.figure.axes[1].get_ylabel() == "predicted mean loss of the targets, nats per token"
    star = next(line for line in ax.lines if line.get_label() == "recommended")
    w_S = np.array([plan.mixture[name] for name in THREE])
    assert np.ravel(star.get_data()) == pytest.approx([w_S[1] + w_S[2] / 2, np.sqrt(0.75) * w_S[2]])
    only = figures.ternary_contour(fit, plan, ("_books", "web", "$code$"), target="code")
    assert only.figure.axes[1].get_ylabel() == "predicted loss of code, nats per token"


def test_ternary_contour_of_more_sources_keeps_the_others_at_the_plan():
    names = [f"s{i}" for i in range(17)]
    found, many = made_fit(names), made_plan(names)
    ax = figures.ternary_contour(found, many, ("s0", "s1", "s2"))
    mass = 100 * sum(many.mixture[name] for name in names[:3])
    assert structure(ax)["legend"] == ["recommended"]
    assert f"{mass:.0f}%\ns0" in {text.get_text() for text in ax.texts}
    with pytest.raises(MixlawError, match="draws 3 sources, here are 17"):
        figures.ternary_contour(found, many)
    check_texts(ax.figure)


def test_loss_surface(fit, plan):
    ax = figures.loss_surface(fit, plan, "web", "_books")
    found = structure(ax)
    assert found["labels"] == ("share of web", "share of _books")
    assert found["legend"] == ["proportional", "recommended"]
    other = plan.baselines["proportional"]["mixture"]
    high = [max(plan.interval[name][1], other[name]) for name in ("web", "_books")]
    assert (ax.get_xlim()[1], ax.get_ylim()[1]) == pytest.approx([min(1, max(0.1, 1.6 * x)) for x in high])


def test_the_bounds_edge_is_drawn_where_there_are_some(fit, plan):
    capped = made_plan(THREE, caps=plan.caps | {"web": plan.caps["web"] | {"max": 0.5}})
    count = len(figures.ternary_contour(fit, plan).collections)
    ax = figures.ternary_contour(fit, capped)
    assert len(ax.collections) == count + 1
    edge = ax.collections[-1].get_paths()[0].vertices
    assert 1 - edge[:, 0] - edge[:, 1] / np.sqrt(3) == pytest.approx(np.full(len(edge), 0.5), abs=0.01)


def test_isoflop_finds_the_best_size_of_each_curve(fit, plan):
    ax = figures.isoflop(fit, plan)
    found = structure(ax)
    assert found["labels"] == (
        "parameters N, with tokens D = C / 6N",
        "predicted mean loss of the targets, nats per token",
    )
    curves = ["7.5e+17", "3e+18", "1.2e+19", "4.8e+19", "1.9e+20"]
    assert found["legend"] == [*curves, "best N", "plan", "runs' sizes"]
    best = next(line for line in ax.lines if line.get_label() == "best N")
    w_S = np.array([plan.mixture[name] for name in THREE])
    params_M = np.geomspace(1e7, 1e11, 2000)
    for factor, found_N, found_loss in zip((1 / 16, 1 / 4, 1, 4, 16), *best.get_data(), strict=True):
        loss_M = fit.losses(np.tile(w_S, (2000, 1)), params_M, factor * 2e18 / params_M).mean(1)
        assert found_N == pytest.approx(params_M[np.argmin(loss_M)], rel=0.05)
        assert found_loss == pytest.approx(loss_M.min(), abs=1e-4)
    worst = figures.isoflop(fit, made_plan(THREE, objective="worst"))
    assert worst.get_ylabel() == "predicted largest loss of the targets, nats per token"


def test_predicted_actual_tells_error_and_bias():
    observed = np.array([2.0, 2.5, 3.0, np.nan])
    ax = figures.predicted_actual(observed + np.array([0.1, 0.2, 0.3, 0.0]), observed)
    assert ax.get_title(loc="left") == "3 runs, error 0.2000, bias +0.2000"
    assert len(ax.collections[0].get_offsets()) == 3
    assert ax.get_xlim() == ax.get_ylim()
    with pytest.raises(MixlawError, match="give one number a run"):
        figures.predicted_actual(observed, observed[:2])
    with pytest.raises(MixlawError, match="no run has both"):
        figures.predicted_actual(observed, observed * np.nan)


def test_pareto_front_joins_what_is_not_beaten(plan):
    points = [(2.0, 3.0), (2.5, 2.5), (2.6, 2.6), (3.0, 2.0)]
    plans = [with_losses(plan, *point) for point in points]
    ax = figures.pareto_front(plans, "chat", "code", ["a", "b", "c", "d"])
    front, beaten = ax.lines[-2:]
    assert np.transpose(front.get_data()).tolist() == [[2.0, 3.0], [2.5, 2.5], [3.0, 2.0]]
    assert np.transpose(beaten.get_data()).tolist() == [[2.6, 2.6]]
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c", "d"]
    assert structure(ax)["labels"] == ("loss of chat, nats per token", "loss of code, nats per token")
    check_texts(ax.figure)
    with pytest.raises(MixlawError, match="different laws or sizes"):
        figures.pareto_front([plan, made_plan(THREE, params=1e9)], "chat", "code")
    with pytest.raises(MixlawError, match=r"predicts no target 'cod'.*did you mean 'code'"):
        figures.pareto_front([plan], "chat", "cod")


def with_losses(plan, chat: float, code: float):
    loss = {name: {"mean": x, "low": x - 0.01, "high": x + 0.01} for name, x in {"chat": chat, "code": code}.items()}
    return made_plan(THREE, predicted=plan.predicted | {"loss": loss})


def test_leaderboard_figures():
    board = made_board()
    ax = figures.board_dots(board)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["mixture-index", "auto", "nearest run"]
    ax = figures.board_actual(board, board.entries[0], "code")
    assert ax.get_title(loc="left") == "mixture-index, code\n12 runs, error 0.0200, bias +0.0200"
    check_texts(ax.figure)
    differences = np.asarray(figures.board_differences(board, board.entries[0]).collections[0].get_offsets())
    assert differences[:, 0] - differences[:, 1] == pytest.approx(np.zeros(24), abs=1e-12), "a constant error cancels"
    check_texts(figures.leaderboard_figure(Leaderboard((board,), {}, (), {})))


# --- looks


@pytest.mark.parametrize("name", ["s", LONG], ids=["short", "long"])
@pytest.mark.parametrize("count", [1, 3, 17, 60])
def test_texts_are_neither_cut_nor_covered(count, name):
    plan = made_plan([f"{name}-{i}" for i in range(count)])
    for ax in (figures.epochs_bars(plan), figures.budget_path(plan)):
        check_texts(ax.figure)
    check_texts(figures.plan_figure(plan))


def test_texts_of_surfaces_are_neither_cut_nor_covered(fit, plan):
    long = [f"{LONG}-{i}" for i in range(3)]
    for found, drawn in ((fit, plan), (made_fit(long), made_plan(long))):
        names = found.sources
        for ax in (
            figures.ternary_contour(found, drawn),
            figures.loss_surface(found, drawn, names[0], names[2]),
            figures.isoflop(found, drawn),
        ):
            check_texts(ax.figure)


def test_names_are_shortened_only_where_they_stay_apart():
    assert style.shortened(["a" * 32, "$x"]) == ["a" * 32, r"\$x"]
    assert style.shortened([LONG])[0] == "common_crawl/hi…uplicated.2024-10/en"[:15] + "…" + LONG[-16:]
    assert max(map(len, style.shortened([f"{LONG}-{i}" for i in range(60)]))) == 32
    alike = ["x" * 20 + "1" + "y" * 20, "x" * 20 + "2" + "y" * 20]
    assert style.shortened(alike) == alike


def test_colours_are_told_apart_by_colour_blind_readers():
    """Pairs of colours differ in lightness-independent distance after simulating the loss of a cone (Viénot 1999)."""
    rgb_Cx3 = np.array([to_rgba(color)[:3] for color in style.LINE_COLOURS]) ** 2.2
    protan = np.array([[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]])
    deutan = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
    for seen in (np.eye(3), protan, deutan):
        seen_Cx3 = np.clip(rgb_Cx3 @ seen.T, 0, 1) ** (1 / 2.2)
        gaps = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen_Cx3, 2)]
        assert min(gaps) > 0.1


# --- use


def test_figures_are_drawn_into_the_axes_given(fit, plan):
    grid = Figure(figsize=(12, 8), layout="constrained").subplots(2, 3)
    assert figures.mixture_bars(plan, grid[0, 0]) is grid[0, 0]
    assert figures.epochs_bars(plan, ax=grid[0, 1]) is grid[0, 1]
    assert figures.budget_path(plan, grid[0, 2]) is grid[0, 2]
    assert figures.ternary_contour(fit, plan, ax=grid[1, 0]) is grid[1, 0]
    assert figures.loss_surface(fit, plan, "web", "_books", ax=grid[1, 1]) is grid[1, 1]
    assert figures.isoflop(fit, plan, ax=grid[1, 2]) is grid[1, 2]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_figures_are_saved_as_pixels_or_vectors(kind, plan, tmp_path):
    figures.save_plan_figure(plan, tmp_path / f"plan.{kind}")
    assert figures.save_path_figure(plan, tmp_path / f"path.{kind}")
    assert not figures.save_path_figure(made_plan(THREE, path=None), tmp_path / f"none.{kind}")
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"path.{kind}", f"plan.{kind}"]


def test_drawing_changes_no_setting_and_uses_no_pyplot(plan):
    before = dict(matplotlib.rcParams)
    figures.plan_figure(plan)
    assert dict(matplotlib.rcParams) == before
    for file in Path(figures.__file__).parent.glob("*.py"):
        assert not re.search(r"import pyplot|matplotlib\.pyplot", file.read_text()), file.name


def test_what_a_plan_or_fit_lacks_is_named(fit, plan):
    bare = made_plan(THREE, epochs=None, path=None, notes=["epochs and caps are null: without a project"])
    with pytest.raises(MixlawError, match="needs the plan's epochs: epochs and caps are null: without a project"):
        figures.epochs_bars(bare)
    with pytest.raises(MixlawError, match="needs the plan's path: it holds none"):
        figures.budget_path(bare)
    with pytest.raises(MixlawError, match="needs the plan's check"):
        figures.check_points(plan)
    with pytest.raises(MixlawError, match=re.escape("give the fit that the plan was made with")):
        figures.isoflop(fit, made_plan(["a", "b", "c"]))
    with pytest.raises(MixlawError, match="reads params and tokens"):
        figures.isoflop(fit, made_plan(THREE, params=None))
    with pytest.raises(MixlawError, match="source 'wbe' is not among the fit's: did you mean 'web'"):
        figures.loss_surface(fit, plan, "wbe", "_books")
    with pytest.raises(MixlawError, match="each must be another"):
        figures.loss_surface(fit, plan, "web", "web")
    with pytest.raises(MixlawError, match="target 'cat' is not among the fit's"):
        figures.ternary_contour(fit, plan, target="cat")
    two = ["a", "b"]
    with pytest.raises(MixlawError, match="needs a third source"):
        figures.loss_surface(made_fit(two), made_plan(two), "a", "b")
    emptied = made_plan(THREE, mixture=dict.fromkeys(THREE, 0.0))
    with pytest.raises(MixlawError, match="the plan gives nothing"):
        figures.ternary_contour(fit, emptied)


def test_a_figure_shown_in_a_notebook_is_png_says_its_axes_and_is_the_same_each_time():
    first, again = (figures.show(figures.mixture_bars(made_plan(["web", "code"]))) for _ in range(2))
    assert first._repr_png_().startswith(b"\x89PNG")
    assert first == again
    assert repr(first) == "figure: share of training tokens"
    assert len(figures.show(figures.plan_figure(made_plan(["web", "code"])), dpi=40).png) < len(first.png)


def test_held_out_losses_are_drawn_by_target(fit):
    runs = fit.runs
    judged = np.array([[True] * 5 + [False]] * 2)
    held = HeldOutLosses(runs, runs.loss_RxK.T + np.array([[0.01], [0.02]]), judged, runs.loss_RxK.T, None)
    ax = figures.held_out_actual(held, "code")
    assert ax.get_title(loc="left") == "code\n5 runs, error 0.0200, bias +0.0200"
    with pytest.raises(MixlawError, match="target 'cod' was not held out"):
        figures.held_out_actual(held, "cod")
