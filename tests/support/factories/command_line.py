"""Tables, projects and folders that tests of the command line start from."""

import gzip
import inspect
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import zstandard


def table(path: Path, scales=(1e6,), rows: int = 24) -> Path:
    """Runs that a law of the tool generates: a scarce source that counts for the target, a large one that does not."""
    rng = np.random.default_rng(0)
    w_RxS = rng.dirichlet(np.ones(3), rows)
    params = np.resize(scales, rows)
    index = 0.2 + w_RxS @ [1.0, 0.3, 0.05]
    loss = 1.5 + 0.5 * index**-0.5 + 0.6 * (params / 1e6) ** -0.3
    frame = pd.DataFrame({"run_id": [f"r{i}" for i in range(rows)], "params": params, "tokens": 20 * params})
    frame[["w:books", "w:web", "w:logs"]] = w_RxS
    frame["loss:books"] = loss * np.exp(0.002 * rng.standard_normal(rows))
    frame["loss:chat"] = 0.9 * loss * np.exp(0.002 * rng.standard_normal(rows))
    frame.to_csv(path, index=False)
    return path


PROJECT = """
sources:
  books: {tokens: 1.0e9, max_epochs: 4}
  web: {tokens: 5.0e10}
  logs: {tokens: 2.0e10, max: 0.5}
targets: {books: {weight: 2}, chat: {}}
"""


def standard_library(folder: Path) -> str:
    """A project whose sources hold real text of this Python in every format, and its file's path."""
    import argparse
    import email.message
    import json.encoder
    import statistics
    import textwrap
    import typing

    folder.mkdir()
    (folder / "code").mkdir()
    for module in (argparse, statistics, textwrap):
        (folder / "code" / f"{module.__name__}.md").write_text(inspect.getsource(module))
    (folder / "plain.txt").write_text(inspect.getsource(typing))
    documents = [inspect.getdoc(getattr(np, name)) or "" for name in sorted(np.__all__) if callable(getattr(np, name))]
    lines = "".join(json.dumps({"text": text}) + "\n" for text in documents if len(text) > 200)
    half = len(lines.splitlines()) // 2
    (folder / "docs-a.jsonl.gz").write_bytes(gzip.compress("\n".join(lines.splitlines()[:half]).encode()))
    (folder / "docs-b.jsonl.zst").write_bytes(zstandard.compress("\n".join(lines.splitlines()[half:]).encode()))
    pieces = [inspect.getsource(m) for m in (email.message, json.encoder, subprocess)]
    parquet.write_table(pa.table({"text": pieces}), folder / "mail.parquet")
    (folder / "mixlaw.yaml").write_text(
        "sources:\n"
        "  code: {paths: [code, plain.txt]}\n"
        "  docs: {paths: ['docs-*.jsonl.*']}\n"
        "  mail: {paths: [mail.parquet], max: 0.6}\n"
        "targets: {docs: {weight: 2}, mail: {}}\n"
        "budget: {params: 1.6e5, tokens: 1.0e6}\n"
    )
    return str(folder / "mixlaw.yaml")


def finished(store: Path) -> list[Path]:
    return [path for path in store.glob("*.json") if not path.name.startswith("failed-")]
