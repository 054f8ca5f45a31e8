"""Figures for papers and pages: functions that take what the library returns and give back matplotlib Axes.

Each draws into the Axes given, or into a figure of its own (`ax.figure.savefig("share.pdf")`). pyplot is not used and
no global setting is changed: fonts and sizes are those of the caller's rcParams, colours are those of `figures.style`.
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
