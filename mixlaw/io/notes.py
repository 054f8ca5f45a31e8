"""Notes for the reader of a result: each has a code, the keys of the result that it is about, and a text."""

from collections.abc import Iterable

NULL = "null"
"""Code of a note that gives the reason why keys are null."""
NOT_ASKED = "not-asked"
"""Code of a note on a key that is null because the request left it out."""
DOUBT = "doubt"
"""Code of a note that gives a reason why the verdict is unknown."""
UNIQUE = "unique-tokens"
"""Code of a note on the unique tokens of a run table."""


class Note(str):
    """A text for the reader of a result, with its code and the keys of the result that it is about.

    A note is a string, its text: JSON holds the text alone, and whoever prints notes needs nothing else.

    Attributes:
        code: kind of the note; "" if it has none.
        keys: keys of the result, such as ("epochs", "caps").
        reason: the text without a head that repeats the keys ("epochs is null: ").

    >>> note = null(("flops",), "no budget was given")
    >>> note.code, note.keys, note.reason, note.text
    ('null', ('flops',), 'no budget was given', 'flops is null: no budget was given')
    >>> note.startswith("flops")
    True
    """

    code: str
    keys: tuple[str, ...]
    reason: str

    def __new__(cls, code: str, keys: tuple[str, ...], text: str, reason: str | None = None) -> "Note":
        note = super().__new__(cls, text)
        note.code, note.keys, note.reason = code, keys, str(text) if reason is None else reason
        return note

    def __getnewargs__(self) -> tuple[str, tuple[str, ...], str, str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.code, self.keys, str(self), self.reason

    @property
    def text(self) -> str:
        """The whole text, as JSON holds it."""
        return str(self)


def null(keys: tuple[str, ...], reason: str, verb: str | None = None) -> Note:
    """The reason why keys of a result are null.

    >>> print(null(("epochs", "caps"), "sizes are not known"))
    epochs and caps are null: sizes are not known
    """
    verb = verb or ("is" if len(keys) == 1 else "are")
    named = " and ".join([", ".join(keys[:-1]), keys[-1]] if keys[1:] else keys)
    return Note(NULL, keys, f"{named} {verb} null: {reason}", reason)


def not_asked(key: str) -> Note:
    """A key that is null because the request left it out.

    >>> not_asked("robust").code
    'not-asked'
    """
    reason = "it was not asked for"
    return Note(NOT_ASKED, (key,), f"{key} is null: {reason}", reason)


def doubt(reason: str) -> Note:
    """A reason why the verdict is unknown.

    >>> print(doubt("no run has seen code"))
    verdict unknown: no run has seen code
    """
    return Note(DOUBT, ("verdict",), f"verdict unknown: {reason}", reason)


def as_notes(texts: Iterable[str]) -> tuple[Note, ...]:
    """Notes and texts as notes, each text once, in their order; a plain text has no code and no keys.

    >>> [note.code for note in as_notes([not_asked("robust"), "one run failed", "one run failed"])]
    ['not-asked', '']
    """
    return tuple(text if isinstance(text, Note) else Note("", (), text) for text in dict.fromkeys(texts))


def with_code(notes: Iterable[str], code: str) -> list[Note]:
    """The notes of one code.

    >>> with_code(["one run failed", doubt("no run has seen code")], DOUBT)
    ['verdict unknown: no run has seen code']
    """
    return [note for note in notes if isinstance(note, Note) and note.code == code]
