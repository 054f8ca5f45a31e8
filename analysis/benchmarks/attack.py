"""Damaged and hostile files through every reader and verb: an answer, or one line and exit code 2.

Input i is made from the seed i: a plan, fit, leaderboard, run table, project or weights file, with values replaced, or
with bytes cut, flipped or put in. It goes through verbs that read it, in this process. Counted are tracebacks, calls
over 10 s, control characters that were printed, and inputs after which the process had taken over 1 GiB. Then results
are written under 20 limits of a file's size, which stand for a full disk: the earlier file must stay whole.

`--ledger FILE` keeps the outcome of every input; the same command goes on where it was stopped.
"""

import argparse
import contextlib
import io
import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
for place in (ROOT, ROOT / "tests" / "support"):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

from aims import Aims  # noqa: E402
from factories.mutations import damaged, mutated  # noqa: E402

from mixlaw.cli import app  # noqa: E402
from mixlaw.errors import CONTROL  # noqa: E402

MADE = ROOT / "tests" / "auditing" / "old"
OF_DOCS = ROOT / "analysis" / "notebooks" / "plan"
SECONDS = 10
MEMORY = 1 << 30
KINDS = ("plan.json", "fit.json", "leaderboard.json", "runs.csv", "mixlaw.yaml", "weights.json", "weights.py")
TRAINERS = ("megatron", "olmo-core", "levanter", "streaming", "doremi", "torchtitan")
PYTHON = 'from datasets import interleave_datasets\nnames = ["web", "code", "math"]\n' + (
    "mix = interleave_datasets([d[n] for n in names], probabilities=[0.5, 0.3, 0.2], seed=0)\n"
)


class TooLongError(Exception):
    """A call ran over its time."""


def whole(folder: Path) -> dict[str, bytes]:
    """Sound files by name, written into a folder."""
    sources = "".join(f"  {name}: {{tokens: 1.0e10, max_epochs: 4}}\n" for name in ("web", "code", "math"))
    texts = {
        "mixlaw.yaml": f"sources:\n{sources}budget: {{params: 1e9, tokens: 2e10}}\n",
        "weights.json": '{"web": 0.5, "code": 0.3, "math": 0.2}',
        "weights.py": PYTHON,
    }
    files = {name: text.encode() for name, text in texts.items()}
    for name, source in (("plan.json", "plan-mean.json"), ("fit.json", "fit.json"), ("runs.csv", "runs.csv")):
        files[name] = (MADE / source).read_bytes()
    files["leaderboard.json"] = (OF_DOCS / "leaderboard.json").read_bytes()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return files


def verbs(kind: str, at: Path, rng: random.Random) -> list[list[Any]]:
    """Two of the verbs that read a kind of file."""
    plan, fit, runs, project, out = (at / n for n in ("plan.json", "fit.json", "runs.csv", "mixlaw.yaml", "out.csv"))
    weights = ["audit", at / "weights.json", "--project", project]
    readers: dict[str, list[list[Any]]] = {
        "plan.json": [
            ["export", plan, "--to", rng.choice(TRAINERS)],
            [*weights, "--plan", plan],
            ["score-plan", plan, runs],
            ["stale", plan, project],
            ["report", at, "--no-held-out", "--out", at / "report.html"],
            ["adapt", runs, "--merge", "text=web+code", "--plan", plan, "--out", out],
        ],
        "fit.json": [
            ["predict", fit, runs, "--out", out],
            [*weights, "--fit", fit, "--params", "1e9"],
            ["score-plan", plan, runs, "--fit", fit],
            ["adapt", runs, "--rename", "web=crawl", "--fit", fit, "--out", out],
        ],
        "leaderboard.json": [["report", at, "--no-held-out", "--leaderboard", at / "leaderboard.json"]],
        "runs.csv": [
            ["predict", fit, runs, "--out", out],
            ["score-plan", plan, runs],
            ["adapt", runs, "--rename", "web=crawl", "--out", out],
        ],
        "mixlaw.yaml": [weights, ["stale", plan, project], ["design", project, "--runs", "4", "--out", out]],
        "weights.json": [weights],
        "weights.py": [["audit", at / "weights.py", "--project", project, "--samples", "packed"]],
    }
    found = readers[kind]
    return rng.sample(found, min(2, len(found)))


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """A block that is ended by TooLongError after some seconds."""

    def end(*_: object) -> None:
        raise TooLongError

    signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def call(words: list[Any]) -> tuple[str, str]:
    """One verb in this process: its outcome, and what it printed or the end of its traceback."""
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["mixlaw", *map(str, words)]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            with limited(SECONDS):
                app.main()
        except SystemExit as stop:
            code = stop.code or 0
        except TooLongError:
            return "over 10 s", ""
        except BaseException:
            return "traceback", traceback.format_exc()[-600:]
    text = out.getvalue() + err.getvalue()
    if CONTROL.search(text):
        return "control characters", text[:300]
    if code not in (0, 2) or (code == 2 and "error: " not in err.getvalue()):
        return "other exit", f"{code}: {err.getvalue()[-300:]}"
    return ("answered", err.getvalue()[-120:]) if code == 0 else ("refused", err.getvalue()[-120:])


