"""recommend: from a fit, sources and a budget to a Plan with baselines, intervals and a verdict."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fit import replicate, toward
from mixlaw.fitted import Fit, _no_nan
from mixlaw.goal import Goal
from mixlaw.held_out import best_run, held_out
from mixlaw.laws import parametric
from mixlaw.optimize import Optimum, optimize_batch
from mixlaw.scale import Scale, choose_scale
from mixlaw.simplex import as_mixture, check_bounds
from mixlaw.sources import Budget, Sources, Target

SCHEMA = 1
REPLICAS = 200
FAR = 30.0
"""A plan at more than so many times the runs' largest N or D is beyond what the runs support."""
FAR_RATIO = 8.0
"""A plan's D/N may leave the range of the runs' by so much."""
ONE_RATIO = 1.5
"""Runs whose D/N differ by less cannot tell what N and D are worth apart."""
FAR_EPOCHS = 4.0
"""Up to so many epochs repeated text is nearly as good as new (Muennighoff et al., 2305.16264): beyond them, and
beyond twice what the runs saw, a law without repetition is not to be trusted."""
LARGE_GAP = 1e-4
"""Nats per token: a plan whose gap is larger is no optimum."""
FAR_SHARE = 0.15
"""A share may exceed the largest one seen, or fall below the smallest, by so much before that is extrapolation."""


@dataclass(frozen=True)
class Plan:
    """A recommendation. `to_dict` gives the contract's JSON object; DESIGN.md names its keys."""

    content: dict[str, Any]
    fit: Fit | None = field(default=None, repr=False, compare=False)
    """The fit behind it, with its replicas; None where the plan was read from a file."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["content"][name]
        except KeyError:
            raise AttributeError(f"a plan has no '{name}'") from None

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON types."""
        return _no_nan(self.content)

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=1), encoding="utf-8")


