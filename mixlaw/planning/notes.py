"""Notes of a plan file, which holds their texts alone: code and keys from the form of the text."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mixlaw.io.notes import DOUBT, NULL, Note, doubt, not_asked

VERDICT_HEAD, _, _ = doubt("").partition(": ")
FIXED = {note.text: note for note in map(not_asked, ("robust", "bracket"))}
"""Notes whose whole text is fixed."""


def read_note(text: str, content: Mapping[str, Any]) -> Note:
    """A text of a plan file as a note.

    The form "KEY and KEY are null: REASON" gives the keys, if they are null in the plan; "KEY: TEXT" gives one key.

    Args:
        text: the text; a `Note` is returned as it is.
        content: keys of the plan with their values.

    >>> read_note("epochs and caps are null: sizes are not known", {"epochs": None, "caps": None}).keys
    ('epochs', 'caps')
    >>> read_note("the table has one scale", {}).code
    ''
    """
    if isinstance(text, Note):
        return text
    if text in FIXED:
        return FIXED[text]
    head, colon, reason = text.partition(": ")
    if not colon:
        return Note("", (), text)
    if head == VERDICT_HEAD:
        return Note(DOUBT, ("verdict",), text, reason)
    named, null_form, _ = re.sub(r" (is|are) null$", "\0", head).partition("\0")
    keys = tuple(key for key in re.split(r", | and ", named) if _is_key(key, content))
    if null_form:
        keys = tuple(key for key in keys if _value(key, content) is None)
        return Note(NULL, keys, text, reason) if keys else Note("", (), text)
    return Note("", (named,) if _is_key(named, content) else (), text)


def read_notes(texts: Iterable[str], content: Mapping[str, Any]) -> tuple[Note, ...]:
    """Texts of a plan file as notes, each once, in their order.

    >>> [note.code for note in read_notes(["verdict unknown: no runs", "a", "a"], {})]
    ['doubt', '']
    """
    return tuple(read_note(text, content) for text in dict.fromkeys(texts))


def _is_key(name: str, content: Mapping[str, Any]) -> bool:
    return name == "law.held_out" or name in content


def _value(name: str, content: Mapping[str, Any]) -> Any:
    """The value of a key, None if the plan lacks it; `law.held_out` is a key of the plan's law."""
    if name == "law.held_out":
        return (content.get("law") or {}).get("held_out")
    return content.get(name)
