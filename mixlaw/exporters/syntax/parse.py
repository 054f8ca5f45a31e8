"""Parse a weights file into plain values: JSON, YAML, words, or the calls and lists of a Python file."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from mixlaw.errors import MixlawError, shown
from mixlaw.exporters.syntax.shell import shell_flags
from mixlaw.io.json import parse_json
from mixlaw.io.yaml import parse_number, parse_yaml

_DATA_PATH = re.compile(r"(^|[\s\"'(=])--(train-)?data-path\b")
MAX_PYTHON = 500_000
"""Characters above which a Python file is refused: its syntax tree takes a thousand times the memory."""
_IMPORT = re.compile(r"^(from\s+[\w.]+\s+import|import\s+\w)", re.MULTILINE)


@dataclass(frozen=True)
class Words:
    """Content of a file of words separated by blanks.

    Attributes:
        words: all of them.
        flags: words after each --flag, in a file that has such flags.
    """

    words: list[str]
    flags: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A call with its keywords and positional arguments; the value of a non-literal is None.

    `names` has, by keyword, the text that an expression is about: the first one in it, else the variable that it is.
    `nulls` has the keywords that are None in the file.
    """

    name: str
    line: int
    keywords: dict[str, Any]
    arguments: tuple[Any, ...] = ()
    names: dict[str, str | None] = field(default_factory=dict)
    nulls: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Python:
    """Literals and calls in a Python file, which is parsed and never run.

    Attributes:
        lists: literal values by the name they are assigned to.
        calls: every call, in order.
        keyed: calls that are values of a dict with literal keys, by key.
    """

    lists: dict[str, Any] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    keyed: list[tuple[str, Call]] = field(default_factory=list)

    def named(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.name == name]


def parse(text: str, name: str, python: bool = False) -> Any:
    """The content of a weights file. The suffix selects the format, else the text does: with an import it is Python.

    Args:
        python: True if a file without a telling suffix is Python.

    Raises:
        MixlawError: the file is empty or malformed; the message gives line and column.
    """
    if not text.strip():
        raise MixlawError(f"{name}: the file is empty")
    unsaid = not name.lower().endswith((".json", ".yaml", ".yml"))
    if name.lower().endswith(".py") or (unsaid and (python or _IMPORT.search(text))):
        return _python(text, name)
    if name.lower().endswith(".json"):
        return parse_json(text, name)
    words = text.split()
    if _DATA_PATH.search(text):
        words, flags = shell_flags(text, name)
        return Words(words, flags)
    if parse_number(words[0].strip("\\")) is not None:
        return Words(text.replace("\\\n", " ").split())
    if words[0].partition("=")[0].lstrip("-") == "grain_train_files" and "=" in words[0]:
        return {"grain_train_files": text.strip().partition("=")[2].strip("\"'")}
    content = parse_yaml(text, name)
    return Words(words) if isinstance(content, str) and unsaid else content


def _python(text: str, name: str) -> Python:
    if len(text) > MAX_PYTHON:
        raise MixlawError(f"{name}: longer than {MAX_PYTHON:,} characters of Python; is it the right file?")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        raise MixlawError(f"{name}: {line}not valid Python: {getattr(error, 'msg', error)}") from None
    found = Python()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found.calls.append(_call(node))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            target = node.targets[0].id
            if target in found.lists:
                raise MixlawError(f"{name}: line {node.lineno}: {shown(target)} is assigned twice; keep one")
            found.lists[target] = _literal(node.value)
        elif isinstance(node, ast.Dict):
            keys = [_literal(key) if key else None for key in node.keys]
            for key, value in zip(keys, node.values, strict=True):
                if isinstance(key, str) and isinstance(value, ast.Call):
                    found.keyed.append((key, _call(value)))
    found.calls.sort(key=lambda call: call.line)
    return found


def _call(node: ast.Call) -> Call:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    keywords = {k.arg: _literal(k.value) for k in node.keywords if k.arg is not None}
    constants = ((k.arg, k.value) for k in node.keywords if k.arg is not None)
    nulls = frozenset(arg for arg, value in constants if isinstance(value, ast.Constant) and value.value is None)
    names = {k.arg: _named(k.value) for k in node.keywords if k.arg is not None}
    return Call(name, node.lineno, keywords, tuple(map(_literal, node.args)), names, nulls)


def _named(node: ast.expr) -> str | None:
    texts = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return next(texts, node.id if isinstance(node, ast.Name) else None)


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
