"""What mixtures not yet run will reach: from a few small runs (pilots) and a distance to the target, after Projektor.

pilots    mixtures run, at which scales, what they reached, how far they are from the target
forms     the regressions by name: few parameters with a power law over scales; Projektor's and its rivals, to compare
scales    from two scales to a third; how much noise that amplifies
fitted    `fit_projector` and the `Projector`: predictions with their noise gain, gradients
optimum   the best mixture, certified where the form is convex
choice    which form and which distance, by the regret of mixtures held out
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
