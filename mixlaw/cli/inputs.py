"""What verbs of the command line share: options, and files read and written for them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixlaw.cli.verbs.sweep import say
from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    from mixlaw.project.sources import Budget, Project

ProjectFile = Annotated[Path, typer.Argument(help="project file: sources, targets, budget")]
RunTable = Annotated[Path, typer.Argument(help="run table, CSV or Parquet")]
Law = Annotated[str, typer.Option(help="a law's name (see `mixlaw laws`), or auto")]
Seed = Annotated[int, typer.Option(help="seed of everything random", min=0)]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]
AtScale = Annotated[float | None, typer.Option(help="of the table's runs use only those with so many params")]
Seconds = Annotated[float, typer.Option(help="seconds that proxies are sized to take here", min=1.0)]


def stated_budget(flops: float | None, params: float | None, tokens: float | None) -> "Budget | None":
    from mixlaw.project.sources import Budget

    if flops is None and params is None and tokens is None:
        return None
    return Budget(flops=flops, params=params, tokens=tokens)


def project_at(path: Path | None, needed: bool) -> "Project | None":
    from mixlaw.project.sources import read_project

    if path is None and not Path("mixlaw.yaml").exists():
        if needed:
            raise MixlawError("no project: name a mixlaw.yaml, give --runs runs.csv, or try --demo")
        return None
    return read_project(path or Path("mixlaw.yaml"))


def counted(project: "Project") -> "Project":
    """The project with the tokens of sources that state none counted from their text, which is announced."""
    unknown = [source for source in project.sources if source.tokens is None]
    if not unknown:
        return project
    from proxies.text.shards import count_documents
    from proxies.text.tokenizer import project_tokenizer

    kind = project_tokenizer(project)
    counts = {s.name: float(count_documents(s.paths, base=project.folder, tokenizer=kind)[1]) for s in unknown}
    unit = "bytes" if kind.name == "bytes" else f"tokens of {kind.name}"
    say(f"counted in {unit}: {', '.join(f'{name} {count:,.0f} tokens' for name, count in counts.items())}")
    return replace(project, sources=project.sources.with_tokens(counts))


def out_file(out: Path) -> Path:
    """Refused before the work whose result goes there, so that nothing is lost to a bad name."""
    if out.is_dir() or not out.absolute().parent.is_dir():
        why = "is a folder" if out.is_dir() else "its folder does not exist"
        raise MixlawError(f"--out {out}: {why}: name a file in a folder that exists")
    return out


def written(out: Path, write: Any) -> None:
    try:
        write(out)
    except OSError as error:
        raise MixlawError(f"--out {out}: cannot be written ({error.strerror}): name another file") from None
