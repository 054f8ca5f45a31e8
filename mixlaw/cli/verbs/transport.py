"""The verbs `mixlaw score` (documents scored for a target) and `mixlaw cluster` (a corpus split into sources)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixlaw.cli.options import Json, Seed
from mixlaw.cli.output import out_file, written
from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    import numpy as np

    from mixlaw.transport import Features

    Columns = dict[str, np.ndarray]

SAMPLE, BATCH = 20_000, 1000

Pool = Annotated[list[str], typer.Argument(help="files, folders or globs of text, .jsonl or .parquet")]
Dims = Annotated[int, typer.Option(help="principal components of hashed words and pairs", min=1)]


def score(
    pool: Pool,
    target: Annotated[list[str], typer.Option(help="text that the model should do well on; may be repeated")],
    out: Annotated[Path, typer.Option(help="Parquet file to write: document, score, chosen")],
    by: Annotated[str, typer.Option(help="importance (DSIR), gradient (GOT-D) or neighbours (TAROT)")] = "importance",
    count: Annotated[int | None, typer.Option(help="documents to choose; neighbours finds its own number")] = None,
    dims: Dims = 64,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Score each document of a pool for a target. One row per document, in reading order.

    importance: log weight, higher is better; documents are sampled by weight. gradient, neighbours: lower is better.
    """
    import pandas as pd

    from proxies.text.readers import read_documents

    if out.suffix != ".parquet":
        raise MixlawError(f"--out {out}: scores are written as Parquet; let its name end in .parquet")
    out = out_file(out)
    scorers = {"importance": _importance, "gradient": _gradient, "neighbours": _neighbours}
    if by not in scorers:
        raise MixlawError(f"--by {by}: unknown; choose importance, gradient or neighbours")
    texts, wanted = list(read_documents(pool)), list(read_documents(target))
    for found, name in ((texts, "the pool"), (wanted, "the target")):
        if not found:
            raise MixlawError(f"score: {name} holds no document that is not blank")
    if by == "neighbours" and count is not None:
        raise MixlawError("--count: --by neighbours finds its own number; leave it out")
    if count is not None and not 1 <= count <= len(texts):
        raise MixlawError(f"--count {count}: the pool has {len(texts):,} documents")
    frame = pd.DataFrame({"document": range(len(texts))} | scorers[by](texts, wanted, count, dims, seed))
    written(out, lambda path: frame.to_parquet(path, index=False))
    chosen = int(frame["chosen"].sum()) if "chosen" in frame else None
    content = {"documents": len(texts), "target_documents": len(wanted), "by": by, "chosen": chosen}
    said = "" if chosen is None else f", {chosen:,} chosen"
    print(json.dumps(content, indent=1) if as_json else f"{len(texts):,} documents scored{said}\nwrote {out}")


def _importance(texts: list[str], wanted: list[str], count: int | None, _dims: int, seed: int) -> "Columns":
    import numpy as np

    from mixlaw.transport import NGrams, importance, resample

    total = NGrams().total
    score_N = importance(texts, total(texts), total(wanted))
    chosen = {} if count is None else {"chosen": np.isin(np.arange(len(texts)), resample(score_N, count, seed))}
    return {"score": score_N} | chosen


def _gradient(texts: list[str], wanted: list[str], count: int | None, dims: int, _seed: int) -> "Columns":
    import numpy as np

    from mixlaw.transport import transport_gradient

    features = _features(texts + wanted, dims)
    score_N = transport_gradient(features(texts), features(wanted))
    chosen = {} if count is None else {"chosen": np.argsort(np.argsort(score_N, kind="stable")) < count}
    return {"score": score_N} | chosen


def _neighbours(texts: list[str], wanted: list[str], _count: int | None, dims: int, seed: int) -> "Columns":
    from mixlaw.transport import neighbours

    features = _features(texts + wanted, dims)
    found = neighbours(features(texts), features(wanted), seed=seed)
    return {"score": found.rank_N, "chosen": found.chosen_N}


def _features(documents: list[str], dims: int, whiten: bool = True) -> "Features":
    from mixlaw.transport import NGrams, fit_features

    return fit_features(NGrams(), documents, dims, whiten)


def cluster(
    pool: Pool,
    sources: Annotated[int, typer.Option(help="number of sources", min=1)],
    out: Annotated[Path, typer.Option(help="folder to create, with one file per source and mixlaw.yaml")],
    dims: Dims = 64,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Split a corpus without labels into sources of similar documents; the largest is cluster-00.

    Clusters are found on a sample of at most 20,000 documents; every document then goes to the nearest cluster.
    """
    from mixlaw.transport import Clusters, reservoir
    from mixlaw.transport import cluster as split
    from proxies.text.readers import read_documents

    if out.exists():
        raise MixlawError(f"--out {out}: is there already; name a folder to be made")
    drawn = reservoir(read_documents(pool), SAMPLE, seed)
    if not drawn:
        raise MixlawError("cluster: the corpus holds no document that is not blank")
    features = _features(drawn, dims, whiten=False)  # k-means wants the loud directions: kinds lie along them
    _, centre_KxP = split(features(drawn), sources, seed)
    names = [f"cluster-{k:02d}" for k in range(sources)]
    try:
        out.mkdir(parents=True)
        counts = _deal(read_documents(pool), Clusters(features, centre_KxP), [out / f"{name}.jsonl" for name in names])
        lines = [f"  {name}: {{paths: [{name}.jsonl]}}\n" for name, held in zip(names, counts, strict=True) if held]
        (out / "mixlaw.yaml").write_text("sources:\n" + "".join(lines), encoding="utf-8")
    except OSError as error:
        raise MixlawError(f"--out {out}: cannot be written ({error.strerror}): name another folder") from None
    found = dict(zip(names, counts, strict=True))
    print(json.dumps({"documents": found}, indent=1) if as_json else _told(found, out))


def _deal(documents: Any, clusters: Any, files: list[Path]) -> list[int]:
    """Write each document to the file of its cluster; returns the number of documents per file."""
    from contextlib import ExitStack
    from itertools import islice

    counts, stream = [0] * len(files), iter(documents)
    with ExitStack() as stack:
        opened = [stack.enter_context(file.open("w", encoding="utf-8")) for file in files]
        while batch := list(islice(stream, BATCH)):
            for text, k in zip(batch, clusters(batch), strict=True):
                opened[k].write(json.dumps({"text": text}) + "\n")
                counts[k] += 1
    return counts


def _told(found: dict[str, int], out: Path) -> str:
    lines = [f"{name}  {count:,} documents" for name, count in found.items()]
    return "\n".join([*lines, f"wrote {out / 'mixlaw.yaml'}; add targets and a budget to it"])
