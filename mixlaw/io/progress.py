"""Progress of long work: stages and counts, passed to a callback that the command line or another caller sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class _Listener:
    tell: Callable[[str], None]
    what: str = ""


_LISTENER: ContextVar[_Listener | None] = ContextVar("mixlaw_stages", default=None)


@contextmanager
def listening(tell: Callable[[str], None]) -> Iterator[None]:
    """A context in which `tell` is called with each stage of this thread's work.

    >>> with listening(print):
    ...     stage("fits")
    ...     part(3, 8, "laws")
    fits
    fits: 3 of 8 laws
    """
    token = _LISTENER.set(_Listener(tell))
    try:
        yield
    finally:
        _LISTENER.reset(token)


def stage(what: str) -> None:
    """Report the start of a stage by a few words such as `refitting 200 replicas`."""
    listener = _LISTENER.get()
    if listener is not None:
        listener.what = what
        listener.tell(what)


def part(done: int, total: int, of: str) -> None:
    """Report that `done` of `total` parts of the stage are done, such as 340 of 1,200 `fits`."""
    listener = _LISTENER.get()
    if listener is not None and total > 1:
        listener.tell(f"{listener.what}: {done:,} of {total:,} {of}")
