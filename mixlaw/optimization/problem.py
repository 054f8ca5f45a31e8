"""The mixture optimization problem: fit, targets, sources, budget and constraints, checked against each other."""

from dataclasses import dataclass, field, replace

import numpy as np

from mixlaw.errors import MixlawError, listed
from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import parametric
from mixlaw.mixtures.constraint_rows import Rows, row, stack
from mixlaw.mixtures.infeasibility import Bound, refuse
from mixlaw.mixtures.simplex import check_bounds
from mixlaw.optimization import fixed_proportions
from mixlaw.optimization.optimum import Optimum, optimize_program, tighten
from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.program import Program
from mixlaw.optimization.scale import Scale
from mixlaw.project.constraints import Constraints
from mixlaw.project.feasible import kept_rows
from mixlaw.project.sources import Budget, Sources, Target

CONSTRAINT_TOLERANCE = 1e-7
"""Tolerance of a constraint: a smaller violation counts as satisfied."""
WARM_START_BARRIER = 1e-5
"""Initial barrier weight, as a share of the objective, for a start near the optimum. Of the values from 1e-3 to 1e-7
it was among those with the fewest steps over laws, bounds and sizes (`analysis/NOTES.md`)."""
REFIT_BARRIER = 2e-10
"""Final barrier weight for bootstrap refits: gaps are at most 1e-7 of the objective, and shares within 2e-5 of those at
the default weight, which the plan's own optimum uses."""


