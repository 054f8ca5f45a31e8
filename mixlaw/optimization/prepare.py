"""Steps shared by `recommend`, `next_runs` and `appraise`: N and D, checks, weighted fit, best mixture."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mixlaw.errors import MixlawError
from mixlaw.fitting.bootstrap import replicate
from mixlaw.io.notes import Note, as_notes
from mixlaw.io.progress import stage
from mixlaw.optimization.infeasible_ceilings import refuse_infeasible
from mixlaw.optimization.optimum import Optimum
from mixlaw.optimization.problem import MixtureProblem
from mixlaw.optimization.scale import Scale, fit_toward
from mixlaw.optimization.size_search import choose_scale


@dataclass(frozen=True)
class Prepared:
    """A feasible problem with its best mixture.

    Attributes:
        problem: its fit is weighted towards the planned run and has bootstrap replicas.
        scale: N and D of the planned run.
        best: the optimum under the fit; it satisfies every constraint.
        notes: notes of the fit, of the caller, and on the choice of N and D.
    """

    problem: MixtureProblem
    scale: Scale
    best: Optimum
    notes: list[Note]


def prepare(problem: MixtureProblem, replicas: int, seed: int, notes: Iterable[str]) -> Prepared:
    """Choose N and D, check the constraints there, weight the fit towards that run, and optimize the mixture.

    Args:
        problem: from `pose`.
        replicas: bootstrap refits to make if the fit has none.
        seed: seed of the bootstrap.
        notes: notes collected so far by the caller.

    Raises:
        MixlawError: a budget is missing, a constraint needs an unknown number of tokens, or the constraints leave no
            mixture.
    """
    collected = list(as_notes(notes))
    stage("finding N and D for the budget")
    scale = choose_scale(problem, collected)
    needed = problem.needs_tokens()
    if needed is not None and scale.tokens is None:
        raise MixlawError(
            f"{needed} and the law {problem.fit.law.name} does not depend on token counts: give --params and --tokens"
        )
    problem.refuse_conflicts(scale.tokens)
    fit = fit_toward(problem.fit, scale)
    if not len(fit.replicas_BxKxP):
        fit = replicate(fit, replicas, seed)
    problem = replace(problem, fit=fit)
    stage("optimizing the mixture")
    best = problem.solve(fit.z_KxP[None], scale.pair)[0]
    refuse_infeasible(problem, scale, best)
    return Prepared(problem, scale, best, list(as_notes([*fit.notes, *collected])))
