"""Predict the performance of new mixtures from a few small runs (pilots) and a distance to the target (Projektor).

pilots    `Pilots`: mixtures, scales, performances, and distances to the target
forms     regressions by name: small ones with a power law over scales; Projektor's and its baselines, to compare
scales    extrapolation from two scales to a third, and how much it amplifies noise
fitted    `fit_projector` and the `Projector`: predictions with their noise gain, gradients
optimum   the predicted best mixture, certified if the form is convex
choice    choice of form and distance by the regret on held-out mixtures
"""

from mixlaw.projector.choice import Choice, choose_projector
from mixlaw.projector.fitted import Prediction, Projector, fit_projector
from mixlaw.projector.forms import DEFAULT, FORMS, Form, form_named
from mixlaw.projector.optimum import Optimum, best_mixture
from mixlaw.projector.pilots import Pilots
from mixlaw.projector.scales import noise_gain, project_log_linear, project_power_law, projection_weights

__all__ = [
    "DEFAULT",
    "FORMS",
    "Choice",
    "Form",
    "Optimum",
    "Pilots",
    "Prediction",
    "Projector",
    "best_mixture",
    "choose_projector",
    "fit_projector",
    "form_named",
    "noise_gain",
    "project_log_linear",
    "project_power_law",
    "projection_weights",
]
