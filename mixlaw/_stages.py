"""What long work is at, told to whoever listens: nobody, unless the command line or another caller does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LISTENER: ContextVar[Callable[[str], None] | None] = ContextVar("mixlaw_stages", default=None)


@contextmanager
def listening(tell: Callable[[str], None]) -> Iterator[None]:
    """Within it, `tell` is called with each stage that this thread's work comes to."""
    token = _LISTENER.set(tell)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def stage(what: str) -> None:
    """The work is now at this stage, a few words such as `refitting 200 replicas`."""
    tell = _LISTENER.get()
    if tell is not None:
        tell(what)
