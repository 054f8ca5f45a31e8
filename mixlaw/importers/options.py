"""Options of an import: column mapping, units, and treatment of the other columns and rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.importers.units import UNITS
from mixlaw.io.fields import checked_name, positive

COLUMNS = ("run_id", "params", "tokens", "seed", "step", "tokenizer", "state")
"""Columns with a fixed meaning; `state` (finished or not) filters rows and is not written."""
FAMILIES = ("w", "loss", "unique")


class Rule(NamedTuple):
    """Pattern of original columns, with at most one `*`, and the column of the run table ('': ignored)."""

    pattern: str
    ours: str

    def apply(self, column: str) -> str | None:
        """Name in the run table of a column that matches the pattern, otherwise None."""
        start, star, end = self.pattern.partition("*")
        if not star:
            return self.ours if column == self.pattern else None
        inside = column[len(start) : len(column) - len(end)]
        if not (column.startswith(start) and column.endswith(end) and inside.strip()):
            return None
        return self.ours.replace("*", inside.strip())


@dataclass(frozen=True)
class ImportOptions:
    """Options of an import: information that the files lack.

    Attributes:
        columns: {column of the file: column of the run table}; takes precedence over the format's own names. One `*` on
            both sides matches a name ('eval/*/CE loss': 'loss:*'); 'mix': 'w:*' reads a column that holds
            {source: weight}; '' or None ignores a column; a column mapped to its own name is copied.
        rename: {name: name in the run table}, for sources and targets.
        params, tokens: N and D of all runs; tokens_per_step: D of a row is its step times this.
        units: {target: unit}, one of `UNITS`; '*' for all other targets.
        bytes_per_token: {target: mean}, for units per byte; '*' for all other targets.
        id_prefix: prefix of every run_id, so that tables of several sizes can be joined.
        normalise: divide the weights of each row by their sum.
        partial: accept two files each of which has runs that the other lacks.
        unfinished: keep the rows of runs that did not finish.

    Raises:
        MixlawError: if an option is invalid; the message names it as the command line does.

    >>> options = ImportOptions(columns={"eval/*/loss": "loss:*"}, units={"*": "bits-per-byte"})
    >>> options.ours("eval/code/loss")
    'loss:code'
    """

    columns: Mapping[str, str | None] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    params: float | None = None
    tokens: float | None = None
    tokens_per_step: float | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    bytes_per_token: Mapping[str, float] = field(default_factory=dict)
    id_prefix: str = ""
    normalise: bool = False
    partial: bool = False
    unfinished: bool = False

    def __post_init__(self) -> None:
        for name in ("params", "tokens", "tokens_per_step"):
            positive(getattr(self, name), f"--{name.replace('_', '-')}")
        for target, mean in self.bytes_per_token.items():
            positive(mean, f"--bytes-per-token {target}")
        for target, unit in self.units.items():
            if unit not in UNITS:
                whose = "" if target == "*" else f" of {shown(target)}"
                raise MixlawError(f"--unit{whose}: {shown(unit)} is no unit; {nearest(unit, UNITS)}")
        for name in self.rename.values():
            checked_name(name, "--rename")
        if self.tokens is not None and self.tokens_per_step is not None:
            raise MixlawError("--tokens and --tokens-per-step both say what D is; leave one out")
        for rule in self.rules:
            _check(rule)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The mapping as rules, exact names before patterns; 'mix': 'w:*' is read as 'mix.*': 'w:*'."""
        pairs = [(pattern, ours or "") for pattern, ours in self.columns.items()]
        rules = [Rule(f"{p}.*" if "*" in o and "*" not in p else p, o) for p, o in pairs]
        return tuple(sorted(rules, key=lambda rule: "*" in rule.pattern))

    def ours(self, column: str) -> str | None:
        """Run-table name that the mapping gives a column; '' if the column is ignored, None if no rule matches."""
        return next((ours for rule in self.rules if (ours := rule.apply(column)) is not None), None)

    def check_used(self, columns: Iterable[str], where: str) -> None:
        """Raise if a rule of the mapping matches no column of the files: it is misspelt, or the file is a wrong one."""
        known = list(columns)
        for rule in self.rules:
            if not any(rule.apply(column) is not None for column in known):
                raise MixlawError(
                    f"--map {shown(rule.pattern)}: no such column in {where}; {nearest(rule.pattern, known)}"
                )


def _check(rule: Rule) -> None:
    pattern, ours = rule
    where = f"--map {shown(f'{pattern}={ours}')}"
    if not pattern.strip() or pattern.count("*") > 1 or ours.count("*") > 1:
        raise MixlawError(f"{where}: write COLUMN=NAME, with at most one * on each side")
    family, colon, name = ours.partition(":")
    if colon and family in FAMILIES:
        checked_name(name, where)
        if "*" in pattern and "*" not in name:
            raise MixlawError(f"{where}: many columns to one name; write a * on the right too")
    elif ours and ours not in COLUMNS and ours != pattern:
        known = [*COLUMNS, *(f"{family}:<name>" for family in FAMILIES)]
        raise MixlawError(f"{where}: {shown(ours)} is no column of a run table; known: {listed(known, 12)}")
