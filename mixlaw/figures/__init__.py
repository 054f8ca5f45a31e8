"""Figures for papers and pages: functions that take what the library returns and give back matplotlib Axes.

Each draws into the Axes given, or into a figure of its own (`ax.figure.savefig("share.pdf")`). pyplot is not used and
no global setting is changed: fonts and sizes are those of the caller's rcParams, colours are those of `figures.style`.

bars                Bars by source: shares beside proportional, epochs beside caps
isoflop             Predicted loss over model size at fixed compute
leaderboard         The leaderboard as figures: errors of every law, and the differences between mixtures that the
                    best predict
pareto              What one target costs another
path                How the best mixture moves with the budget
picture             A figure as a notebook shows it: PNG of moderate size, without pyplot and its global state
plan                A plan at a glance: shares, epochs and the check at the budget in one figure
plan_context        What a fit predicts at a plan: the plan's objective, or one target's loss, of any mixture at any
                    size
predicted_observed  Predicted against observed losses
style               The one style of all figures: colours told apart by colour-blind readers (Okabe and Ito, 2008),
                    names, axes
surfaces            Predicted loss over mixtures: three sources in a triangle, or two sources while the others give
                    way
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
