"""A law's parameters from runs: starts, maximum a posteriori, noise, bootstrap."""

from dataclasses import replace

import jax
import numpy as np
from scipy.special import erf

from mixlaw import lm, refit
from mixlaw.errors import MixlawError
from mixlaw.fitted import Diagnostics, Fit, Support
from mixlaw.laws import LAWS, Chinchilla, EffectiveTokens, Law, MixtureIndex, Reference, by_name, parametric
from mixlaw.laws.base import prior_moments, unconstrain
from mixlaw.observations import Observations, observe
from mixlaw.runs import Runs

STARTS = 3
"""Random starts beside the prior's mean and the law's own."""
ROUNDS = 5
"""Alternations of parameters and residual scale; the scale has settled to a percent by then."""
NOISE_RUNS = 2.0
"""Weight, in runs, of the law's own guess of the residual scale."""
ROUGH = 1e-5
"""Share of the objective at which starts and the first rounds end where the scale is still to be estimated."""
REFIT = lm.Limits(steps=40, tolerance=1e-4)
"""For replicas: a hundredth of a unit of log-posterior is far below what they differ by."""


def fit(
    runs: Runs,
    law: str | type[Law] | type[Reference] = "auto",
    *,
    seed: int = 0,
    bootstrap: int = 0,
    scale: float | None = None,
) -> Fit:
    """Estimate a law's parameters for every target of a run table.

    Args:
        law: class or command-line name of a law or reference; `auto` takes the default law for what the table holds.
        seed: of the random starts and of the bootstrap.
        bootstrap: number of replicas (see `replicate`); 0 makes none. A reference has none.
        scale: use only the runs of so many params.

    Raises:
        MixlawError: the table lacks a column or scales that the law needs, or replicas of a reference are asked for.
    """
    chosen, notes = choose(runs, scale) if law == "auto" else (by_name(law) if isinstance(law, str) else law, [])
    chosen = parametric(chosen) if bootstrap else chosen
    seen = observe(runs, chosen, scale)
    if issubclass(chosen, Reference):
        return _reference(chosen, runs, seen, seed, scale)
    with jax.enable_x64(True):
        mean_KxP, precision_KxPxP = priors(chosen, seen)
        z_KxSxP = _starts(chosen, seen, mean_KxP, np.random.default_rng(seed))
        solution, sigma_K, agree_K = estimate(chosen, seen, z_KxSxP, mean_KxP, precision_KxPxP)
    result = Fit(
        law=chosen,
        sources=runs.sources,
        targets=runs.targets,
        z_KxP=np.asarray(solution.z_P),
        sigma_K=sigma_K,
        constants=seen.constants(chosen),
        replicas_BxKxP=np.empty((0, *mean_KxP.shape)),
        support=_support(seen),
        diagnostics=Diagnostics(
            np.asarray(solution.converged),
            agree_K,
            np.asarray(solution.degrees),
            np.asarray(solution.objective),
        ),
        notes=(*runs.notes, *notes, *seen.notes, *_complaints(runs.targets, solution)),
        provenance=_provenance(runs, seed),
        runs=runs if scale is None else runs.select(np.isclose(runs.params_R, scale)),
    )
    return replicate(result, bootstrap, seed) if bootstrap else result


def _provenance(runs: Runs, seed: int) -> dict:
    return {"runs": runs.name, "runs_hash": runs.hash(), "tokenizer": runs.tokenizer, "seed": seed}


def _reference(law: type[Reference], runs: Runs, seen: Observations, seed: int, scale: float | None) -> Fit:
    """A fit without parameters, whose losses are a refit on its own runs; its noise is that of held-out residuals."""
    none_Kx0, unknown_K = np.empty((len(runs.targets), 0)), np.full(len(runs.targets), np.nan)
    return Fit(
        law=law,
        sources=runs.sources,
        targets=runs.targets,
        z_KxP=none_Kx0,
        sigma_K=refit.held_out_sigma(law, seen, seed),
        constants={},
        replicas_BxKxP=np.empty((0, *none_Kx0.shape)),
        support=_support(seen),
        diagnostics=Diagnostics(np.isnan(unknown_K), unknown_K, unknown_K, unknown_K),
        notes=(*runs.notes, *seen.notes),
        provenance=_provenance(runs, seed),
        runs=runs if scale is None else runs.select(np.isclose(runs.params_R, scale)),
    )


