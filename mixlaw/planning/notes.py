"""Notes of a plan: each has a code, the keys of the plan that it is about, and a text."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

NULL = "null"
"""Code of a note that gives the reason why keys are null."""
NOT_ASKED = "not-asked"
"""Code of a note on a key that is null because the request left it out."""
DOUBT = "doubt"
"""Code of a note that gives a reason why the verdict is unknown."""
NO_VERDICT = "verdict unknown"
"""Head of the text of a doubt."""


class Note(str):
    """A text about a plan, with a code and the keys of the plan that it is about.

    A note is a string: JSON contains its text only.

    Attributes:
        code: kind of the note; "" if it was read from a file and its text does not show the kind.
        keys: keys of the plan, such as ("epochs", "caps").
        reason: the text after its head ("epochs is null: ").

    >>> note = Note(NULL, ("flops",), "flops is null: no budget was given")
    >>> note.code, note.keys, note.reason
    ('null', ('flops',), 'no budget was given')
    >>> note.startswith("flops")
    True
    """

    code: str
    keys: tuple[str, ...]

    def __new__(cls, code: str, keys: tuple[str, ...], text: str) -> "Note":
        note = super().__new__(cls, text)
        note.code, note.keys = code, keys
        return note

    def __getnewargs__(self) -> tuple[str, tuple[str, ...], str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.code, self.keys, str(self)

    @property
    def text(self) -> str:
        """The whole text, as in JSON."""
        return str(self)

    @property
    def reason(self) -> str:
        """The text after its head, or all of it if it has none."""
        _, colon, rest = self.partition(": ")
        return rest if colon and self.code in (NULL, NOT_ASKED, DOUBT) else str(self)


def null(keys: tuple[str, ...], reason: str, verb: str | None = None) -> Note:
    """The reason why keys of a plan are null.

    >>> print(null(("epochs", "caps"), "sizes are not known"))
    epochs and caps are null: sizes are not known
    """
    verb = verb or ("is" if len(keys) == 1 else "are")
    return Note(NULL, keys, f"{' and '.join(keys)} {verb} null: {reason}")


def not_asked(key: str) -> Note:
    """A key that is null because the request left it out.

    >>> not_asked("robust").code
    'not-asked'
    """
    return Note(NOT_ASKED, (key,), f"{key} is null: it was not asked for")


def doubt(reason: str) -> Note:
    """A reason why the verdict is unknown.

    >>> print(doubt("no run has seen code"))
    verdict unknown: no run has seen code
    """
    return Note(DOUBT, ("verdict",), f"{NO_VERDICT}: {reason}")


WITH_CODE = {note.text: note for note in map(not_asked, ("robust", "bracket"))}
"""Notes whose whole text is fixed."""


def with_code(text: str, content: Mapping[str, Any]) -> Note:
    """A text as a note, from a file or a lower layer of the package.

    The form "KEY and KEY are null: REASON" gives the keys, if they are null in the plan; "KEY: TEXT" gives one key.

    Args:
        text: the text; a `Note` is returned as it is.
        content: keys of the plan with their values.

    >>> with_code("epochs and caps are null: sizes are not known", {"epochs": None, "caps": None}).keys
    ('epochs', 'caps')
    >>> with_code("the table has one scale", {}).code
    ''
    """
    if isinstance(text, Note):
        return text
    if text in WITH_CODE:
        return WITH_CODE[text]
    head, colon, _ = text.partition(": ")
    if not colon:
        return Note("", (), text)
    if head == NO_VERDICT:
        return Note(DOUBT, ("verdict",), text)
    named, null_form, _ = re.sub(r" (is|are) null$", "\0", head).partition("\0")
    keys = tuple(key for key in re.split(r", | and ", named) if _is_key(key, content))
    if null_form:
        keys = tuple(key for key in keys if _value(key, content) is None)
        return Note(NULL if keys else "", keys, text)
    return Note("", (named,) if _is_key(named, content) else (), text)


def with_codes(texts: Iterable[str], content: Mapping[str, Any]) -> tuple[Note, ...]:
    """Texts as notes, each once, in their order.

    >>> [note.code for note in with_codes(["verdict unknown: no runs", "a", "a"], {})]
    ['doubt', '']
    """
    return tuple(with_code(text, content) for text in dict.fromkeys(texts))


def _is_key(name: str, content: Mapping[str, Any]) -> bool:
    return name == "law.held_out" or name in content


def _value(name: str, content: Mapping[str, Any]) -> Any:
    """The value of a key, None if the plan lacks it; `law.held_out` is a key of the plan's law."""
    if name == "law.held_out":
        return (content.get("law") or {}).get("held_out")
    return content.get(name)
