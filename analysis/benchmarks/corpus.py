"""What text costs: tokenizing by bytes and by BPE, its memory, and reading batches, each beside the plain limit.

    python analysis/benchmarks/corpus.py [--gigabytes 1] [--bpe-gigabytes 0.08] [--folder DIR]     # about two minutes

Synthetic text (words by Zipf's law in documents of 4 kB on average, as JSON lines in files of 20 MB) is written to
disk and tokenized in processes of their own, whose peak memory stands beside their speed: at a quarter of the size and
at the whole, so that growth shows. A second build of the same files reads no text. The limits beside it: the files read
and thrown away; their JSON parsed; the library's `encode_batch_fast` alone on text in memory. Then batches:
`Batches.read` beside copying as many tokens from the mapped file in one slice. Everything written is deleted at the
end. BPE takes all cores (the library's threads), the rest one.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from aims import Aims
from machine import print_machine
from table import print_row

from proxies.data.batches import Batches
from proxies.data.corpus import Build, Corpus, build_corpus
from proxies.data.mixture import Mixture
from proxies.data.schedule import Schedule
from proxies.text.readers import read_documents
from proxies.text.tokenizer import read_tokenizer
from proxies.text.tokenizer_training import train_tokenizer

FILE = 20_000_000  # bytes
MEAN = 4000  # bytes of a document
POOL = 32_000_000  # bytes of text that documents are cut from, each with a number of its own before it
ENCODED = 20_000_000  # bytes encoded by the library alone


def pool() -> str:
    """Pseudo-words by Zipf's law, in sentences."""
    random = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    chance = np.geomspace(1, 0.01, 26) / np.geomspace(1, 0.01, 26).sum()
    words = ["".join(random.choice(letters, n, p=chance)) for n in 2 + random.poisson(4, 50_000)]
    drawn = np.minimum(random.zipf(1.15, POOL // 6) - 1, len(words) - 1)
    breaks = random.random(len(drawn))
    ends = np.where(breaks < 0.01, ".\n", np.where(breaks < 0.06, ". ", " ")).tolist()
    return "".join(words[word] + end for word, end in zip(drawn.tolist(), ends, strict=True))[:POOL]


def documents(size: int, text: str) -> Iterator[str]:
    """So many bytes of documents, all different."""
    random, total, number = np.random.default_rng(1), 0, 0
    while total < size:
        lengths = np.maximum(20, random.lognormal(np.log(MEAN) - 0.5, 1.0, 1000)).astype(int)
        for start, length in zip(random.integers(0, len(text), 1000).tolist(), lengths.tolist(), strict=True):
            document = f"{number} {text[start : start + length]}"
            yield document
            total, number = total + len(document), number + 1


def write(folder: Path, size: int) -> None:
    """JSON lines in files of FILE bytes."""
    stream, text = iter(documents(size, pool())), folder / "text"
    text.mkdir()
    for number in range(-(-size // FILE)):
        with (text / f"{number:04d}.jsonl").open("w") as file:
            left = min(FILE, size - number * FILE)
            while left > 0 and (document := next(stream, None)) is not None:
                line = json.dumps({"text": document}) + "\n"
                file.write(line)
                left -= len(line)


def measured(kind: str, folder: Path, size: int) -> dict[str, float]:
    """One piece of work on the first `size` bytes in a process of its own: seconds, peak MB, MB of text."""
    command = [sys.executable, __file__, "--child", kind, "--folder", str(folder), "--gigabytes", str(size / 1e9)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def child(kind: str, folder: Path, size: int) -> None:
    """The work of `measured`."""
    if kind == "write":
        write(folder, size)
    paths = [path for i, path in enumerate(sorted((folder / "text").iterdir())) if i * FILE < size]
    text = sum(path.stat().st_size for path in paths)
    began, cpu = time.perf_counter(), time.process_time()
    if kind == "read":
        for path in paths:
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass
    elif kind == "parse":
        for path in paths:
            with path.open("rb") as file:
                for line in file:
                    json.loads(line)
    elif kind == "train":
        trained = train_tokenizer({"all": read_documents(paths[:1])}, 8192, size=10_000_000)
        (folder / "bpe.json").write_text(trained.text, encoding="utf-8")
    elif kind == "encode":
        few = [json.loads(line)["text"] for line in paths[0].open("rb")]
        few, text = few[: len(few) * ENCODED // text], ENCODED
        model = read_tokenizer(folder / "bpe.json")._model
        began, cpu = time.perf_counter(), time.process_time()
        for start in range(0, len(few), 256):
            model.encode_batch_fast(few[start : start + 256], add_special_tokens=False)
    elif kind != "write":
        tokenizer = read_tokenizer(folder / "bpe.json" if kind.startswith("bpe") else None)
        name = kind.removesuffix(" again")
        build = Build(tokenizer, None, folder / f"cache-{name}-{size}")
        build_corpus({"all": read_documents(paths)}, build=build).save(folder / name)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak(), "text": text / 1e6}))


def peak() -> float:
    """MB this process held at most; on Linux since it began, which `ru_maxrss` is not for one that was forked."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1e3
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def tokenize(folder: Path, size: int, bpe_size: int, aims: Aims) -> None:
    """The table of speeds and peaks."""
    for kind in ("write", "train"):
        measured(kind, folder, size)
    print_row("", ["MB", "s", "CPU s", "MB/s", "peak MB"])
    found = {}
    for kind, part in [
        ("read", size), ("parse", size), ("bytes", size // 4), ("bytes", size), ("bytes again", size),
        ("encode", FILE), ("bpe", bpe_size // 4), ("bpe", bpe_size), ("bpe again", bpe_size),
    ]:  # fmt: skip
        row = found[kind, part] = measured(kind, folder, part)
        print_row(kind, [row["text"], row["seconds"], row["cpu"], row["text"] / row["seconds"], row["peak"]])

    def rate(kind: str, part: int) -> float:
        return found[kind, part]["text"] / found[kind, part]["cpu"]  # CPU: others may use the machine too

    grown = found["bytes", size]["peak"] - found["bytes", size // 4]["peak"]
    aims.at_most("growth of the peak, bytes: MB a GB of text", grown / (0.75 * size / 1e9), 30)
    aims.at_least("BPE, share of the library's rate alone, by CPU", rate("bpe", bpe_size) / rate("encode", FILE), 0.8)
    aims.at_least("bytes, share of the rate of parsing JSON, by CPU", rate("bytes", size) / rate("parse", size), 0.33)
    aims.at_most(
        "seconds of a second build", found["bytes again", size]["seconds"], 0.01 * found["bytes", size]["seconds"] + 1
    )


def batches(folder: Path, aims: Aims) -> None:
    """Tokens a second of `Batches` beside one slice of the mapped file, and what opening a long run costs."""
    corpus = Corpus.load(next((folder / "bytes").glob("corpus-*")))
    stored = corpus.train["all"].stored
    unique = {"all": min(len(corpus.train["all"]), 50_000_000)}
    print_row("\nbatches", ["Mtokens/s", "slice", "share"])
    began = time.perf_counter()
    once = Batches(corpus, Mixture({"all": 1.0}), unique, (unique["all"] // (1 << 14), 16, 1024), 0)
    tokens = sum(step.size for step in once)
    print_row("first epoch, from disk", [tokens / (time.perf_counter() - began) / 1e6])
    for batch, length, count in ((2, 128, 1), (2, 128, 16), (16, 1024, 1), (16, 1024, 16)):
        steps = 20_000_000 // (batch * length)
        run = Batches(corpus, Mixture({"all": 1.0}), unique, (steps, batch, length), 0)
        run[0]
        began = time.perf_counter()
        reads = min(2000, steps // count)
        for i in range(reads):
            run.read(i * count, count)
        seconds, tokens = time.perf_counter() - began, reads * count * batch * length
        began = time.perf_counter()
        for i in range(reads):
            np.array(stored[i * (tokens // reads) : (i + 1) * (tokens // reads)])
        plain = time.perf_counter() - began
        name = f"{batch} x {length}" + (f", {count} steps a read" if count > 1 else "")
        print_row(name, [tokens / seconds / 1e6, tokens / plain / 1e6, plain / seconds])
        if count > 1:
            aims.at_least(f"Mtokens/s of batches, {name}", tokens / seconds / 1e6, 50)
    share = np.random.default_rng(0).dirichlet(np.ones(60))
    began = time.process_time()
    schedule = Schedule(share, 1_000_000)
    schedule.rows(0, 16)
    opened = time.process_time() - began
    schedule.counts(1_000_000)
    whole = time.process_time() - began
    print(f"\n1e6 sequences of 60 sources: opened in {opened:.3f} CPU s, all scheduled in {whole:.2f}")
    aims.at_most("CPU seconds to schedule 1e6 sequences of 60 sources", whole, 1)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of text")
    parser.add_argument("--bpe-gigabytes", type=float, default=0.08, help="of it tokenized by BPE")
    parser.add_argument("--folder", type=Path, help="where to write; three times the text's size")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = int(options.gigabytes * 1e9)
    if options.child:
        return child(options.child, options.folder, size)
    print_machine()
    aims = Aims()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        tokenize(folder, size, int(min(options.bpe_gigabytes, options.gigabytes) * 1e9), aims)
        batches(folder, aims)
    aims.print()
    return None


if __name__ == "__main__":
    main()
