"""Further options of `recommend`, and their effect on the budget and the constraints."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    from mixlaw.planning.options import Ask
    from mixlaw.project.constraints import Constraints
    from mixlaw.project.project_file import Project
    from mixlaw.project.sources import Budget


Objective = Annotated[
    str | None, typer.Option(help="mean: the targets' weighted mean loss (default); worst: the largest of them")
]
Served = Annotated[
    float | None, typer.Option(help="tokens the model will process over its life: compute is then 6 N D + 2 N served")
]
Sizes = Annotated[str | None, typer.Option(help="values of N to choose from for --flops, separated by commas")]
Robust = Annotated[
    str | None,
    typer.Option(
        help="choose the mixture with the lowest regret over the bootstrap: its mean (mean) or a quantile (such as 0.9)"
    ),
]
Regret = Annotated[
    float | None,
    typer.Option(help="largest loss in nats by which a near-optimal mixture may be worse (default: 0.002)"),
]
Reuse = Annotated[
    Path | None,
    typer.Option(help="an earlier plan.json or its folder: its sources keep their proportions to each other"),
]
Bracket = Annotated[
    bool,
    typer.Option("--bracket", help="also estimate the gain by a law that overestimates and one that underestimates it"),
]


def budgeted(
    budget: "Budget | None", project: "Project | None", served: float | None, sizes: str | None
) -> "Budget | None":
    """The command line's budget, else the project's, with the tokens served and the sizes to choose from.

    A budget of the command line takes money, tokens served and (for --flops) sizes from the project's.

    Raises:
        MixlawError: --served or --sizes is given without a budget, or a size is not a number.
    """
    stated = project.budget if project else None
    if budget is not None and stated is not None:
        kept = stated.sizes if budget.flops is not None else ()
        budget = replace(budget, served=stated.served, money=stated.money, sizes=kept)
    budget = budget or stated
    given = {"served": served, "sizes": None if sizes is None else tuple(_numbers(sizes))}
    given = {key: value for key, value in given.items() if value is not None}
    if given and budget is None:
        raise MixlawError(f"--{next(iter(given))}: there is no budget: give --flops, or --params and --tokens")
    return replace(budget, **given) if budget is not None and given else budget


def _numbers(sizes: str) -> list[float]:
    from mixlaw.io.fields import finite

    return [finite(part.strip(), "--sizes") for part in sizes.split(",")]


def constrained(project: "Project | None", objective: str | None, reuse: Path | None = None) -> "Constraints":
    """The project's constraints, with the command line's objective and the fixed proportions of an earlier plan.

    Raises:
        MixlawError: the objective is unknown, or --reuse has no project, or its plan does not record its sources.
    """
    from mixlaw.project.constraints import Constraints

    stated = project.constraints if project else Constraints()
    if reuse is not None:
        from mixlaw.changes import kept_group
        from mixlaw.cli.inputs import read_plan_at

        if project is None:
            raise MixlawError("--reuse needs a project file, which lists the new sources: give mixlaw.yaml")
        group = kept_group(read_plan_at(reuse), project.sources)
        stated = replace(stated, groups=(*stated.groups, group))
    return stated if objective is None else replace(stated, objective=objective)


def refuse_unkeepable(project: "Project | None", budget: "Budget | None", constraints: "Constraints") -> None:
    """Raise if no mixture satisfies the constraints, before runs are read, fitted or trained.

    Constraints that depend on token counts still unknown are checked once the counts are known.

    Raises:
        MixlawError: naming the sources, or an irreducible set of constraints in conflict.
    """
    from mixlaw.project.feasible import feasible

    if project is None:
        return
    counted = all(source.tokens is not None for source in project.sources)
    if not counted and constraints.near is not None and constraints.near.mixture == "proportional":
        constraints = replace(constraints, near=None)
    tokens, money = (budget.tokens if counted else None, budget.money) if budget is not None else (None, None)
    feasible(project.sources, constraints, tokens, money)


def asked(robust: str | None, regret: float | None, bracket: bool) -> "Ask":
    """Settings for choosing the plan and its optional parts."""
    from mixlaw.planning.options import Ask

    return Ask(robust=robust, regret=regret, bracket=bracket)


NoProxies = Annotated[
    bool, typer.Option("--no-proxies", help="without any run: the mixture whose text is nearest to the targets'")
]
By = Annotated[str | None, typer.Option(help="distance for --no-proxies: ngram-kl (default), energy or exact")]
