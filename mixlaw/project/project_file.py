"""The project file `mixlaw.yaml`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from mixlaw.errors import MixlawError, shown
from mixlaw.io.fields import checked_name
from mixlaw.io.files import read_text
from mixlaw.io.yaml import parse_yaml
from mixlaw.project.budget import Budget as Budget
from mixlaw.project.checked import ONE_OF, refusal
from mixlaw.project.constraints import Constraints, Group, Near
from mixlaw.project.sources import Source, Sources, Target

_OUTSIDE: ContextVar[bool] = ContextVar("_OUTSIDE", default=False)


@contextlib.contextmanager
def outside_allowed(allowed: bool = True) -> Iterator[None]:
    """Project files that are read in a `with` block may name files outside their folder, and web addresses.

    >>> with outside_allowed():
    ...     reach_of(Path("data"))
    >>> reach_of(Path("data")).name
    'data'
    """
    token = _OUTSIDE.set(allowed)
    try:
        yield
    finally:
        _OUTSIDE.reset(token)


def reach_of(folder: Path) -> Path | None:
    """The only folder whose files paths may name that come from a file in `folder`; None in `outside_allowed`: any."""
    return None if _OUTSIDE.get() else folder


@dataclass(frozen=True)
class Project:
    """The content of a project file `mixlaw.yaml`.

    `tokenizer` is the JSON file by which proxies read text, as written; None for bytes. `path` stands in messages, and
    paths of text start at `folder`; both may be left out where a project is made in Python. `within` is the only
    folder whose files may be read as its text and tokenizer, and then no web address is opened; None: any.

    >>> sources = Sources([Source("web", 6e12), Source("code", 2e12)])
    >>> Project(sources, (Target("code"),), None, Path("data")).resolve("code.txt")
    'data/code.txt'
    """

    sources: Sources
    targets: tuple[Target, ...]
    budget: Budget | None
    folder: Path = Path()
    path: Path = Path("project")
    tokenizer: str | None = None
    constraints: Constraints = field(default_factory=Constraints)
    within: Path | None = None

    def resolve(self, path: str) -> str:
        """`path` as this process can open it: relative paths refer to the file's folder, URLs are unchanged."""
        if "://" in path or "::" in path:
            return path
        return os.path.join(self.folder, os.path.expanduser(path))


class _File(BaseModel):
    """Schema of a project file. Sources, targets and groups are mappings from names to settings."""

    model_config = ConfigDict(extra="forbid")
    sources: dict[str, Source]
    targets: dict[str, Target] | None = None
    budget: Budget | None = None
    tokenizer: Any = None
    objective: Any = "mean"
    groups: dict[str, Group] = {}
    near: Near | None = None

    @field_validator("sources", "targets", "groups", mode="before")
    @classmethod
    def _named(cls, content: Any, info: ValidationInfo) -> Any:
        """The entries with their names added to their settings."""
        if not isinstance(content, dict):
            return content
        section = str(info.field_name)
        return {
            checked_name(name, ONE_OF[section]): _entry(section, name, value) if isinstance(value, dict) else value
            for name, value in content.items()
        }


def _entry(section: str, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a Source, Target or Group; a `keep` that maps sources to proportions also names the sources."""
    if "name" in settings:
        raise MixlawError(f"{section}.{name}: unknown key 'name'; the name is the key of the settings")
    settings = settings | {"name": name}
    if section == "sources":
        settings.setdefault("tokens", None)
    keep = settings.get("keep")
    if section != "groups" or not isinstance(keep, dict):
        return settings
    named = settings.get("sources", list(keep))
    if not isinstance(named, list) or {str(source) for source in named} != set(keep):
        raise MixlawError(f"groups.{name}: sources and keep name different sources; leave out sources")
    return settings | {"sources": tuple(keep), "keep": tuple(keep.values())}


KINDS = {"": _File, "sources": Source, "targets": Target, "budget": Budget, "groups": Group, "near": Near}


def read_project(path: str | os.PathLike[str]) -> Project:
    """Read and validate a project file. Its text must be in its folder, unless it is read in `outside_allowed`.

    Raises:
        MixlawError: one line with the file, the key and how to fix it.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "mixlaw.yaml"
    >>> _ = file.write_text("sources: {web: {tokens: 5.0e12}, code: {tokens: 3e11, max: 0.5}}")
    >>> read_project(file).sources["code"].max
    0.5
    """
    file = Path(path)
    content = parse_yaml(read_text(file), str(file))
    try:
        if isinstance(content, dict) and isinstance(content.get("targets"), dict):
            # `code:` alone names a target of weight 1
            content["targets"] = {k: {} if v is None else v for k, v in content["targets"].items()}
        _refuse_nulls(content, "")
        try:
            top = _File.model_validate(content)
        except ValidationError as error:
            raise refusal(error, KINDS) from None
        return _project(top, file)
    except MixlawError as error:
        raise MixlawError(f"{file}: {error}") from None


def _project(top: _File, file: Path) -> Project:
    """The project of a checked file. Raises if its sections contradict each other."""
    for key in ("sources", "targets"):
        if getattr(top, key) == {}:
            raise MixlawError(f"{key}: must map names to settings, as in {key}: {{web: {{...}}}}")
    sources, targets = Sources(top.sources.values()), tuple((top.targets or {}).values())
    for source in sources:
        if source.tokens is None and not source.paths:
            raise MixlawError(f"sources.{source.name}: has neither tokens nor paths; give one of them")
    if targets and not any(target.weight > 0 for target in targets):
        raise MixlawError("targets: no target has a weight above 0; give at least one, or leave targets out")
    name = top.tokenizer
    if name is not None and not (isinstance(name, str) and name.strip()):
        raise MixlawError(f"tokenizer: is {shown(name)}; name its JSON file, or leave it out for bytes")
    constraints = Constraints(top.objective, tuple(top.groups.values()), top.near)
    constraints.check(sources.names)
    return Project(sources, targets, top.budget, file.parent, file, name, constraints, reach_of(file.parent))


def _refuse_nulls(content: Any, where: str) -> None:
    """Raise if a key has no value: an unfinished `max_epochs:` must not mean "no cap"."""
    for key, value in content.items() if isinstance(content, dict) else ():
        if value is None:
            raise MixlawError(f"{where}{key}: has no value; write one or remove the key")
        _refuse_nulls(value, f"{where}{key}.")