@dataclass(frozen=True)
class MixtureProblem:
    """Objective and constraints for one fit. Build it with `pose`, which puts sources and targets in the fit's order.

    Attributes:
        fit: a fit of the same targets as `targets`, in the same order.
        targets: targets with weights and ceilings.
        sources: sources in the fit's order. If None, every mixture is feasible and sizes are unknown.
        budget: the budget; None if none was given (allowed if the law does not depend on N and D).
        constraints: type of objective, groups, and distance from a reference mixture.

    Raises:
        MixlawError: all target weights are 0, constraints name unknown sources, or money is limited and costs are
            unknown.
    """

    fit: Fit
    targets: tuple[Target, ...]
    sources: Sources | None = None
    budget: Budget | None = None
    constraints: Constraints = field(default_factory=Constraints)

    def __post_init__(self) -> None:
        if not sum(target.weight for target in self.targets) > 0:
            raise MixlawError("targets: none has a weight above 0: give at least one")
        self.constraints.check(self.fit.sources)
        if self.constraints.near is not None:
            _ = self.reference_S
        if self.money is not None:
            unpriced = self.fit.sources if self.sources is None else [s.name for s in self.sources if s.cost is None]
            if len(unpriced):
                raise MixlawError(
                    f"budget: money is limited and {listed(unpriced)} has no cost: state the cost a token"
                )
        self.refuse_conflicts(None)

    @property
    def weight_K(self) -> np.ndarray:
        """Weights of the targets, summing to 1."""
        weight_K = np.array([target.weight for target in self.targets], float)
        return weight_K / weight_K.sum()

    @property
    def money(self) -> float | None:
        """Limit on the cost of the training tokens, None if there is no limit."""
        return None if self.budget is None else self.budget.money

    @property
    def money_row(self) -> str | None:
        """Name of the row of the money limit, None if there is no limit."""
        return None if self.money is None else f"money {self.money:g}"

    @property
    def money_unit(self) -> float:
        """Highest cost per token of any source: the unit of costs in the money row."""
        return max((source.cost or 0.0 for source in self.sources or ()), default=0.0) or 1.0

    @property
    def worst(self) -> bool:
        """True if the largest loss is minimised, False if the weighted mean is."""
        return self.constraints.objective == "worst"

    @property
    def lower_S(self) -> np.ndarray:
        """Lower bounds of the shares."""
        return np.zeros(len(self.fit.sources)) if self.sources is None else self.sources.min_S

    def upper_S(self, tokens: float | None) -> np.ndarray:
        """Upper bounds of the shares in a run of this number of tokens."""
        return np.ones(len(self.fit.sources)) if self.sources is None else self.sources.upper_S(tokens)

    @property
    def proportional_S(self) -> np.ndarray | None:
        """The mixture in proportion to the sources' sizes, None if a size is unknown."""
        known = self.sources is not None and np.isfinite(self.sources.tokens_S).all()
        return self.sources.proportional() if known and self.sources is not None else None

    @property
    def reference_S(self) -> np.ndarray | None:
        """Reference mixture that the plan is to stay near, None if there is none."""
        near = self.constraints.near
        return None if near is None else near.reference(self.fit.sources, self.proportional_S)

    @property
    def proportions_SxJ(self) -> np.ndarray | None:
        """Matrix T of the groups' fixed proportions, see `fixed_proportions.py`; None if no group has any."""
        return fixed_proportions.matrix(
            self.fit.sources, [group.kept for group in self.constraints.groups if group.keep]
        )

    def has_room(self, upper_BxS: np.ndarray) -> np.ndarray:
        """Mask (B,) of the upper bounds that some mixture with the groups' fixed proportions satisfies."""
        T = self.proportions_SxJ
        return np.ones(len(upper_BxS), bool) if T is None else fixed_proportions.room(T, self.lower_S[None], upper_BxS)

    def value(self, losses_K: np.ndarray) -> np.ndarray:
        """Objective of losses (..., K), nats per token: weighted mean, or largest loss with a weight above 0."""
        return losses_K[..., self.weight_K > 0].max(-1) if self.worst else losses_K @ self.weight_K

    def needs_tokens(self) -> str | None:
        """Name of a constraint that depends on the number of training tokens, None if there is none."""
        capped = [s.name for s in self.sources or () if s.max_epochs is not None]
        if capped:
            return f"source '{capped[0]}' has max_epochs"
        return None if self.money is None else "the budget has money"

    def linear_rows(self, tokens_B: np.ndarray) -> list[Rows]:
        """Rows of groups and money. The money limit depends on D and has shape (B, 1)."""
        names, K, rows = self.fit.sources, len(self.targets), []
        for group in self.constraints.groups:
            in_S = np.array([float(name in group.sources) for name in names])
            if group.max < 1:
                rows.append(row(f"group {group.name} max {group.max:g}", group.max, losses_K=K, linear_S=in_S))
            if group.min > 0:
                rows.append(row(f"group {group.name} min {group.min:g}", -group.min, losses_K=K, linear_S=-in_S))
        if self.money is not None and np.isfinite(tokens_B).all():
            assert self.sources is not None
            cost_S = np.array([source.cost for source in self.sources], float) / self.money_unit
            made = row(str(self.money_row), 1.0, losses_K=K, linear_S=cost_S)
            rows.append(made._replace(limit_M=(self.money / self.money_unit / tokens_B)[:, None]))
        return rows

    def bounds(self, tokens: float | None) -> list[Bound]:
        """The sources' bounds that restrict a run of this number of tokens, with names."""
        found = []
        if self.sources is None:
            return found
        for i, (source, upper) in enumerate(zip(self.sources, self.upper_S(tokens), strict=True)):
            if source.share is not None:
                found.append(Bound(f"source {source.name} share {source.share:g}", i, False, source.share))
            elif source.min > 0:
                found.append(Bound(f"source {source.name} min {source.min:g}", i, False, source.min))
            if source.max_epochs is not None and upper < source.max - 1e-12:
                name = f"source {source.name} max_epochs {source.max_epochs:g} (a share of {upper:.4g})"
                found.append(Bound(name, i, True, float(upper)))
            elif source.max < 1:
                what = f"max {source.max:g}" if source.share is None else f"share {source.share:g}"
                found.append(Bound(f"source {source.name} {what}", i, True, source.max))
        return found

    def refuse_conflicts(self, tokens: float | None) -> None:
        """Raise if no mixture satisfies the linear constraints: bounds, groups, |w - r|_1 and, if D is known, money.

        Raises:
            MixlawError: the message names the sources, or an irreducible infeasible set of constraints.
        """
        check_bounds(self.fit.sources, self.lower_S, self.upper_S(tokens))
        near, S, K = self.constraints.near, len(self.fit.sources), len(self.targets)
        rows = self.linear_rows(np.array([np.nan if tokens is None else tokens]))
        if near is not None and near.l1 is not None:
            rows.append(row(f"near l1 {near.l1:g}", near.l1, losses_K=K, linear_S=S, l1=1.0))
        rows += kept_rows(self.fit.sources, self.constraints, K)
        if rows:
            refuse(S, self.bounds(tokens), stack(rows, K, S), self.reference_S)

    def curved_rows(self) -> list[Rows]:
        """Rows of the distance from the reference mixture and of the targets' ceilings."""
        near, S, K, rows = self.constraints.near, len(self.fit.sources), len(self.targets), []
        if near is not None and near.kl is not None:
            rows.append(row(f"near kl {near.kl:g}", near.kl, losses_K=K, linear_S=S, kl=1.0))
        if near is not None and near.l1 is not None:
            rows.append(row(f"near l1 {near.l1:g}", near.l1, losses_K=K, linear_S=S, l1=1.0))
        for k, target in enumerate(self.targets):
            if target.max_loss is not None:
                name = f"target {target.name} max_loss {target.max_loss:g}"
                rows.append(row(name, target.max_loss, losses_K=np.eye(K)[k], linear_S=S))
        return rows

    def rows(self, tokens_B: np.ndarray) -> Rows:
        """All rows: groups, money, distance, ceilings and, for the largest loss, one per target with a weight."""
        S, K, rows = len(self.fit.sources), len(self.targets), [*self.linear_rows(tokens_B), *self.curved_rows()]
        for k in np.flatnonzero(self.weight_K > 0) if self.worst else ():
            rows.append(row(f"loss of {self.targets[k].name}", 0.0, losses_K=np.eye(K)[k], linear_S=S, price=np.inf))
        return stack(rows, K, S)

    def program(self, tokens_B: np.ndarray, upper_BxS: np.ndarray) -> Program:
        """The program of B problems at these token counts (nan if unknown) and upper bounds of the shares."""
        near = self.constraints.near
        lower_BxS, upper_BxS = tighten(np.broadcast_to(self.lower_S, upper_BxS.shape), upper_BxS)
        return Program(
            weight_K=self.weight_K * (not self.worst),
            lower_BxS=lower_BxS,
            upper_BxS=upper_BxS,
            rows=self.rows(tokens_B),
            kl=(near and near.kl_price) or 0.0,
            l1=(near and near.l1_price) or 0.0,
            reference_S=self.reference_S,
            proportions_SxJ=self.proportions_SxJ,
        )

    def solve(
        self,
        z_BxKxP: np.ndarray,
        scale_B: tuple[np.ndarray | float, np.ndarray | float],
        upper_BxS: np.ndarray | None = None,
        near_S: np.ndarray | None = None,
        last: float = 0.0,
    ) -> list[Optimum]:
        """Optima under B parameter vectors, each at its own N and D.

        Args:
            scale_B: N and D (nan if unknown).
            upper_BxS: upper bounds of the shares [default: those at D].
            near_S: mixture to start near; ignored if the law is not convex, which uses several starts.
            last: final barrier weight, as a share of the objective; `REFIT_BARRIER` for refits.
        """
        params_B, tokens_B = (np.broadcast_to(np.asarray(x, float), len(z_BxKxP)) for x in scale_B)
        if upper_BxS is None:
            upper_BxS = np.stack([self.upper_S(None if np.isnan(tokens) else tokens) for tokens in tokens_B])
        oracle, program = Oracle(self.fit, z_BxKxP, params_B, tokens_B), self.program(tokens_B, upper_BxS)
        if near_S is None or not oracle.convex:
            return optimize_program(oracle, program, last=last)
        return optimize_program(oracle, program, np.broadcast_to(near_S, upper_BxS.shape), WARM_START_BARRIER, last)

    def violated(self, w_S: np.ndarray, scale: Scale, losses_K: np.ndarray) -> list[str]:
        """Names of the constraints that a mixture with these losses violates."""
        upper_S, tokens_B = self.upper_S(scale.tokens), np.array([scale.tokens_or_nan])
        bounds = zip(self.fit.sources, w_S, self.lower_S, upper_S, strict=True)
        broken = [f"bounds of {name}" for name, w, low, high in bounds if not low - 1e-9 <= w <= high + 1e-9]
        program = self.program(tokens_B, self.upper_S(scale.tokens)[None])
        excess_M = program.excess(w_S[None], losses_K[None])[0]
        kept = zip(program.rows.names, excess_M, program.rows.top_M, strict=True)
        return broken + [name for name, excess, top in kept if not top and excess > CONSTRAINT_TOLERANCE]


