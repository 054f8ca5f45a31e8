"""Progress of sweeps and other long computations on stderr: a live line on a terminal, plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from mixlaw.cli.output import say
from mixlaw.errors import printable
from mixlaw.io.progress import listening

if TYPE_CHECKING:
    from proxies.sweep.progress import Progress, Status

Result = TypeVar("Result")
SILENT_SECONDS = 60.0
"""Seconds between two plain lines on the stage of a computation, and before the first: most are done by then."""
LINE_SECONDS = 10.0
"""Seconds between two plain lines of a sweep, unless a run fails."""


def with_progress(title: str, work: Any) -> Any:
    """Result of `work(tell)`, while stderr shows progress; `tell` takes a sweep's `Status`."""
    return _live(title, work) if sys.stderr.isatty() else work(plain(title))


def plain(title: str, clock: Any = time.monotonic) -> "Progress":
    """A callback that prints lines for a log: the first, the last, one every LINE_SECONDS seconds, and all remarks."""
    last, first = -LINE_SECONDS, True

    def tell(status: "Status") -> None:
        nonlocal last, first
        if " " in status.message:  # a remark: the message of a finished run is its name, without spaces
            say(f"{title}: {status.message}")
        ended = status.message != "" and status.done + status.failed == status.total
        if (ended and not first) or clock() - last >= LINE_SECONDS:
            last = clock()
            say(f"{title}: {described(status)}")
        first = False

    return tell


def described(status: "Status") -> str:
    """A status as text: `12 of 28 runs done, 1 failed, 35,200 tokens/s, about 1:20 left`."""
    parts = [f"{status.done} of {status.total} runs done"]
    if status.failed:
        parts.append(f"{status.failed} failed")
    if status.tokens_per_second is not None:
        parts.append(f"{status.tokens_per_second:,.0f} tokens/s")
    if status.seconds_left:
        parts.append(f"about {duration(status.seconds_left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """A duration as text: `0:45`, `12:03`, `3:02:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _live(title: str, work: Any) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn(title), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[now]}")
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=1.0, now="")

        def tell(status: "Status") -> None:
            if " " in status.message:
                bar.console.print(printable(status.message), markup=False, highlight=False)
            bar.update(task, completed=status.share, now=described(status))

        return work(tell)


def with_bar(title: str, work: Any) -> Any:
    """Result of `work(tell)`, while stderr shows a bar; `tell` takes done, total and a message."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        return work(lambda done, total, _: bar.update(task, completed=done, total=total))


def with_stages(title: str, work: Callable[[], Result]) -> Result:
    """Result of `work()`, while stderr shows its stage and the elapsed time."""
    with _live_stage(title) if sys.stderr.isatty() else plain_stages(title) as tell, listening(tell):
        return work()


@contextmanager
def _live_stage(title: str) -> Iterator[Callable[[str], None]]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as line:
        task = line.add_task(title, total=None)
        yield lambda what: line.update(task, description=f"{title}: {what}")


@contextmanager
def plain_stages(title: str, every: float = SILENT_SECONDS) -> Iterator[Callable[[str], None]]:
    """A callback for stages; a line for a log every `every` seconds gives the current stage."""
    start, ended, now = time.monotonic(), threading.Event(), {"what": "starting"}

    def watch() -> None:
        while not ended.wait(every):
            said = f"{title}: {now['what']}, {duration(time.monotonic() - start)} so far"
            say(said)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda what: now.update(what=what)
    finally:
        ended.set()
        watcher.join()
