"""Options and arguments that several verbs share."""

import functools
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from mixlaw.errors import MixlawError

ProjectFile = Annotated[Path, typer.Argument(help="project file: sources, targets, budget")]
RunTable = Annotated[Path, typer.Argument(help="run table, CSV or Parquet")]
Law = Annotated[str, typer.Option(help="a law's name (see `mixlaw laws`), or auto")]
Seed = Annotated[int, typer.Option(help="seed of everything random", min=0)]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]
AtScale = Annotated[float | None, typer.Option(help="use only runs with this number of parameters")]
Seconds = Annotated[
    float, typer.Option(help="seconds on this machine that the proxies may take; sets their size", min=1.0)
]
AllowOutside = Annotated[
    bool,
    typer.Option(
        "--allow-outside",
        envvar="MIXLAW_ALLOW_OUTSIDE",
        help="read also files outside the project's folder, and web addresses, that the project names",
    ),
]


def reads_text(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with the option --allow-outside, which its projects are read with. For every verb that reads text."""

    @functools.wraps(verb)
    def run(*given: Any, allow_outside: bool = False, **options: Any) -> None:
        from mixlaw.project.project_file import outside_allowed

        with outside_allowed(allow_outside):
            verb(*given, **options)

    known = inspect.signature(verb)
    option = inspect.Parameter("allow_outside", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=AllowOutside)
    run.__signature__ = known.replace(parameters=[*known.parameters.values(), option])  # type: ignore[attr-defined]
    run.__annotations__ = verb.__annotations__ | {"allow_outside": AllowOutside}
    return run


def parse_pairs(given: Iterable[str] | None, option: str, alone: bool = False) -> list[tuple[str, str]]:
    """Split each LEFT=RIGHT at its last '='; with `alone`, a text without '=' is RIGHT for '*', all other targets."""
    pairs: list[tuple[str, str]] = []
    for text in given or ():
        left, equals, right = text.rpartition("=")
        if not (equals and left.strip()) and not (alone and not equals):
            raise MixlawError(f"{option} {text}: write it as LEFT=RIGHT; `mixlaw import --help` says what they are")
        if (left or "*") in dict(pairs):
            raise MixlawError(f"{option} {text}: {left or 'all targets'} is there twice; keep one")
        pairs.append((left or "*", right.strip()))
    return pairs
