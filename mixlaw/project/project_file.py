"""The project file `mixlaw.yaml`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.io.yaml import parse_yaml, read_text
from mixlaw.project.budget import Budget as Budget
from mixlaw.project.constraints import KEYS, Constraints, read_constraints
from mixlaw.project.sources import Source, Sources, Target


@dataclass(frozen=True)
class Project:
    """What a `mixlaw.yaml` states. Empty `targets` mean: every loss column of the runs, with weight 1.

    `tokenizer` is the JSON file by which proxies read text, as written; None for bytes. `path` stands in messages, and
    paths of text start at `folder`; both may be left out where a project is made in Python.
    """

    sources: Sources
    targets: tuple[Target, ...]
    budget: Budget | None
    folder: Path = Path()
    path: Path = Path("project")
    tokenizer: str | None = None
    constraints: Constraints = field(default_factory=Constraints)

    def resolve(self, path: str) -> str:
        """`path` as this process can open it: relative ones start at the file's folder, URLs stay as is."""
        if "://" in path or "::" in path:
            return path
        return os.path.join(self.folder, os.path.expanduser(path))


def read_project(path: str | os.PathLike[str]) -> Project:
    """Read and validate a project file.

    Raises:
        MixlawError: one line naming the file, the key and the mend.
    """
    file = Path(path)
    content = parse_yaml(read_text(file), str(file))
    try:
        top = _mapping(content, "the file", ("sources", "targets", "budget", "tokenizer", *KEYS))
        if "sources" not in top:
            raise MixlawError("sources: missing; name at least one source and its tokens")
        sources = Sources(_entries(top["sources"], "sources", Source))
        for source in sources:
            if source.tokens is None and not source.paths:
                raise MixlawError(f"sources.{source.name}: has neither tokens nor paths; give one of them")
        targets = tuple(_entries(top["targets"], "targets", Target)) if "targets" in top else ()
        if "targets" in top and not any(target.weight > 0 for target in targets):
            raise MixlawError("targets: no target has a weight above 0; give at least one, or leave targets out")
        budget = None
        if "budget" in top:
            keys = _mapping(top["budget"], "budget", [f.name for f in fields(Budget)])
            budget = Budget(**{key: _present(value, f"budget.{key}") for key, value in keys.items()})
        tokenizer = _present(top["tokenizer"], "tokenizer") if "tokenizer" in top else None
        if tokenizer is not None and not (isinstance(tokenizer, str) and tokenizer.strip()):
            raise MixlawError(f"tokenizer: is {shown(tokenizer)}; name its JSON file, or leave it out for bytes")
        stated = {key: _present(top[key], key) for key in KEYS if key in top}
        constraints = read_constraints(stated, sources.names)
    except MixlawError as error:
        raise MixlawError(f"{file}: {error}") from None
    return Project(sources, targets, budget, file.parent, file, tokenizer, constraints)


def _entries(content: object, key: str, kind: Any) -> list[Any]:
    """The Source or Target objects of a section of the file."""
    if not isinstance(content, dict) or not content:
        raise MixlawError(f"{key}: must map names to settings, as in {key}: {{web: {{...}}}}")
    known = [field.name for field in fields(kind) if field.name != "name"]
    built = []
    for name, settings in content.items():
        where = f"{key}.{name}"
        if settings is None and kind is Target:
            settings = {}  # `code:` alone names a target of weight 1
        values = {k: _present(v, f"{where}.{k}") for k, v in _mapping(settings, where, known).items()}
        if kind is Source:
            values.setdefault("tokens", None)
        built.append(kind(name=name, **values))
    return built


def _mapping(content: object, where: str, known: Iterable[str]) -> dict[str, Any]:
    known = list(known)
    if not isinstance(content, dict):
        raise MixlawError(f"{where}: must be a mapping with keys from {listed(known, 12)}, not {shown(content)}")
    for key in content:
        if key not in known:
            raise MixlawError(f"{where}: unknown key {shown(key)}; {nearest(key, known)}")
    return content


def _present(value: Any, where: str) -> Any:
    if value is None:  # a half-written `max_epochs:` must not pass for "no cap"
        raise MixlawError(f"{where}: has no value; write one or remove the key")
    return value
