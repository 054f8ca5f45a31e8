"""The verbs by name; a verb's module is imported when the verb is run or its own help is shown."""

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class Verb(NamedTuple):
    """One verb.

    Attributes:
        module: name of its module in `mixlaw.cli.verbs`.
        function: name of its function there, or of the Typer app of a verb with subcommands.
        summary: its line in `mixlaw --help`; a test compares it with the function's docstring.
        example: example command line, shown at the end of its help.
    """

    module: str
    function: str
    summary: str
    example: str | None = None

    def load(self, name: str) -> Any:
        """The command, with the options that the function declares."""
        loaded = getattr(import_module(f"mixlaw.cli.verbs.{self.module}"), self.function)
        if not isinstance(loaded, typer.Typer):
            one = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
            one.command(name, epilog=None if self.example is None else f"Example: {self.example}")(loaded)
            loaded = one
        return get_command(loaded)


VERBS = {
    "recommend": Verb(
        "recommend",
        "recommend",
        "Recommend a mixture for a budget, with intervals, baselines and a verdict.",
        "mixlaw recommend --runs runs.csv --flops 1e21 --out plan/",
    ),
    "design": Verb(
        "design",
        "design",
        "Propose mixtures to run: a first design, or with --after the next batch after a table of runs.",
        "mixlaw design mixlaw.yaml --runs 40 --out design.csv",
    ),
    "search": Verb(
        "search",
        "search",
        "Repeat rounds of design, training and refitting, then recommend. The same command resumes after a stop.",
        "mixlaw search mixlaw.yaml --rounds 3 --out search/",
    ),
    "sweep": Verb(
        "sweep",
        "sweep",
        "Train proxies on a project's text and write DIR/runs.csv. Finished runs are not repeated.",
        "mixlaw sweep mixlaw.yaml --runs 28 --seed 1 --out sweep/",
    ),
    "import": Verb(
        "import_runs",
        "import_table",
        "Turn the tables of another tool into a run table: rows joined by run, losses in nats per token.",
        "mixlaw import regmix train_mixture_1m.csv train_pile_loss_1m.csv --params 1e6 --out runs.csv",
    ),
    "online": Verb(
        "online",
        "online",
        "Run an online-mixing baseline: the mixture is updated while one proxy trains; its average is written.",
        "mixlaw online mixlaw.yaml --method dga --out mixlaw-out/",
    ),
    "score": Verb(
        "transport",
        "score",
        "Score each document of a pool for a target. One row per document, in reading order.",
        "mixlaw score pool/*.jsonl --target wanted.jsonl --out scores.parquet",
    ),
    "appraise": Verb(
        "appraise",
        "appraise",
        "Estimate the value of a new source from a text sample: its optimal share, the gain per token, useful tokens.",
        "mixlaw appraise new/*.jsonl --project mixlaw.yaml --runs runs.csv",
    ),
    "cluster": Verb(
        "transport",
        "cluster",
        "Split a corpus without labels into sources of similar documents; the largest is cluster-00.",
        "mixlaw cluster corpus/*.jsonl --sources 8 --out split/",
    ),
    "fit": Verb(
        "fitting",
        "fit",
        "Fit a law to a table of runs.",
        "mixlaw fit runs.csv --law auto --out fit.json",
    ),
    "compare": Verb(
        "fitting",
        "compare",
        "Compare laws and trivial baselines by their predictions of held-out mixtures: a leaderboard.",
        "mixlaw compare runs.csv --out leaderboard/",
    ),
    "predict": Verb(
        "fitting",
        "predict",
        "Predict the losses of a table's mixtures (its own losses, if any, are ignored).",
        "mixlaw predict fit.json candidates.csv --out predictions.csv",
    ),
    "audit": Verb(
        "audit",
        "audit_weights",
        "Check weights before a run: epochs of every source, violated caps, and the losses that a fit predicts.",
        "mixlaw audit weights.json --project mixlaw.yaml --tokens 3e10",
    ),
    "score-plan": Verb(
        "score_plan",
        "score_plan",
        "Compare a plan's predictions with real runs: did the intervals contain the measured losses?",
        "mixlaw score-plan plan/ outcome.csv",
    ),
    "adapt": Verb(
        "changes",
        "adapt",
        "Rewrite run tables for renamed, merged, split, dropped or added sources; notes say which rows are exact.",
        "mixlaw adapt runs.csv --rename web=crawl --merge code=c+python --out new.csv",
    ),
    "reuse": Verb(
        "changes",
        "reuse",
        "Design runs for a project with new sources: the plan's mixture counts as one source, mixed with the new ones.",
        "mixlaw reuse plan/ mixlaw.yaml --runs 8 --out design.csv",
    ),
    "stale": Verb(
        "changes",
        "stale",
        "List the parts of a plan that are out of date after project changes, and how to update them.",
        "mixlaw stale plan/ mixlaw.yaml",
    ),
    "export": Verb(
        "export",
        "export_plan",
        "Write a plan in a trainer's format: weights in the trainer's unit, rounded so that no cap is violated.",
        "mixlaw export plan/ --to megatron --out blend.txt",
    ),
    "report": Verb(
        "report",
        "report_plan",
        "Write a plan as one HTML file that needs no network: figures, sliders, leaderboard, provenance.",
        "mixlaw report plan/ --out report.html, or mixlaw report plan/ --notebook",
    ),
    "laws": Verb(
        "fitting",
        "laws",
        "List the laws, and the references to compare them with, with their equation and source.",
    ),
    "tokenizer": Verb(
        "tokenizer",
        "tokenizer",
        "Train tokenizers for proxies. Without a tokenizer in the project, proxies read bytes.",
    ),
}


class LazyGroup(TyperGroup):
    """The verbs of `VERBS`: `--help` lists their summaries, `resolve_command` loads the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=verb.summary) for name, verb in VERBS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb named by the first word, with its options."""
        name = args[0]
        if name in VERBS:
            self.commands[name] = VERBS[name].load(name)
        return super().resolve_command(ctx, args)
