"""Importers of other tools' tables as run tables: one file per format, all listed in `FORMATS`.

To add a format, write a module like `olmix.py`: a function `read(tables, options)` that renames the columns to those of
the run table and joins the files by run, and a `Format`; then list it here.

draft        Draft of a run table: columns renamed, every cell traced to its original file
finish       From a draft to checked runs: names, sizes, units, rows without losses
join         Join of two tables by the run's key, never by position
olmix        Olmix: `ratios.csv` (`run,name,index,<source>...`) and `metrics.csv` (`run,name,index,<metric>...`)
options      Options of an import: column mapping, units, and treatment of the other columns and rows
regmix       RegMix: a CSV of mixtures (`index,train_the_pile_arxiv,...`) and one of losses
             (`index,valid_the_pile_arxiv,...`)
units        Conversion of losses from the units that trainers report to nats per token
wandb        Weights & Biases: a CSV of runs (one row per run or per step), and optional exports of charts or
             histories
wandb_steps  Weights & Biases over steps: charts (`Step`, `<run> - <metric>`, `__MIN`, `__MAX`) and histories (one row
             per step)
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mixlaw.errors import MixlawError, nearest, shown
from mixlaw.importers.draft import Format
from mixlaw.importers.finish import Imported, finished
from mixlaw.importers.olmix import OLMIX
from mixlaw.importers.options import ImportOptions
from mixlaw.importers.regmix import REGMIX
from mixlaw.importers.wandb import WANDB
from mixlaw.io.table import read_table

FORMATS: Mapping[str, Format] = {"regmix": REGMIX, "olmix": OLMIX, "wandb": WANDB}

__all__ = ["FORMATS", "ImportOptions", "Imported", "import_runs"]


def import_runs(format: str, paths: Sequence[str | os.PathLike[str]], options: ImportOptions | None = None) -> Imported:
    """Read another tool's tables as runs.

    Args:
        format: a name in `FORMATS`: regmix (mixtures, losses), olmix (ratios, metrics), wandb (runs, and files over
            steps if those hold the losses).
        paths: CSV (.csv, .csv.gz) or Parquet files, in that order.
        options: information that the files lack; see `ImportOptions`.

    Raises:
        MixlawError: if the files are no valid runs: one line with the file, the row, the column and how to fix it.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     mixtures, losses = Path(folder) / "mixtures.csv", Path(folder) / "losses.csv"
    ...     _ = mixtures.write_text("index,web,code\\n0,0.7,0.3\\n1,0.3,0.7\\n")
    ...     _ = losses.write_text("index,metric/code\\n0,2.4\\n1,2.2\\n")
    ...     found = import_runs("regmix", [mixtures, losses])
    >>> found.runs.sources, found.runs.targets
    (('web', 'code'), ('code',))
    """
    if format not in FORMATS:
        raise MixlawError(f"{shown(format)} is no format that can be imported; {nearest(format, FORMATS)}")
    kind, files = FORMATS[format], [Path(path) for path in paths]
    if len(files) < kind.least or (kind.most is not None and len(files) > kind.most):
        raise MixlawError(f"{format} takes {kind.files}, not {len(files)} files")
    options = options or ImportOptions()
    return finished(kind.read([read_table(file) for file in files], options), options)
