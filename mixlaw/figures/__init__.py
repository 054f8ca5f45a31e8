"""Figures for papers and pages: functions from the library's results to matplotlib Axes.

Each draws into the Axes given, or into a figure of its own (`ax.figure.savefig("share.pdf")`). pyplot is not used and
no global setting is changed: fonts and sizes are those of the caller's rcParams, colours are those of `figures.style`.

bars                Bar charts by source: shares compared with proportional, epochs compared with caps
isoflop             IsoFLOP curves: predicted loss over model size at fixed compute
leaderboard         Figures of a leaderboard: errors of every law, and differences between mixtures predicted by
                    the best laws
pareto              Trade-off between the losses of two targets
path                Optimal shares as a function of the budget
picture             A figure as PNG for a notebook, without pyplot and its global state
plan                Overview of a plan in one figure: shares, epochs and the check at the budget
plan_context        Predictions of a fit for a plan's run: its objective, or one target's loss, for any mixture
predicted_observed  Scatter plots of observed over predicted losses
style               Style of all figures: colours safe for colour-blind readers (Okabe and Ito, 2008), names, axes
surfaces            Predicted loss over mixtures: of three sources in a triangle, or over the shares of two
"""

from mixlaw.figures.bars import epochs_bars, mixture_bars
from mixlaw.figures.isoflop import isoflop
from mixlaw.figures.leaderboard import board_dots, leaderboard_figure, save_leaderboard_figure
from mixlaw.figures.pareto import pareto_front
from mixlaw.figures.path import budget_path, save_path_figure
from mixlaw.figures.picture import Picture, show
from mixlaw.figures.plan import check_points, plan_figure, save_plan_figure
from mixlaw.figures.predicted_observed import board_actual, board_differences, held_out_actual, predicted_actual
from mixlaw.figures.surfaces import loss_surface, ternary_contour

__all__ = [
    "Picture",
    "board_actual",
    "board_differences",
    "board_dots",
    "budget_path",
    "check_points",
    "epochs_bars",
    "held_out_actual",
    "isoflop",
    "leaderboard_figure",
    "loss_surface",
    "mixture_bars",
    "pareto_front",
    "plan_figure",
    "predicted_actual",
    "save_leaderboard_figure",
    "save_path_figure",
    "save_plan_figure",
    "show",
    "ternary_contour",
]
