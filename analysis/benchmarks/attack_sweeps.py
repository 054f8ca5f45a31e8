"""Attack on what a sweep reads: mutated text, tokenized text, states and rows of the store; killed Ray drivers.

    python analysis/benchmarks/attack_sweeps.py --text 4000 --states 6000 --stores 600 --kills 100 --rays 1

Every mutation flips bits, cuts, repeats or inserts bytes of a file that is whole. Right is: the content as before, or a
refusal in one line (`MixlawError`), or a state that is removed. Counted as wrong: another exception, and content that
differs from what was written where a checksum covers it (`wrong`). Text without a checksum may read as other text.
"""

import argparse
import contextlib
import gzip
import io
import json
import logging
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from mixlaw.errors import MixlawError
from proxies.data.corpus import Build, Corpus, build_corpus
from proxies.data.mixture import Mixture
from proxies.model.transformer import ModelConfig
from proxies.sweep.store import DamagedError, Store
from proxies.text.readers import read_documents
from proxies.training.checkpoint import load
from proxies.training.run_spec import RunSpec
from proxies.training.train import started

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = ModelConfig(width=8, depth=1, heads=1, head_dim=8, length=16)
SPEC = RunSpec("r", Mixture({"a": 1.0}), TINY, 640, evaluations=2)
TEXTS = [f"document {i} of many, with some words in it. " * (1 + i % 5) for i in range(40)]
Mutate = Callable[[bytes, random.Random], bytes]