def attack(number: int, files: dict[str, bytes], at: Path) -> list[dict[str, Any]]:
    """The outcomes of one damaged input."""
    rng = random.Random(number)
    kind = rng.choice(KINDS)
    content, done = files[kind], "bytes"
    if kind.endswith(".json") and rng.random() < 0.7:
        tree, done = mutated(json.loads(content), rng, rng.randint(1, 3))
        content = json.dumps(tree).encode()
    else:
        content = damaged(content, rng)
    (at / kind).write_bytes(content)
    found = []
    for words in verbs(kind, at, rng):
        outcome, said = call(words)
        found.append({"input": number, "kind": kind, "done": done, "verb": words[0], "outcome": outcome, "said": said})
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MEMORY:
        found.append({"input": number, "kind": kind, "done": done, "verb": "-", "outcome": "over 1 GiB", "said": ""})
    (at / kind).write_bytes(files[kind])
    return found


def full_disk(at: Path, sizes: int) -> Counter[str]:
    """Results written while no file may grow beyond a limit: kept whole, or replaced whole."""
    found: Counter[str] = Counter()
    writers: list[tuple[str, Callable[[Path], list[Any]]]] = [
        ("out.csv", lambda out: ["predict", at / "fit.json", at / "runs.csv", "--out", out]),
        ("out.py", lambda out: ["export", at / "plan.json", "--to", "megatron", "--out", out]),
        ("report.html", lambda out: ["report", at, "--no-held-out", "--out", out]),
    ]
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for name, command in writers:
        out = at / name
        assert call(command(out))[0] == "answered"
        sound = out.stat().st_size
        for i in range(sizes):
            out.write_bytes(b"old")
            resource.setrlimit(resource.RLIMIT_FSIZE, (sound * i // sizes, resource.RLIM_INFINITY))
            outcome, _ = call(command(out))
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            drafts = [path for path in at.iterdir() if path.name.startswith(".")]
            good = outcome == "refused" and out.read_bytes() == b"old" and not drafts
            found["kept whole" if good else "lost"] += 1
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--sizes", type=int, default=20, help="limits of a file's size, of each result")
    parser.add_argument("--ledger", type=Path, help="file of outcomes, to go on from")
    options = parser.parse_args()
    known: dict[int, list[dict[str, Any]]] = {}
    if options.ledger and options.ledger.exists():
        for line in options.ledger.read_text().splitlines():
            known.setdefault(json.loads(line)["input"], []).append(json.loads(line))
    began, words = time.process_time(), sys.argv
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        files = whole(at)
        for number in range(options.first, options.first + options.inputs):
            if number not in known:
                known[number] = attack(number, files, at)
                if options.ledger:
                    with options.ledger.open("a") as ledger:
                        ledger.writelines(json.dumps(one) + "\n" for one in known[number])
        disk = full_disk(at, options.sizes)
        shutil.rmtree(at / "locks", ignore_errors=True)
    sys.argv = words  # a call of a verb takes its place
    outcomes = [one for number in known for one in known[number]]
    for one in outcomes:
        if one["outcome"] not in ("answered", "refused"):
            print(json.dumps(one), flush=True)
    count = Counter(one["outcome"] for one in outcomes)
    aims = Aims()
    kinds = [
        {"file": kind}
        | {
            column: sum(one["kind"] == kind and one["outcome"] == column for one in outcomes)
            for column in ("answered", "refused")
        }
        for kind in KINDS
    ]
    aims.table("calls by damaged file", kinds)
    aims.at_least("damaged inputs", len(known), 10_000)
    for what in ("traceback", "over 10 s", "control characters", "over 1 GiB", "other exit"):
        aims.at_most(what, count[what], 0)
    aims.at_most("results lost at a full disk", disk["lost"], 0)
    aims.at_least("results kept whole at a full disk", disk["kept whole"], 1)
    print(f"{time.process_time() - began:.0f} s of CPU time")
    aims.print()


if __name__ == "__main__":
    main()
