"""A law's parameters from runs: starts, maximum a posteriori, noise, bootstrap."""

from dataclasses import replace

import jax
import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.estimation import diagnostics as diagnose
from mixlaw.estimation import levenberg_marquardt as lm
from mixlaw.estimation.diagnostics import Diagnostics
from mixlaw.estimation.goals import Goal
from mixlaw.estimation.map_estimate import ParameterPrior, estimate, starts
from mixlaw.estimation.observations import Observations, at_params, check_losses_differ
from mixlaw.fitting import reference_fit
from mixlaw.fitting.bootstrap import replicate
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.law_selection import choose
from mixlaw.fitting.support import support_of
from mixlaw.fitting.training_data import TrainingData
from mixlaw.io.progress import stage
from mixlaw.laws import Law, Reference, SourcePrior, by_name, parametric
from mixlaw.runs.run_table import Runs


def fit(
    runs: Runs,
    law: str | type[Law] | type[Reference] = "auto",
    *,
    seed: int = 0,
    bootstrap: int = 0,
    scale: float | None = None,
    goal: Goal | None = None,
    prior: SourcePrior | None = None,
) -> Fit:
    """Fit a law to a run table: a formula that predicts the loss of each target from the mixture (and from N and D).

    The estimate is maximum a posteriori, from several starts. The result predicts (`Fit.predict`), gives intervals
    (`band`), is saved and read (`Fit.save`, `read_fit`), and is what `recommend` plans with.

    Args:
        runs: the run table, as `read_runs` returns it.
        law: class or command-line name of a law or reference. `auto` uses the law that cross-validation selects
            (`law_selection.choose`) and adds the reasons to the notes.
        seed: seed of the random starts, of the folds that `auto` uses, and of the bootstrap.
        bootstrap: number of replicas (see `replicate`). A reference has none.
        scale: use only runs with this number of parameters N.
        goal: the planned run (`mixlaw.goal`). It decides whether `auto` needs a law of repetition; such a law weights
            runs by their closeness to it.
        prior: prior of the sources' values, such as one from a text sample of each source (`mixlaw.appraisal`).
            `auto` selects the law without it.

    Raises:
        MixlawError: the table lacks a column or a size that the law needs; a target's loss is the same in all runs;
            replicas of a reference are asked for; or a prior is given and the law has no per-source parameter for it.

    >>> import numpy as np, pandas as pd, mixlaw
    >>> web = np.linspace(0.1, 0.9, 12)
    >>> loss = 2.0 + np.exp(-1.5 * web)
    >>> runs = mixlaw.Runs.from_frame(pd.DataFrame({"w:web": web, "w:code": 1 - web, "loss:web": loss}))
    >>> found = mixlaw.fit(runs, "log-linear")
    >>> predicted = found.predict({"web": 0.45, "code": 0.55})["loss:web"][0]
    >>> bool(abs(predicted - (2.0 + np.exp(-1.5 * 0.45))) < 0.01)
    True
    """
    check_losses_differ(runs if scale is None else at_params(runs, scale))
    if law == "auto":
        chosen, notes = choose(runs, scale, seed, goal)
    else:
        chosen, notes = by_name(law) if isinstance(law, str) else law, []
    chosen = parametric(chosen) if bootstrap else chosen
    data = TrainingData(runs if scale is None else at_params(runs, scale), chosen, goal, prior)
    seen = data.observations
    if prior is not None and (issubclass(chosen, Reference) or chosen.worth is None):
        raise MixlawError(f"law {chosen.name}: takes no prior of its sources: choose mixture-index or repeated-mixture")
    if issubclass(chosen, Reference):
        return _reference(chosen, runs, data, seed)
    stage(f"fitting {chosen.name} to {len(seen.runs)} rows, {len(runs.targets)} targets")
    with jax.enable_x64(True):
        z_KxSxP = starts(chosen, seen, data.parameter_prior.mean_KxP, np.random.default_rng(seed))
        solution, sigma_K, agree_K = estimate(chosen, seen, z_KxSxP, data.parameter_prior)
        diagnose.check_trust(chosen, seen, solution, agree_K, z_KxSxP.shape[1])
        remarks = _remarks(chosen, seen, solution, data.parameter_prior, sigma_K)
    result = Fit(
        law=chosen,
        sources=runs.sources,
        targets=runs.targets,
        z_KxP=np.asarray(solution.z_P),
        sigma_K=sigma_K,
        constants=seen.constants(chosen),
        replicas_BxKxP=np.empty((0, *solution.z_P.shape)),
        support=support_of(seen),
        diagnostics=Diagnostics(
            np.asarray(solution.converged),
            agree_K,
            np.asarray(solution.degrees),
            np.asarray(solution.objective),
            *_noise(seen),
        ),
        notes=(*runs.notes, *notes, *seen.notes, *remarks, *_complaints(runs.targets, solution)),
        provenance=_provenance(runs, seed) | ({} if prior is None else {"prior": prior.name}),
        unique_S=np.inf if goal is None else np.array([goal.unique.get(source, np.inf) for source in runs.sources]),
        goal=goal,
        prior=prior,
        runs=data.runs,
        data=data,
    )
    return replicate(result, bootstrap, seed) if bootstrap else result