def flips(data: bytes, rng: random.Random) -> bytes:
    """One to eight flipped bits."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def cut(data: bytes, rng: random.Random) -> bytes:
    """The beginning, of any length."""
    return data[: rng.randrange(len(data))]


def overwritten(data: bytes, rng: random.Random) -> bytes:
    """A part replaced by zeros, ones or noise."""
    at, size = rng.randrange(len(data)), rng.randrange(1, 64)
    noise = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size)))
    return data[:at] + noise + data[at + size :]


def inserted(data: bytes, rng: random.Random) -> bytes:
    """A part of the file once more, or noise, at another place."""
    at, start = rng.randrange(len(data)), rng.randrange(len(data))
    return data[:at] + rng.choice((data[start : start + rng.randrange(1, 200)], rng.randbytes(9))) + data[at:]


MUTATIONS: tuple[Mutate, ...] = (flips, cut, overwritten, inserted)


def text_files() -> dict[str, bytes]:
    """The same documents in every format that is read."""
    lines = "".join(json.dumps({"text": text, "n": i}) + "\n" for i, text in enumerate(TEXTS)).encode()
    table, files = pa.table({"text": TEXTS, "n": list(range(len(TEXTS)))}), {}
    for suffix, new in (("stream", pa.ipc.new_stream), ("file", pa.ipc.new_file)):
        sink = io.BytesIO()
        with new(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=10)
        files[f"{suffix}.arrow"] = sink.getvalue()
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=10, write_page_checksum=True)
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(lines)
    return files | {
        "a.parquet": sink.getvalue(), "a.jsonl": lines, "a.jsonl.gz": gzip.compress(lines, mtime=0),
        "a.jsonl.zst": packed, "a.txt": "\n".join(TEXTS).encode(), "a.json": lines,
        "a.txt.gz": gzip.compress("\n".join(TEXTS).encode(), mtime=0),
    }  # fmt: skip


CHECKED = ("a.jsonl.gz", "a.jsonl.zst", "a.txt.gz")
"""Files of text whose format has a checksum of the content: what is read of a damaged one is the same, or refused."""


def attack_text(folder: Path, count: int, rng: random.Random, tally: Counter[str]) -> None:
    """Mutated files of text through the reader of documents."""
    files = text_files()
    whole = {name: _read(folder, name, data)[0] for name, data in files.items()}
    for number in range(count):
        name = list(files)[number % len(files)]
        data = MUTATIONS[rng.randrange(len(MUTATIONS))](files[name], rng)
        with _watched(tally, "text", f"{name} {number}"):
            found, refused = _read(folder, name, data)
            tally["text refused" if refused else "text read"] += 1
            # A gzip or zstd file may be followed by others: what comes first is then read before the refusal.
            if not refused and name in CHECKED and found != whole[name]:
                tally["text wrong"] += _is_wrong(name, data, files[name])


def _is_wrong(name: str, data: bytes, whole: bytes) -> bool:
    """Whether a file was read that another program refuses: cut to nothing, or doubled, it is a file of its own."""
    del name
    return bool(data) and not data.startswith(whole) and data != whole


def _read(folder: Path, name: str, data: bytes) -> tuple[list[str], bool]:
    (folder / name).write_bytes(data)
    try:
        return list(read_documents([name], base=folder)), False
    except MixlawError:
        return [], True


def attack_states(folder: Path, count: int, rng: random.Random, tally: Counter[str]) -> None:
    """Mutated states of an unfinished run: resumed with the same arrays, or removed."""
    path, begun = folder / "key.npz", started(SPEC)
    begun.save(path, "key")
    data = path.read_bytes()
    directory = data.index(b"PK\1\2")
    for number in range(count):
        mutate = MUTATIONS[rng.randrange(len(MUTATIONS))]
        if number % 2:  # half of them in the zip file's directory, where a flip hides an array
            path.write_bytes(data[:directory] + mutate(data[directory:], rng))
        else:
            path.write_bytes(mutate(data, rng))
        with _watched(tally, "state", str(number)):
            found = load(path, "key", TINY, averaged=True)
            tally["state removed" if found is None else "state resumed"] += 1
            tally["state wrong"] += found is None and path.exists()
            if found is not None:
                pairs = [(found.params, begun.params), (found.average, begun.average)]
                same = all(np.array_equal(a[name], b[name]) for a, b in pairs for name in b) and found.step == 0
                tally["state wrong"] += not same


def attack_stores(folder: Path, count: int, rng: random.Random, tally: Counter[str]) -> None:
    """Mutated files of a store: rows, tokenized text, the saved corpus. Made again with the same hash, or refused."""
    (folder / "a.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in TEXTS * 3), encoding="utf-8")

    def built() -> Corpus:
        return build_corpus({"a": read_documents(["a.jsonl"], base=folder)}, 0, build=Build(cache=folder / "text"))

    store = Store.at(folder)
    store.open()
    rows: list[Any] = [{"run_id": "r", "loss:a": 2.5, "step": 40}]
    whole = _content(built())
    for number in range(count):
        store.write("key", rows)
        saved = built().save(folder)
        files = [folder / "key.json", *sorted(saved.iterdir()), *sorted((folder / "text").glob("*/*"))]
        path = files[number % len(files)]
        data = MUTATIONS[rng.randrange(len(MUTATIONS))](path.read_bytes(), rng)
        path.unlink()  # arrays that are still mapped keep the old file: cutting that ends their process
        path.write_bytes(data)
        with _watched(tally, "store", f"{path.name} {number}"):
            with contextlib.suppress(DamagedError):
                tally["store wrong"] += store.rows("key") != rows
            with contextlib.suppress(MixlawError):
                tally["store wrong"] += _content(Corpus.load(saved)) != whole
            tally["store wrong"] += _content(built()) != whole
            tally["store read"] += 1


def _content(corpus: Corpus) -> tuple[str, bytes, bytes]:
    return corpus.hash, corpus.train["a"].tokens.tobytes(), np.asarray(corpus.targets["a"]).tobytes()


@contextlib.contextmanager
def _watched(tally: Counter[str], kind: str, what: str) -> Iterator[None]:
    """Counts exceptions that are no refusal, and what takes longer than ten seconds."""
    began = time.perf_counter()
    try:
        yield
    except Exception as error:
        tally[f"{kind} tracebacks"] += 1
        print(f"{kind} {what}: {type(error).__name__}: {error}", file=sys.stderr)
    tally["over 10 s"] += time.perf_counter() - began > 10


def attack_kills(moments: int) -> dict[str, int]:
    """kill -9 of drivers and workers at random moments: the tally of `faults.py`."""
    script = [sys.executable, str(ROOT / "analysis" / "benchmarks" / "faults.py"), "--moments", str(moments), "--json"]
    return json.loads(subprocess.run(script, capture_output=True, text=True, check=True).stdout)


RAY = """
import sys
from proxies.data.corpus import build_corpus
from proxies.data.mixture import Mixture
from proxies.model.transformer import ModelConfig
from proxies.sweep.backends.ray_cluster import RayCluster
from proxies.sweep.run_sweep import sweep
from proxies.training.train import RunSpec
corpus = build_corpus({"a": [f"text {i} " * 20 for i in range(60)]}, 0)
config = ModelConfig(width=8, depth=1, heads=1, head_dim=8, length=16)
spec = RunSpec("r", Mixture({"a": 1.0}), config, tokens=2_000_000_000)
tell = lambda status: status.tokens_per_second and print(status, flush=True)
sweep([spec], corpus, sys.argv[1], backend=RayCluster(), progress=tell)
"""


def attack_ray(folder: Path) -> dict[str, Any]:
    """A sweep on a cluster of its own, killed with kill -9: its open ports, and the seconds until nothing is left."""
    from proxies.sweep.backends.ray_guard import of_cluster, processes

    driver = subprocess.Popen([sys.executable, "-c", RAY, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert driver.stdout is not None
    driver.stdout.readline()  # a run is being trained
    time.sleep(3)  # for the guard to have seen all of it
    mine = of_cluster(processes(), driver.pid)
    sockets = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    ports = [line.split()[3] for line in sockets if any(f"pid={pid}," in line for pid in [*mine, driver.pid])]
    driver.kill()
    driver.wait()
    began = time.monotonic()
    while [pid for pid, (_, _, start) in processes().items() if mine.get(pid) == start]:
        time.sleep(0.2)
        if time.monotonic() - began > 180:
            break
    loopback = [port for port in ports if "127.0.0.1" in port or "[::1]" in port]
    return {
        "ports": len(ports), "ports that others reach": len(ports) - len(loopback),
        "processes": len(mine), "seconds until all were gone": round(time.monotonic() - began, 1),
    }  # fmt: skip


def main() -> None:
    """Run the attacks and write the tally to `attacks/attack_sweeps.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count in (("text", 4000), ("states", 6000), ("stores", 600), ("kills", 100), ("rays", 1), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=count)
    asked = parser.parse_args()
    logging.getLogger("proxies").setLevel(logging.CRITICAL)
    tally: Counter[str] = Counter()
    more: dict[str, Any] = {}
    for kind in ("text", "states", "stores"):
        folder = Path(tempfile.mkdtemp(prefix="attack-"))
        globals()[f"attack_{kind}"](folder, getattr(asked, kind), random.Random(f"{kind} {asked.seed}"), tally)
        shutil.rmtree(folder)
    if asked.kills:
        more["kills"] = attack_kills(asked.kills)
    if asked.rays:
        folder = Path(tempfile.mkdtemp(prefix="attack-"))
        more["ray"] = attack_ray(folder)
        shutil.rmtree(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    content = {"asked": vars(asked), **dict(sorted(tally.items())), "peak MiB": peak >> 10, **more}
    out = Path(__file__).resolve().parent / "attacks" / "attack_sweeps.json"
    out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(content, indent=1))
    sys.exit(any(count for name, count in tally.items() if "traceback" in name or "wrong" in name or "over" in name))


if __name__ == "__main__":
    main()