def pose(
    fit: Fit,
    sources: Sources | None = None,
    budget: Budget | None = None,
    targets: tuple[Target, ...] = (),
    constraints: Constraints | None = None,
) -> MixtureProblem:
    """Build the problem, with sources in the fit's order. Without `targets`, each target of the fit has weight 1.

    Raises:
        MixlawError: sources or targets do not match the fit, or the law is a reference or independent of the mixture;
            see `MixtureProblem`.
    """
    parametric(fit.law)
    if sources is not None:
        sources = _in_order(fit, sources)
        fit = replace(fit, unique_S=np.nan_to_num(sources.tokens_S, nan=np.inf))
    if "mixture" not in fit.law.needs and len(fit.sources) > 1:
        raise MixlawError(
            f"law {fit.law.name} does not depend on the mixture: it cannot mix {len(fit.sources)} sources"
        )
    targets = targets or tuple(Target(name) for name in fit.targets)
    for target in targets:
        if target.name not in fit.targets:
            raise MixlawError(
                f"target '{target.name}' is not measured by the runs: their targets are {list(fit.targets)}"
            )
    index_K = [fit.targets.index(target.name) for target in targets]
    return MixtureProblem(fit.take_targets(index_K), tuple(targets), sources, budget, constraints or Constraints())


def _in_order(fit: Fit, sources: Sources) -> Sources:
    missing = [name for name in sources.names if name not in fit.sources]
    surplus = [name for name in fit.sources if name not in sources.names]
    if missing:
        raise MixlawError(
            f"source '{missing[0]}' of the project is not among the runs' {list(fit.sources)}: `mixlaw adapt` carries "
            f"runs over where sources were renamed, merged or split, and --add {missing[0]} says that none has seen it"
        )
    if surplus:
        raise MixlawError(
            f"source '{surplus[0]}' of the runs is not in the project: add it under sources, or `mixlaw adapt` the runs"
        )
    return Sources(tuple(sources[name] for name in fit.sources))
