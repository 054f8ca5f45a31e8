"""A strict YAML reader: the YAML 1.2 core schema, no duplicate keys, no alias bombs, keys as written.

PyYAML follows YAML 1.1, where `1e9` is text and a source called `no` is False; both would mislead here.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from mixlaw.errors import MixlawError, shown

_MAX_NODES = 200_000  # counted with aliases written out: a project of 15,000 sources has about 100,000
_MAX_DEPTH = 100
_MAX_SLOW = 200_000  # characters
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where PyYAML was built with it: ten times as fast
_NUMBER = re.compile(r"[-+]?(\d[\d_]*(\.[\d_]*)?|\.\d[\d_]*)([eE][-+]?\d+)?\Z", re.ASCII)
_SPECIAL = re.compile(r"([-+]?)\.?(inf|nan|infinity)\Z", re.IGNORECASE)


def parse_yaml(text: str, name: str) -> Any:
    """The document in `text` as dicts, lists, str, float, bool and None; `name` is the file's, for errors."""
    try:
        node = _composed(text, name)
        if node is None:
            raise MixlawError(f"{name}: the file is empty")
        if _expanded_size(node, {}, set(), name) > _MAX_NODES:
            raise MixlawError(f"{name}: its aliases expand to more than {_MAX_NODES} values; write them out")
        return _plain(node, name)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise MixlawError(f"{name}: {line}not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise MixlawError(f"{name}: not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise MixlawError(f"{name}: nested too deeply") from None


def _composed(text: str, name: str) -> Any:
    try:
        _check_size(text, name)
        return yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError:
        if len(text) > _MAX_SLOW:
            raise
        return yaml.compose(text, Loader=yaml.SafeLoader)  # slower, and its error names the line where the fault began


def _check_size(text: str, name: str) -> None:
    """Refuse text of too many values or levels before it is composed into nodes, which take a kilobyte each."""
    count = depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent)):
            count += 1
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            count += 1
            depth += 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        if count > _MAX_NODES:
            raise MixlawError(f"{name}: holds more than {_MAX_NODES:,} values; is it the right file?")
        if depth > _MAX_DEPTH:
            raise MixlawError(f"{name}: nested too deeply")


def parse_number(value: object) -> float | None:
    """`value` as float if it is a number or text that is written like one (1e9, 3_000_000), else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.match(text):
            return float(text.replace("_", ""))
        special = _SPECIAL.match(text)
        return float(special[1] + special[2]) if special else None
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return float("inf")
    except (TypeError, ValueError):
        return None


def _expanded_size(node: yaml.Node, known: dict[int, int], above: set[int], name: str) -> int:
    """The number of values with aliases written out, each node counted once, so that a bomb costs nothing."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in above:
        raise MixlawError(f"{name}: line {node.start_mark.line + 1}: an alias that contains itself")
    if id(node) not in known:
        above.add(id(node))
        children = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
        known[id(node)] = 1 + sum(_expanded_size(child, known, above, name) for child in children)
        above.discard(id(node))
    return known[id(node)]


def _plain(node: yaml.Node, name: str) -> Any:
    line = node.start_mark.line + 1
    if node.tag.startswith("!") or "python" in node.tag:
        raise MixlawError(f"{name}: line {line}: the tag {shown(node.tag)} is not supported; remove it")
    if isinstance(node, yaml.MappingNode):
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise MixlawError(f"{name}: line {line}: a key must be a name, not a list or mapping")
            key = key_node.value
            if key == "<<" and not key_node.style:
                raise MixlawError(f"{name}: line {line}: merge keys (<<) are not supported; write the values out")
            if key in content:
                raise MixlawError(f"{name}: line {line}: the key {shown(key)} is there twice; keep one")
            content[key] = _plain(value_node, name)
        return content
    if isinstance(node, yaml.SequenceNode):
        return [_plain(part, name) for part in node.value]
    plain = isinstance(node, yaml.ScalarNode) and not node.style
    return _scalar(node.value) if plain else node.value


def _scalar(text: str) -> Any:
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _NUMBER.match(text) or text.lower() in (".inf", "-.inf", "+.inf", ".nan"):
        return parse_number(text)
    return text
