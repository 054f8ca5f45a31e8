"""Parse a weights file into plain values: JSON, YAML, words, or the calls and lists of a Python file."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from mixlaw.errors import MixlawError, shown
from mixlaw.io.json import parse_json
from mixlaw.io.yaml import parse_number, parse_yaml

_IMPORT = re.compile(r"^(from\s+[\w.]+\s+import|import\s+\w)", re.MULTILINE)


@dataclass(frozen=True)
class Words:
    """Content of a file of words separated by blanks."""

    words: list[str]


@dataclass(frozen=True)
class Call:
    """A call with its keywords; the value of a non-literal is None."""

    name: str
    line: int
    keywords: dict[str, Any]


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
    if words[0] in ("--data-path", "--train-data-path") or parse_number(words[0]) is not None:
        return Words(words)
    if words[0].partition("=")[0].lstrip("-") == "grain_train_files" and "=" in words[0]:
        return {"grain_train_files": text.strip().partition("=")[2].strip("\"'")}
    return parse_yaml(text, name)


def _python(text: str, name: str) -> Python:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
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
    return Call(name, node.lineno, {k.arg: _literal(k.value) for k in node.keywords if k.arg is not None})


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