def read_plan(path: str | Path) -> Plan:
    """Read a plan that `Plan.save` wrote.

    Raises:
        MixlawError: the file is missing, is no plan, or has a schema this version does not know.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise MixlawError(f"{path}: cannot be read as a plan ({error}): give a plan.json") from None
    if not isinstance(data, dict) or "mixture" not in data or "verdict" not in data:
        raise MixlawError(f"{path}: is no plan: give the plan.json that `mixlaw recommend --out` wrote")
    if data.get("schema") != SCHEMA:
        raise MixlawError(f"{path}: has schema {data.get('schema')}, this version reads {SCHEMA}: recommend again")
    return Plan(data)


def with_check(plan: Plan, measured: dict[str, dict[str, float]]) -> Plan:
    """The plan with what its own run and the proportional one came to at the budget.

    Args:
        plan: a plan with its fit and a proportional baseline.
        measured: losses by target of both runs, {"recommended": {target: loss}, "proportional": {...}}.

    The predicted interval is of a difference of two single runs: beside the bootstrap it holds the noise of each,
    taken as fully correlated over targets, which is the wide side.
    """
    content, weights, fit = plan.to_dict(), plan.provenance["targets"], plan.fit
    assert fit is not None, "a plan that `recommend` made has its fit"
    weight_K = np.array(list(weights.values())) / sum(weights.values())
    mixtures = (content["mixture"], content["baselines"]["proportional"]["mixture"])
    w_2xS = np.array([[mixture[name] for name in fit.sources] for mixture in mixtures])
    at = [np.nan if content[key] is None else content[key] for key in ("params", "tokens")]
    point_2 = fit.losses(w_2xS, *at) @ weight_K
    replicas_Bx2 = fit.losses(w_2xS, *at, replicas=True) @ weight_K
    noise = np.sqrt(2.0) * float(weight_K @ (fit.sigma_K * fit.losses(w_2xS, *at)[0]))
    draws_B = np.random.default_rng(content["provenance"]["seed"]).standard_normal(len(replicas_Bx2))
    band = _interval(replicas_Bx2[:, 1] - replicas_Bx2[:, 0] + noise * draws_B, point_2[1] - point_2[0])
    objective = {
        run: sum(w * losses[t] for t, w in weights.items()) / sum(weights.values()) for run, losses in measured.items()
    }
    difference = {"predicted": band["mean"], "low": band["low"], "high": band["high"]}
    difference["measured"] = objective["proportional"] - objective["recommended"]
    return Plan(content | {"check": {**measured, "difference": difference}}, fit)


@dataclass(frozen=True)
class _Question:
    """All that a plan depends on, made consistent: the fit restricted to the targets that count."""

    fit: Fit
    weight_K: np.ndarray
    sources: Sources | None
    budget: Budget | None
    targets: tuple[Target, ...]

    @property
    def lower_S(self) -> np.ndarray:
        return np.zeros(len(self.fit.sources)) if self.sources is None else self.sources.min_S

    def upper_S(self, tokens: float | None) -> np.ndarray:
        return np.ones(len(self.fit.sources)) if self.sources is None else self.sources.upper_S(tokens)


def recommend(
    fit: Fit,
    sources: Sources | None = None,
    budget: Budget | None = None,
    *,
    targets: tuple[Target, ...] = (),
    replicas: int = REPLICAS,
    seed: int = 0,
) -> Plan:
    """The mixture with the lowest weighted mean of predicted losses at a budget, and how sure that is.

    Args:
        fit: a fitted law.
        sources: availability and bounds; without them every mixture is feasible and what needs sizes is null.
        budget: compute, or N and D; may be left out where the law knows no scale.
        targets: weights of the targets; without them each counts 1.
        replicas: bootstrap refits behind every interval (a fit that holds replicas keeps its own).
        seed: of the bootstrap and of the cross-validation.

    Raises:
        MixlawError: sources or targets do not match the fit, a budget is missing, the bounds leave no mixture, or
            the fit is that of a reference.
    """
    parametric(fit.law)
    question = _question(fit, sources, budget, targets)
    if replicas < 1:
        raise MixlawError(f"recommend: replicas is {replicas}: intervals need at least 1, better 200")
    fit, notes = question.fit, []
    if "unique" in fit.law.needs and not np.isfinite(fit.unique_S).all():
        notes.append(f"the law {fit.law.name} takes sources whose tokens are not known as never repeating")
    scale = choose_scale(fit, question.weight_K, question.lower_S, question.upper_S, budget, notes)
    _check_epoch_caps(question, scale)
    upper_S = question.upper_S(scale.tokens)
    check_bounds(fit.sources, question.lower_S, upper_S)
    fit = _for_the_plan(question, scale)
    if not len(fit.replicas_BxKxP):
        fit = replicate(fit, replicas, seed)
    question, notes = replace(question, fit=fit), [*fit.notes, *notes, *_seed_noise(question)]
    z_BxKxP = np.concatenate([fit.z_KxP[None], fit.replicas_BxKxP])
    best, *refits = optimize_batch(
        fit, z_BxKxP, question.weight_K, scale.params, scale.tokens, question.lower_S, upper_S
    )
    judged = held_out(fit, seed=seed)
    notes += judged.notes
    baselines = _baselines(question, scale, best, upper_S, notes)
    verdict = _verdict(baselines)
    rivals = any(b is not None and b["feasible"] for b in baselines.values())
    reasons = [] if rivals else ["no baseline keeps the bounds: there is nothing to compare the plan with"]
    reasons += _extrapolations(question, scale, best) + list(judged.distrust)
    if not fit.law.convex:
        notes.append(
            f"the law {fit.law.name} is not convex in the mixture: this is the best of several starts, "
            "stationary within the gap, and not certified as the optimum"
        )
    if best.gap > LARGE_GAP:
        reasons.append(f"the optimizer stopped {best.gap:.2g} nats short of a certified optimum")
    reasons += judged.doubt if verdict == "better" else ()
    notes += [f"verdict unknown: {reason}" for reason in reasons]
    content = {
        "mixture": _named(fit.sources, best.w_S),
        "interval": _intervals(fit.sources, best.w_S, np.stack([refit.w_S for refit in refits])),
        **_amounts(question, scale, best, notes),
        **scale.to_dict(budget, notes),
        "law": {"name": fit.law.name, "held_out": judged.to_dict()},
        "predicted": _predicted(question, scale, best, notes),
        "baselines": baselines,
        "verdict": "unknown" if reasons else verdict,
        "certificate": {"gap": best.gap},
        "caps": _caps(question, best, upper_S),
        "provenance": _provenance(question, seed),
        "schema": SCHEMA,
        "notes": list(dict.fromkeys(notes)),
    }
    return Plan(content, fit)


def _seed_noise(question: _Question) -> list[str]:
    """What gains are to be seen beside: how far one more run with another seed may be, where runs repeat."""
    found, at = question.fit.diagnostics, question.fit.runs
    if at is None or not np.isfinite(found.seed_noise_K).all():
        return []
    nats = float(question.weight_K @ (found.seed_noise_K * np.nanmedian(at.loss_RxK, axis=0)))
    return [f"runs with another seed differ by {nats:.4f} nats (standard deviation, {found.repeats_K[0]:.0f} repeats)"]


def _for_the_plan(question: _Question, scale: Scale) -> Fit:
    """The fit with its runs weighed by their closeness to the planned run, where its law reads unique tokens."""
    fit = question.fit
    if "unique" not in fit.law.needs or fit.runs is None or None in (scale.params, scale.tokens):
        return fit
    assert scale.tokens is not None
    unique_S = np.broadcast_to(fit.unique_S, len(fit.sources)).tolist()
    goal = Goal(dict(zip(fit.sources, unique_S, strict=True)), scale.tokens, scale.params)
    return fit if goal == fit.goal else toward(fit, goal)


def _question(fit: Fit, sources: Sources | None, budget: Budget | None, targets: tuple[Target, ...]) -> _Question:
    if sources is not None:
        missing = [name for name in sources.names if name not in fit.sources]
        surplus = [name for name in fit.sources if name not in sources.names]
        if missing:
            raise MixlawError(f"source '{missing[0]}' of the project is not among the runs' {list(fit.sources)}")
        if surplus:
            raise MixlawError(f"source '{surplus[0]}' of the runs is not in the project: add it under sources")
        sources = Sources(tuple(sources[name] for name in fit.sources))
    if "mixture" not in fit.law.needs and len(fit.sources) > 1:
        raise MixlawError(f"law {fit.law.name} knows no mixture: it recommends none among {len(fit.sources)} sources")
    targets = targets or tuple(Target(name) for name in fit.targets)
    for target in targets:
        if target.name not in fit.targets:
            raise MixlawError(
                f"target '{target.name}' is not measured by the runs: their targets are {list(fit.targets)}"
            )
    index_K = [fit.targets.index(target.name) for target in targets]
    weight_K = np.array([target.weight for target in targets], float)
    if not weight_K.sum() > 0:
        raise MixlawError("targets: none has a weight above 0: give at least one")
    if sources is not None:
        fit = replace(fit, unique_S=np.nan_to_num(sources.tokens_S, nan=np.inf))
    return _Question(fit.take_targets(index_K), weight_K / weight_K.sum(), sources, budget, targets)


def _check_epoch_caps(question: _Question, scale: Scale) -> None:
    """A cap in epochs is a cap on tokens: it cannot be kept at an unknown number of them."""
    if question.sources is None or scale.tokens is not None:
        return
    capped = [s.name for s in question.sources if s.max_epochs is not None]
    if capped:
        raise MixlawError(
            f"source '{capped[0]}' has max_epochs and the law {question.fit.law.name} knows no token count: "
            "give --params and --tokens"
        )


def _named(names: tuple[str, ...], values: Any) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _interval(values: Any, point: float) -> dict[str, float]:
    """90% range over the bootstrap, widened to hold the point."""
    low, high = np.quantile(values, [0.05, 0.95])
    return {"mean": float(point), "low": float(min(low, point)), "high": float(max(high, point))}


def _intervals(names: tuple[str, ...], w_S: np.ndarray, w_BxS: np.ndarray) -> dict[str, list[float]]:
    found = {name: _interval(w_B, w) for name, w, w_B in zip(names, w_S, w_BxS.T, strict=True)}
    return {name: [band["low"], band["high"]] for name, band in found.items()}


def _losses(question: _Question, scale: Scale, w_S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predicted losses (K,) of one mixture and their replicas (B, K)."""
    at = scale.params_or_nan, scale.tokens_or_nan
    fit = question.fit
    return fit.losses(w_S[None], *at)[0], fit.losses(w_S[None], *at, replicas=True)[:, 0]


