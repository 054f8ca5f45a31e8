"""`mixlaw tokenizer train`: train a tokenizer on a project's sources and write its JSON file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mixlaw.cli.options import reads_text
from mixlaw.cli.output import out_file, written

tokenizer = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Train tokenizers for proxies. Without a tokenizer in the project, proxies read bytes.",
)


@tokenizer.callback()
def _verbs() -> None:
    """A callback: without it, Typer would replace the group by its only verb."""


@tokenizer.command(epilog="Example: mixlaw tokenizer train mixlaw.yaml --vocab 8192 --out tokenizer.json")
@reads_text
def train(
    project: Annotated[Path, typer.Argument(help="project file, whose sources have paths")],
    vocab: Annotated[int, typer.Option(help="number of entries, including all bytes and the end mark")],
    out: Annotated[Path, typer.Option(help="JSON file, for the project's key `tokenizer`")],
    seed: Annotated[int, typer.Option(help="seed of the sample", min=0)] = 0,
    sample: Annotated[float, typer.Option(help="characters to learn from, an equal share of every source")] = 64e6,
) -> None:
    """Train a byte-level BPE tokenizer on an equal sample of every source's text."""
    from mixlaw.cli.output import say
    from mixlaw.cli.progress import with_bar
    from mixlaw.errors import MixlawError
    from mixlaw.project.project_file import read_project
    from proxies.text.readers import project_documents
    from proxies.text.tokenizer_training import train_tokenizer

    out, read = out_file(out), read_project(project)
    if not 10_000 <= sample <= 1e12:
        raise MixlawError(f"--sample is {sample:g}: it must be a number from 10000 on")
    for source in read.sources:
        if not source.paths:
            raise MixlawError(f"{project}: source '{source.name}' has no paths: add them, or leave the source out")
    documents = {source.name: project_documents(read, source.paths) for source in read.sources}

    def work(tell: Any) -> Any:
        def in_megabytes(done: int, total: int, what: str) -> None:
            tell(done >> 20, total >> 20, what)

        return train_tokenizer(documents, vocab, seed=seed, size=int(sample), tell=in_megabytes)

    trained = with_bar("tokenizer (MB)", work)
    written(out, lambda file: file.write_text(trained.text, encoding="utf-8"))
    for note in trained.notes:
        say(f"note: {note}")
    means = ", ".join(f"{name} {mean:.2f}" for name, mean in trained.bytes_per_token.items())
    say(f"wrote {out}: {trained.vocab:,} entries; bytes per token: {means}")
