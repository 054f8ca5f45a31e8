"""What long work is at, told to whoever listens: nobody, unless the command line or another caller does."""

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
    """Within it, `tell` is called with each stage that this thread's work comes to."""
    token = _LISTENER.set(_Listener(tell))
    try:
        yield
    finally:
        _LISTENER.reset(token)


def stage(what: str) -> None:
    """The work is now at this stage, a few words such as `refitting 200 replicas`."""
    listener = _LISTENER.get()
    if listener is not None:
        listener.what = what
        listener.tell(what)


def part(done: int, total: int, of: str) -> None:
    """So many of the stage's parts are done, such as 340 of 1,200 `fits`."""
    listener = _LISTENER.get()
    if listener is not None and total > 1:
        listener.tell(f"{listener.what}: {done:,} of {total:,} {of}")