def _predicted(question: _Question, scale: Scale, best: Optimum, notes: list[str]) -> dict[str, Any]:
    point_K, replicas_BxK = _losses(question, scale, best.w_S)
    for t, loss in zip(question.targets, point_K, strict=True):
        if t.max_loss is not None:
            where = "above it" if loss > t.max_loss else "below it"
            notes.append(f"target {t.name}: max_loss {t.max_loss:g} is not enforced; its predicted loss is {where}")
    loss = {t.name: _interval(r, p) for t, r, p in zip(question.targets, replicas_BxK.T, point_K, strict=True)}
    return {"loss": loss, "objective": float(question.weight_K @ point_K)}


def _baselines(question: _Question, scale: Scale, best: Optimum, upper_S: np.ndarray, notes: list[str]) -> dict:
    sources, fit, w_bySxS = question.sources, question.fit, {}
    count = len(fit.sources)
    if sources is not None and np.isfinite(sources.tokens_S).all():
        w_bySxS["proportional"] = sources.proportional()
    else:
        notes.append("baseline proportional is null: the sources' tokens are not known")
    w_bySxS["uniform"] = np.full(count, 1.0 / count)
    seen = best_run(fit, question.weight_K)
    if seen is None:
        notes.append(
            "baseline best_run is null: no run of the table has a loss on every target, or no table is at hand"
        )
    else:
        w_bySxS["best_run"] = seen.w_S
    _, plan_BxK = _losses(question, scale, best.w_S)
    found: dict[str, Any] = {"proportional": None, "uniform": None, "best_run": None}
    for name, w_S in w_bySxS.items():
        point_K, replicas_BxK = _losses(question, scale, w_S)
        value = float(question.weight_K @ point_K)
        feasible = bool(np.all(w_S >= question.lower_S - 1e-9) and np.all(w_S <= upper_S + 1e-9))
        difference_B = (replicas_BxK - plan_BxK) @ question.weight_K
        found[name] = {
            "mixture": _named(fit.sources, as_mixture(w_S)),
            "objective": value,
            "feasible": feasible,
            "difference": _interval(difference_B, value - best.objective),
        }
    if seen is not None:
        found["best_run"]["run_id"] = seen.run_id
    return found