def choose(runs: Runs, scale: float | None = None) -> tuple[type[Law], list[str]]:
    """The default law for what the table holds, and why the others were passed over.

    Raises:
        MixlawError: no law serves the table.
    """
    params = runs.scales if scale is None else [scale]
    sized = np.isfinite(runs.params_R).all() and np.isfinite(runs.tokens_R).all()
    if len(runs.sources) == 1:
        points = np.unique(np.stack([runs.params_R, runs.tokens_R], 1), axis=0)
        if not sized or len(points) < 5:
            raise MixlawError(f"{runs.name}: one source and fewer than 5 sizes and token counts: nothing to fit")
        return Chinchilla, ["law chinchilla: there is one source, so the laws of mixtures are skipped"]
    if len(params) > 1:
        if not sized:
            raise MixlawError(
                f"{runs.name}: holds {len(params)} scales and an empty 'params' or 'tokens': fill the column, or "
                "state one scale with --scale PARAMS"
            )
        others = ", ".join(law.name for law in LAWS if not {"mixture", "params"} <= law.needs)
        return MixtureIndex, [f"law mixture-index: the runs have {len(params)} sizes, so {others} are skipped"]
    return EffectiveTokens, [
        "law effective-tokens: the runs have one size, so the laws that need several (mixture-index, chinchilla) "
        "are skipped"
    ]


def priors(law: type[Law], seen: Observations) -> tuple[np.ndarray, np.ndarray]:
    """Prior means (K, P) and precisions (K, P, P) in unconstrained space; zero precisions where the law's
    objective has none."""
    targets = range(len(seen.runs.targets))
    moments = [prior_moments(law, seen.view(k)) for k in targets]
    mean_KxP = np.stack([mean for mean, _ in moments])
    covariance_KxPxP = np.stack([covariance for _, covariance in moments])
    precision_KxPxP = np.linalg.inv(covariance_KxPxP) * float(law.objective.priors)
    return mean_KxP, precision_KxPxP


