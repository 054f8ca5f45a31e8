"""Olmix: `ratios.csv` (`run,name,index,<source>...`) and `metrics.csv` (`run,name,index,<metric>...`).

Rows are joined by `run`; `index` is a position in one file and is ignored. Metrics may be bits per byte or accuracies,
so their unit must be stated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mixlaw.importers.draft import Draft, Format, named, need
from mixlaw.importers.join import join, refuse_swapped
from mixlaw.importers.options import ImportOptions
from mixlaw.io.table import Table


def read(tables: Sequence[Table], options: ImportOptions) -> Draft:
    """Join the ratios of the first file with the metrics of the second, by `run`.

    Raises:
        MixlawError: if key, weights or metrics are missing, files are swapped, or keys do not match (see `join`).
    """
    options.check_used([column for table in tables for column in table.columns], " and ".join(t.name for t in tables))
    ratios, metrics = named(tables[0], options, _namer("w:")), named(tables[1], options, _namer("loss:"))
    for draft in (ratios, metrics):
        need(draft, ["run_id"], "rows are joined by 'run': name another key with --map COLUMN=run_id")
    need(ratios, ["w:"], "the first file is ratios.csv")
    need(metrics, ["loss:"], "the second file is metrics.csv")
    refuse_swapped(ratios, metrics)
    return replace(join(ratios, metrics, options.partial), unit_stated=False)


def _namer(family: str) -> Callable[[str], str]:
    def default(column: str) -> str:
        if column.startswith("Unnamed: "):
            return ""
        return {"run": "run_id", "name": "name", "index": ""}.get(column, f"{family}{column}")

    return default


OLMIX = Format("ratios.csv metrics.csv", 2, 2, read)
