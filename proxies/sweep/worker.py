"""The worker's side of the backend `workers`: jobs come in by the pipe, events go out."""

import os
import pickle
import queue
import sys
import threading
from pathlib import Path
from typing import Any

from proxies.data.corpus import Corpus
from proxies.sweep.job import Job, run_job
from proxies.sweep.location import reason_of
from proxies.sweep.store import Store


def main() -> None:
    """`main(sys.path, corpus, pickled store)` by sys.argv: serves until its input closes, then ends at once."""
    store: Store = pickle.loads(bytes.fromhex(sys.argv[3]))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not speak in the protocol

    def tell(event: Any) -> None:
        pickle.dump(event, answers)
        answers.flush()

    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    try:
        corpus = Corpus.load(Path(sys.argv[2]))
    except (OSError, EOFError, ValueError, KeyError) as error:
        tell(f"corpus {sys.argv[2]}: cannot be read ({reason_of(error)})")
        os._exit(1)  # not by return: the interpreter would wait for the thread that listens
    while True:
        tell(run_job(jobs.get(), corpus, store, tell))


def _listen(jobs: queue.SimpleQueue[Job]) -> None:
    while True:
        try:
            jobs.put(pickle.load(sys.stdin.buffer))
        except (EOFError, pickle.UnpicklingError):
            os._exit(1)  # the parent is gone or has closed the pipe: stop training now, mid-run if need be