def _starts(law: type[Law], seen: Observations, mean_KxP: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Starting points of every target, (K, starts, P): the prior's mean, the law's own, and random ones."""
    # The same random directions for every target: what one target's fit is does not hang on the others.
    noise_SxP = 0.5 * rng.standard_normal((STARTS, mean_KxP.shape[1]))
    found = []
    for k, mean_P in enumerate(mean_KxP):
        used_R = seen.weight_KxR[k] > 0
        rows = jax.tree.map(lambda x, used_R=used_R: x[used_R], seen.rows)
        own = law.starts(rows, np.exp(seen.log_loss_KxR[k][used_R]), seen.view(k))
        found.append(np.stack([mean_P, *[np.asarray(unconstrain(start)) for start in own], *(mean_P + noise_SxP)]))
    return np.stack(found)


def estimate(law: type[Law], seen: Observations, z_KxSxP, mean_KxP, precision_KxPxP):
    """Parameters and residual scale from several starts.

    Returns:
        the best solution of every target (`lm.Solution` with a leading K), its residual scale (K,), and the
        share of starts that agree with it (K,).
    """
    targets, starts, width = z_KxSxP.shape
    guess_K, degrees_of_freedom = _first_sigma(law, seen), seen.weight_KxR.sum(1)
    repeat = lambda x: np.repeat(x, starts, axis=0)  # noqa: E731
    problems = lm.Problem(*map(repeat, (seen.log_loss_KxR, seen.weight_KxR, guess_K, mean_KxP, precision_KxPxP)))
    constants = seen.constants(law)
    rough = None if not law.objective.priors else lm.Limits(law.objective.steps, ROUGH)
    every = lm.solve(law, problems, z_KxSxP.reshape(-1, width), seen.rows, jax.tree.map(repeat, constants), rough)
    objective_KxS = np.asarray(every.objective).reshape(targets, starts)
    objective_KxS = np.where(np.isfinite(objective_KxS), objective_KxS, np.inf)
    best_K = np.argmin(objective_KxS, axis=1)
    lowest_K = objective_KxS[np.arange(targets), best_K]
    agree_K = np.mean(objective_KxS <= (lowest_K + 1e-4 * np.abs(lowest_K) + 1e-12)[:, None], axis=1)
    solution = jax.tree.map(lambda x: x.reshape(targets, starts, *x.shape[1:])[np.arange(targets), best_K], every)
    sigma_K = guess_K
    for left in reversed(range(ROUNDS - 1 if law.objective.priors else 0)):
        sigma_K = residual_scale(law, solution, degrees_of_freedom)
        problems = lm.Problem(seen.log_loss_KxR, seen.weight_KxR, sigma_K, mean_KxP, precision_KxPxP)
        solution = lm.solve(law, problems, solution.z_P, seen.rows, constants, rough if left else None)
    return solution, residual_scale(law, solution, degrees_of_freedom), agree_K


def _first_sigma(law: type[Law], seen: Observations) -> np.ndarray:
    """Where the scale is estimated it starts wide, so that the priors lead and no start is far from the data."""
    if not law.objective.priors:
        return np.full(len(seen.log_loss_KxR), law.objective.sigma)
    spread_K = [np.std(y_R[w_R > 0]) for y_R, w_R in zip(seen.log_loss_KxR, seen.weight_KxR, strict=True)]
    return np.maximum(0.25 * np.array(spread_K), law.objective.sigma)


def residual_scale(law: type[Law], solution: lm.Solution, observations_K: np.ndarray) -> np.ndarray:
    """Residual standard deviation of log-loss (K,), freed of the effective number of parameters and held by the
    law's own guess where runs are few. Of Gaussian squares the Huber weights leave the share 2 Phi(delta) - 1."""
    prior_runs = NOISE_RUNS if law.objective.priors else 0.0
    free_K = np.maximum(observations_K - np.asarray(solution.degrees), 0.05 * observations_K)
    seen_share = erf(law.objective.huber / np.sqrt(2.0)) if law.objective.priors else 1.0
    squares_K = np.asarray(solution.residual_sum) / seen_share + prior_runs * law.objective.sigma**2
    return np.sqrt(squares_K / (prior_runs + free_K))


def replicate(fitted: Fit, count: int, seed: int = 0) -> Fit:
    """The fit with bootstrap replicas: refits, from the optimum, with random weights a run and random priors.

    A run's weight is Gamma distributed with mean 1 and variance n/(n - p), p the effective parameters: checkpoints
    of one run stay together, no run drops out, and the variance lost to fitting is given back. The prior's mean is
    drawn from the prior, so that what the runs do not determine varies as much as the prior allows (randomise
    then optimise, Bardsley et al. 2014; weighted likelihood bootstrap, Newton and Raftery 1994).

    Raises:
        MixlawError: the fit was read from a file, so its runs are not at hand, or is that of a reference.
    """
    law = parametric(fitted.law)
    if fitted.runs is None:
        raise MixlawError("this fit has no runs to resample: fit the run table again with a bootstrap")
    rng = np.random.default_rng([seed, 1])
    seen = observe(fitted.runs, law)
    cluster_R = np.unique(seen.runs.cluster_R, return_inverse=True)[1]
    runs, (targets, width) = cluster_R.max() + 1, fitted.z_KxP.shape
    with jax.enable_x64(True):
        mean_KxP, precision_KxPxP = priors(law, seen)
        sigma_K = fitted.sigma_K if law.objective.priors else np.full(targets, law.objective.sigma)
        draws_BxKxP = np.broadcast_to(mean_KxP, (count, targets, width)).copy()
        if law.objective.priors:
            factors_KxPxP = np.linalg.cholesky(np.linalg.inv(precision_KxPxP))
            draws_BxKxP += np.einsum("kpq,bkq->bkp", factors_KxPxP, rng.standard_normal(draws_BxKxP.shape))
        shape_K = np.clip(1.0 - fitted.diagnostics.degrees_K / runs, 0.2, 1.0)
        # One draw of uniform order for all targets keeps them paired: a run counts alike for each.
        weight_BxKxR = _gamma_weights(rng, count, runs, shape_K)[:, :, cluster_R] * seen.weight_KxR
        spread = lambda x: np.broadcast_to(x, (count, *x.shape)).reshape(count * targets, *x.shape[1:])  # noqa: E731
        problems = lm.Problem(
            spread(seen.log_loss_KxR),
            weight_BxKxR.reshape(count * targets, -1),
            spread(sigma_K),
            draws_BxKxP.reshape(-1, width),
            spread(precision_KxPxP),
        )
        constants = jax.tree.map(spread, fitted.constants)
        solution = lm.solve(law, problems, spread(fitted.z_KxP), seen.rows, constants, REFIT)
    return replace(fitted, replicas_BxKxP=np.asarray(solution.z_P).reshape(count, targets, width))


def _gamma_weights(rng: np.random.Generator, count: int, runs: int, shape_K: np.ndarray) -> np.ndarray:
    """Weights (B, K, runs) of mean 1 and variance 1/shape_K, from the same quantiles for every target."""
    from scipy.special import gammaincinv

    uniform_Bx1xR = rng.uniform(size=(count, 1, runs))
    return gammaincinv(shape_K[None, :, None], uniform_Bx1xR) / shape_K[None, :, None]


def _support(seen: Observations) -> Support:
    runs = seen.runs
    epochs_RxS = np.where(np.isfinite(runs.unique_RxS), runs.epochs_RxS, 1.0)
    return Support(
        params=_range(runs.params_R),
        tokens=_range(runs.tokens_R),
        tokens_per_param=_range(runs.tokens_R / runs.params_R),
        least_S=runs.w_RxS.min(0),
        most_S=runs.w_RxS.max(0),
        epochs_S=np.nan_to_num(epochs_RxS, nan=1.0).max(0),
        runs=len(np.unique(runs.cluster_R)),
    )


def _range(x_R: np.ndarray) -> tuple[float, float]:
    known = x_R[np.isfinite(x_R)]
    return (float(known.min()), float(known.max())) if len(known) else (np.nan, np.nan)


def _complaints(targets: tuple[str, ...], solution: lm.Solution) -> list[str]:
    stuck = [t for t, done in zip(targets, np.asarray(solution.converged), strict=True) if not done]
    return (
        [f"the solver stopped before its tolerance on {len(stuck)} targets ({', '.join(stuck[:3])} …)"] if stuck else []
    )
