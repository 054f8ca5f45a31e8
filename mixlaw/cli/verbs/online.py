"""`mixlaw online`: a mixture found by DGA or DoReMi while one proxy trains, written to a file."""

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixlaw.cli.options import reads_text

if TYPE_CHECKING:
    from proxies.tasks.task import Task

WIDTH = 80


@reads_text
def online(
    project: Annotated[Path, typer.Argument(help="project file: sources, targets, budget")],
    out: Annotated[Path, typer.Option(help="folder for online-METHOD.json")],
    method: Annotated[str, typer.Option(help="dga (gradient alignment) or doremi (excess loss)")] = "dga",
    every: Annotated[int | None, typer.Option(help="steps between two updates (default: 128)")] = None,
    rate: Annotated[float | None, typer.Option(help="step size of an update (default: 4, for doremi 1)")] = None,
    seed: Annotated[int, typer.Option(help="seed of everything random", min=0)] = 0,
    seconds: Annotated[
        float, typer.Option(help="seconds on this machine that the proxies may take; sets their size", min=1.0)
    ] = 120.0,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """Run an online-mixing baseline: the mixture is updated while one proxy trains; its average is written.

    The proxy has the largest size that `mixlaw sweep` would train. The project's bounds are not enforced; notes list
    the violated ones. Use the file as weights: `mixlaw audit DIR/online-dga.json --project mixlaw.yaml`.
    """
    from mixlaw.cli.output import make_folder, say, tell
    from mixlaw.cli.progress import with_bar
    from mixlaw.project.project_file import read_project
    from proxies.online.run_online import method_named
    from proxies.online.task import online_question, online_result
    from proxies.tasks.task import project_task

    settings = {name: value for name, value in (("every", every), ("rate", rate)) if value is not None}
    chosen, folder, read = method_named(method, **settings), make_folder(out), read_project(project)
    task = project_task(read, None, seed, seconds)
    own = frozenset(target.name for target in task.targets if target.paths)
    question = online_question(task, chosen, seed=seed, own=own)
    path = folder / f"online-{chosen.name}.json"

    def work(tell: Any) -> Any:
        return online_result(path, question, chosen, lambda done, total: tell(done, total, ""))

    content = with_bar("tokens", work)
    say(f"wrote {path}")
    tell(json.dumps(content, indent=1) if as_json else _summary(content, task))


def _summary(content: dict[str, Any], task: "Task") -> str:
    """Table of shares next to the proportional ones, epochs at the budget, violated bounds, and notes."""
    from mixlaw.auditing.audit_weights import audit

    scale = max((scale for scale in task.proposal.scales if scale.on_ray), key=lambda scale: scale.params)
    found = audit(content["mixture"], task.sources, scale.tokens / scale.fraction)
    proportional = dict(zip(task.sources.names, task.sources.proportional().tolist(), strict=True))
    wide = max(len("source"), *map(len, found.mixture))
    lines = [f"{'source':<{wide}}  proportional  {content['method']:>6}  at its end  epochs"]
    for source, share in found.mixture.items():
        last, epochs = content["last"][source], found.epochs[source]
        lines.append(f"{source:<{wide}}  {proportional[source]:12.1%}  {share:6.1%}  {last:10.1%}  {epochs:6.2f}")
    notes = [
        f"{content['row']['params']:,} parameters, {content['row']['tokens']:,} tokens; epochs are those of the budget;"
        f" the method cost an additional {content['overhead']:.0%} of the run's training",
        *(f"{cap['source']}: {cap['cap']} is {cap['limit']:g}, here {cap['value']:.3g}" for cap in found.caps),
        *content["notes"],
        *task.notes,
    ]
    notes = [textwrap.fill(f"note: {note}", WIDTH, break_on_hyphens=False) for note in notes]
    return "\n".join([*lines, "", *notes])