def _verdict(baselines: dict[str, Any]) -> str:
    """Against the best feasible baseline: better where the whole interval of the difference is above 0."""
    feasible = [b for b in baselines.values() if b is not None and b["feasible"]]
    rival = min(feasible, key=lambda b: b["objective"], default=None)
    return "better" if rival is not None and rival["difference"]["low"] > 0 else "tie"


def _extrapolations(question: _Question, scale: Scale, best: Optimum) -> list[str]:
    """Why the runs do not support a verdict on this plan, one reason a line."""
    support, fit, reasons = question.fit.support, question.fit, []
    for name, value, (least, most) in (("N", scale.params, support.params), ("D", scale.tokens, support.tokens)):
        if fit.knows_scale and value is not None and value > FAR * most:
            reasons.append(f"{name} = {value:.3g} is {value / most:.0f} times the largest of the runs ({most:.3g})")
        if fit.knows_scale and value is not None and value < least / FAR:
            reasons.append(f"{name} = {value:.3g} is a {least / value:.0f}th of the smallest of the runs ({least:.3g})")
    reasons += _far_ratio(question, scale)
    for name, w, least, most in zip(fit.sources, best.w_S, support.least_S, support.most_S, strict=True):
        if w > most + FAR_SHARE:
            reasons.append(f"share {w:.2f} of {name} is far above the largest of the runs ({most:.2f})")
        if w < least - FAR_SHARE:
            reasons.append(f"share {w:.2f} of {name} is far below the smallest of the runs ({least:.2f})")
    epochs_S = _epochs(question, scale, best)
    if epochs_S is not None:
        for name, epochs, most in zip(fit.sources, epochs_S, support.epochs_S, strict=True):
            if epochs > max(FAR_EPOCHS, 2 * most):
                reasons.append(f"{epochs:.1f} epochs of {name}, the runs saw {most:.1f} at most")
    return reasons


