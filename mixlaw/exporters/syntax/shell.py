"""Flags of a shell command or script, read and never run."""

from __future__ import annotations

import re

from mixlaw.errors import MixlawError

_END = "\0"
"""Word that ends the values of a flag: a closed array or assignment, a new command."""
_MIXTURE = ("--data-path", "--train-data-path", "--split")
_ASSIGNED = re.compile(r"(\w+)=(?:\"([^\"]*)\"|'([^']*)'|\(([^)]*)\))")
_VARIABLE = re.compile(r"\$\{?(\w+)(?:\[@\])?\}?\Z")


def shell_flags(text: str, name: str) -> tuple[list[str], dict[str, list[str]]]:
    """All words of a shell text, and the words after each --flag.

    Lines that end in a backslash are joined. Comments and quotes are dropped. A flag whose value is a variable that the
    text assigns gets its words.

    Raises:
        MixlawError: a flag of the mixture is there twice with different values.

    >>> shell_flags("--data-path 0.7 /d/web \\\\\\n 0.3 /d/code --split 1,0,0", "run.sh")[1]
    {'--data-path': ['0.7', '/d/web', '0.3', '/d/code'], '--split': ['1,0,0']}
    """
    text = re.sub(r"\\[ \t]*\r?\n", " ", text)
    text = re.sub(r"(^|\s)#[^\n]*", r"\1", text)
    stated = {m[1]: (m[2] or m[3] or m[4] or "").split() for m in _ASSIGNED.finditer(text)}
    words = _separated(text).split(" ")
    flags: dict[str, list[str]] = {}
    at: str | None = None
    for word in filter(None, words):
        flag, has_value, value = word.partition("=")
        if word == _END:
            at = None
        elif flag.startswith("--"):
            at, found = flag, [value] if has_value else []
            flags[f"{at} again" if at in flags else at] = found
            at = f"{at} again" if f"{at} again" in flags else at
        elif at is not None:
            variable = _VARIABLE.match(word)
            flags[at] += stated.get(variable[1], [word]) if variable else [word]
    for flag in [flag for flag in flags if flag.endswith(" again")]:
        if flag.split()[0] in _MIXTURE and flags[flag] != flags[flag.removesuffix(" again")]:
            raise MixlawError(f"{name}: {flag.removesuffix(' again')} is there twice with different values; keep one")
        del flags[flag]
    return [word for word in words if word and word != _END], flags


def _separated(text: str) -> str:
    """The text with blanks between words and an end where a command, an array or an assignment ends."""
    out, quote, assigned, depth, before = [], "", False, 0, ""
    for sign in text:
        if quote:
            closed = sign == quote
            out.append(f" {_END} " if closed and assigned else " " if closed or sign.isspace() else sign)
            quote = "" if closed else quote
        elif sign in "\"'":
            quote, assigned = sign, before == "="
            out.append(" ")
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            out.append(" " if sign == "(" else f" {_END} ")
        elif sign in ";|&" or (sign == "\n" and depth <= 0):
            out.append(f" {_END} ")
        else:
            out.append(" " if sign.isspace() else sign)
        before = sign
    return "".join(out)
