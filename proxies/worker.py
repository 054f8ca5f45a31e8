"""The worker's side of a sweep: a line of JSON in, a run trained and written, a line of JSON out."""

import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any

from proxies.corpus import Corpus
from proxies.model import ModelConfig
from proxies.train import RunSpec, train


def main() -> None:
    """`main(sys.path, corpus, store)` by sys.argv: serves until its input closes, then ends at once."""
    corpus, store = Corpus.load(Path(sys.argv[2])), Path(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library that prints must not speak in the protocol
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    while True:
        job = json.loads(lines.get())
        answers.write(json.dumps({"failed": run_job(job, corpus, store)}) + "\n")
        answers.flush()


def _listen(lines: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(1)  # the parent is gone or has closed the pipe: stop training now, mid-run if need be


def run_job(job: dict[str, Any], corpus: Corpus, store: Path) -> str:
    """Train `job["spec"]` and write its row as `<key>.json`. Returns "" or why it failed (written too)."""
    spec = RunSpec(**job["spec"] | {"config": ModelConfig(**job["spec"]["config"])})
    try:
        row = train(spec, corpus)[-1]
    except Exception as error:  # whatever it is, the other runs go on and the report says it
        reason = f"{type(error).__name__}: {error}"
        write_json(store / f"failed-{job['key']}.json", {"run_id": spec.run_id, "reason": reason})
        return reason
    write_json(store / f"{job['key']}.json", row)
    (store / f"failed-{job['key']}.json").unlink(missing_ok=True)
    return ""


def write_json(path: Path, content: Any) -> None:
    """Write whole or not at all, also against another sweep writing the same run."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
    os.replace(draft, path)