def _far_ratio(question: _Question, scale: Scale) -> list[str]:
    """Why the runs say little about the plan's tokens per parameter."""
    least, most = question.fit.support.tokens_per_param
    if not question.fit.knows_scale or scale.params is None or scale.tokens is None or not np.isfinite(most):
        return []
    ratio, found = scale.tokens / scale.params, question.budget is not None and question.budget.params is None
    if found and most < ONE_RATIO * least:
        return [
            f"all runs have about {least:.3g} tokens a parameter, so they cannot tell what N and D are worth apart: "
            "give --params and --tokens"
        ]
    if not least / FAR_RATIO <= ratio <= most * FAR_RATIO:
        return [f"{ratio:.3g} tokens a parameter are far from the runs' {least:.3g} to {most:.3g}"]
    return []


def _epochs(question: _Question, scale: Scale, best: Optimum) -> np.ndarray | None:
    if question.sources is None or scale.tokens is None:
        return None
    return best.w_S * scale.tokens / question.sources.tokens_S


def _amounts(question: _Question, scale: Scale, best: Optimum, notes: list[str]) -> dict[str, Any]:
    """Epochs and tokens by source, and warnings about repetition the runs have not seen."""
    names, epochs_S = question.fit.sources, _epochs(question, scale, best)
    if scale.tokens is None:
        notes.append("tokens_by_source and epochs are null: the number of training tokens is not known")
    if question.sources is None:
        notes.append("epochs and caps are null: without a project the sources' sizes are not known")
    if epochs_S is not None:
        for name, epochs, most in zip(names, epochs_S, question.fit.support.epochs_S, strict=True):
            if epochs > 1.05 * max(most, 1.0):
                notes.append(f"{name} is used for {epochs:.1f} epochs, more than the {most:.1f} that the runs saw")
    known = epochs_S is not None and np.isfinite(epochs_S).all()
    if epochs_S is not None and not known:
        notes.append("epochs are null: the sources' tokens are not known")
    return {
        "epochs": _named(names, epochs_S) if epochs_S is not None and known else None,
        "tokens_by_source": None if scale.tokens is None else _named(names, best.w_S * scale.tokens),
    }


def _caps(question: _Question, best: Optimum, upper_S: np.ndarray) -> dict[str, Any] | None:
    """By source: its bounds at this budget, the cap in epochs, and which bound holds the share."""
    if question.sources is None:
        return None
    found = {}
    for source, w, low, high in zip(question.sources, best.w_S, question.lower_S, upper_S, strict=True):
        binding = "min" if low > 0 and w - low < 1e-4 else "max" if high < 1 and high - w < 1e-4 else None
        if binding == "max" and source.max_epochs is not None and high < source.max - 1e-12:
            binding = "max_epochs"
        bounds = {"min": float(low), "max": float(high), "max_epochs": source.max_epochs, "binding": binding}
        found[source.name] = bounds
    return found


def _provenance(question: _Question, seed: int) -> dict[str, Any]:
    from mixlaw import __version__

    fit = question.fit
    return {
        **{k: v for k, v in fit.provenance.items() if k != "seed"},
        "sources_hash": None if question.sources is None else question.sources.hash(),
        "sources": question.sources and {s.name: asdict(s) for s in question.sources},
        "seed": seed,
        "fit_seed": fit.provenance.get("seed"),
        "replicas": len(fit.replicas_BxKxP),
        "version": __version__,
        "targets": {t.name: t.weight for t in question.targets},
    }