def _remarks(
    law: type[Law], seen: Observations, solution: lm.FitSolution, prior: ParameterPrior, sigma_K: np.ndarray
) -> list[str]:
    """Notes on parameters that the data do not identify; call inside a float64 context."""
    constants, sources = seen.constants(law), seen.runs.sources
    spread_KxP = diagnose.spread(law, prior.problem(*seen.data, sigma_K), solution, seen.rows, constants)
    prior_KxP = np.sqrt(np.einsum("kpp->kp", prior.covariance_KxPxP))
    return [
        *diagnose.two_sizes(law, seen),
        *diagnose.undetermined(law, spread_KxP, prior_KxP, sources),
        *diagnose.at_bounds(law, np.asarray(solution.z_P), constants, sources),
    ]


def _noise(seen: Observations) -> tuple[np.ndarray, np.ndarray]:
    noise_K, repeats = diagnose.seed_noise(seen)
    return noise_K, np.full(len(noise_K), float(repeats))


def _provenance(runs: Runs, seed: int) -> dict:
    found = runs.measurement
    return {
        "runs": runs.name,
        "runs_hash": runs.hash(),
        "tokenizer": found.tokenizer,
        "definitions": dict(found.definitions),
        "seed": seed,
    }


def _reference(law: type[Reference], runs: Runs, data: TrainingData, seed: int) -> Fit:
    """A fit without parameters, whose losses are a refit on its own runs; its noise is that of held-out residuals."""
    seen = data.observations
    none_Kx0, unknown_K = np.empty((len(runs.targets), 0)), np.full(len(runs.targets), np.nan)
    unfitted = Diagnostics(np.isnan(unknown_K), unknown_K, unknown_K, unknown_K, *_noise(seen))
    return Fit(
        law=law,
        sources=runs.sources,
        targets=runs.targets,
        z_KxP=none_Kx0,
        sigma_K=reference_fit.held_out_sigma(law, seen, seed),
        constants={},
        replicas_BxKxP=np.empty((0, *none_Kx0.shape)),
        support=support_of(seen),
        diagnostics=unfitted,
        notes=(*runs.notes, *seen.notes),
        provenance=_provenance(runs, seed),
        runs=data.runs,
        data=data,
    )


def toward(fitted: Fit, goal: Goal) -> Fit:
    """Refit for a planned run: runs are weighted by how close they are to it. The result has no replicas.

    Raises:
        MixlawError: the fit was read from a file, which holds no runs.
    """
    runs = fitted.training_data("the plan's weights need").runs
    again = fit(runs, fitted.law, seed=fitted.provenance["seed"], goal=goal, prior=fitted.prior)
    notes = tuple(dict.fromkeys((*fitted.notes, *again.notes)))
    return replace(again, unique_S=fitted.unique_S, provenance=fitted.provenance, notes=notes)


def _complaints(targets: tuple[str, ...], solution: lm.FitSolution) -> list[str]:
    stuck = [t for t, done in zip(targets, np.asarray(solution.converged), strict=True) if not done]
    return (
        [f"the solver stopped before its tolerance on {len(stuck)} targets ({', '.join(stuck[:3])} …)"] if stuck else []
    )
