"""Train one run of a sweep: lock its key, train it or find it stored, write its rows or its failure."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mixlaw.errors import MixlawError
from proxies.data.corpus import Corpus
from proxies.sweep.location import reason_of
from proxies.sweep.store import Failure, Store
from proxies.training.train import DivergedError, RunSpec, TokensError, train

Outcome = Literal["trained", "found", "busy", "diverged", "fault", "killed", "unusable"]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class Job:
    """A run to train and its key."""

    key: str
    spec: RunSpec


@dataclass(frozen=True)
class RunProgress:
    """Progress of one run: `tokens` of `total` are trained.

    `here`: the tokens since the last report were trained now, rather than read from a state on disk.
    """

    key: str
    tokens: int
    total: int
    here: bool = True


@dataclass(frozen=True)
class Ended:
    """End of a job, with its outcome.

    `outcome`: trained; found (another sweep had stored the run); busy (another sweep is training it); diverged;
    fault (an error, see `reason`); killed (its process ended); unusable (the store or the corpus cannot be used, so
    no run can be trained).
    """

    key: str
    outcome: Outcome
    reason: str = ""


Event = RunProgress | Ended
Tell = Callable[[Event], None]


def run_job(job: Job, corpus: Corpus, store: Store, tell: Tell) -> Ended:
    """Train a run and store its rows, or store its failure. Never raises: the outcome holds the reason."""
    try:
        with store.claim(job.key) as mine:
            if not mine:
                return Ended(job.key, "busy")
            if store.holds(job.key):
                return Ended(job.key, "found")
            ended = _train(job, corpus, store, tell)
            if ended.outcome in ("diverged", "fault"):
                store.report(job.key, Failure(job.spec.run_id, ended.outcome, ended.reason))
            return ended
    except OSError as error:
        return Ended(job.key, "unusable", f"{store}: {reason_of(error)}")
    except MixlawError as error:  # a file of a newer mixlaw
        return Ended(job.key, "unusable", str(error))


def _train(job: Job, corpus: Corpus, store: Store, tell: Tell) -> Ended:
    state = store.state(job.key)
    here = state is None or not state.exists()  # else the first report counts tokens trained before

    def progress(done: int, total: int) -> None:
        nonlocal here
        tell(RunProgress(job.key, done, total, here))
        here = True

    try:
        rows = train(job.spec, corpus, state=state, every=store.every, progress=progress)
    except DivergedError as error:
        return Ended(job.key, "diverged", str(error))
    except TokensError as error:
        return Ended(job.key, "unusable", f"corpus {corpus.hash}: {error}; delete it and its text in the store")
    except Exception as error:  # one failed run must not stop the others
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return Ended(job.key, "unusable", f"states {store.states}: {reason_of(error)}")
        memory = isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
        words = "out of memory" if memory else type(error).__name__
        return Ended(job.key, "fault", f"{words}: {reason_of(error)}")
    store.write(job.key, rows)
    return Ended(job.key, "trained")
