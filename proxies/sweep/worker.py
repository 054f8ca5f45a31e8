"""Main loop of a worker process: reads jobs from its input pipe and writes events to its output pipe."""

import os
import pickle
import queue
import sys
import threading
from pathlib import Path

from proxies.data.corpus import Corpus
from proxies.sweep.job import Event, Job, run_job
from proxies.sweep.location import reason_of
from proxies.sweep.store import Store


def main() -> None:
    """Train jobs until the input closes. sys.argv: sys.path as JSON, the corpus folder, the pickled store in hex."""
    store: Store = pickle.loads(bytes.fromhex(sys.argv[3]))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output that libraries print must not enter the pipe of events

    def tell(event: Event | str) -> None:
        pickle.dump(event, answers)
        answers.flush()

    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    try:
        corpus = Corpus.load(Path(sys.argv[2]))
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
        tell(f"corpus {sys.argv[2]}: cannot be read ({reason_of(error)})")
        os._exit(1)  # a return would wait for the listening thread
    while True:
        tell(run_job(jobs.get(), corpus, store, tell))


def _listen(jobs: queue.SimpleQueue[Job]) -> None:
    while True:
        try:
            jobs.put(pickle.load(sys.stdin.buffer))
        except (EOFError, pickle.UnpicklingError):
            os._exit(1)  # the parent ended or closed the pipe: stop at once
