"""RegMix: a CSV of mixtures (`index,train_the_pile_arxiv,...`) and one of losses (`index,valid_the_pile_arxiv,...`).

Source: the repository sail-sg/regmix. Losses are nats per token; rows are joined by `index`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from mixlaw.importers.draft import Draft, Format, named, need
from mixlaw.importers.join import join, refuse_swapped
from mixlaw.importers.options import ImportOptions
from mixlaw.io.table import Table

_SOURCE = re.compile(r"train_(?:the_pile_)?(.+)")
_TARGET = re.compile(r"(?:metrics?/|eval/)?(?:valid_|val_|train_)?(?:the_pile_)?(.+?)(?:[/_]val)?(?:[/_]loss)?")
_TARGET_MARK = re.compile(r"metrics?/|eval/|valid_|val_")
_INDEX = re.compile(r"index|Unnamed: \d+|level_\d+")


def read(tables: Sequence[Table], options: ImportOptions) -> Draft:
    """Join the mixtures of the first file with the losses of the second, by `index`.

    `train_the_pile_pile_cc` is the source pile_cc, `valid_the_pile_pile_cc/loss` the target pile_cc. If some columns
    have such a prefix, columns without it are ignored; if none has, all columns are used.

    Raises:
        MixlawError: if key, weights or losses are missing, files are swapped, or keys do not match (see `join`).
    """
    options.check_used([column for table in tables for column in table.columns], " and ".join(t.name for t in tables))
    mixtures = named(tables[0], options, _namer(tables[0].columns, "w:", _SOURCE, re.compile("train_")))
    losses = named(tables[1], options, _namer(tables[1].columns, "loss:", _TARGET, _TARGET_MARK))
    mend = "rows are joined by 'index': name another key with --map COLUMN=run_id, and write it into the header"
    for draft in (mixtures, losses):
        need(draft, ["run_id"], mend)
    need(mixtures, ["w:"], "the first file is that of the mixtures")
    need(losses, ["loss:"], "the second file is that of the losses")
    refuse_swapped(mixtures, losses)
    return join(mixtures, losses, options.partial)


def _namer(columns: Iterable[str], family: str, name: re.Pattern[str], mark: re.Pattern[str]) -> Callable[[str], str]:
    """Default name of a column without a rule; if some columns match `mark`, the others are ignored."""
    marked = any(mark.match(column) for column in columns)

    def default(column: str) -> str:
        if column == "index":
            return "run_id"
        if _INDEX.fullmatch(column) or (marked and not mark.match(column)):
            return ""
        found = name.fullmatch(column)
        return family + (found[1] if found else column)

    return default


REGMIX = Format("MIXTURES.csv LOSSES.csv", 2, 2, read)
