"""The aims of a benchmark: each figure beside the bound it is held to, printed and kept in a small file.

`Aims.print` ends a benchmark: it writes `results/NAME.json` beside the script, NAME the script's, in place of the last
one. `analysis/notebooks/peers.ipynb` reads these files. `--no-result` after a benchmark's own options leaves it out.
"""

import datetime
import json
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine import machine
from table import number

RESULTS = Path(__file__).resolve().parent / "results"
SCHEMA = 1
NO_RESULT = "--no-result"
KEEP = NO_RESULT not in sys.argv
sys.argv = [word for word in sys.argv if word != NO_RESULT]


@dataclass(frozen=True)
class Aim:
    """A figure, the bound it is held to, whether it holds, and what a peer reached of the same."""

    what: str
    figure: float
    bound: str
    holds: bool
    peer: tuple[str, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON types; a figure that is not finite is null."""
        known = {"what": self.what, "figure": _known(self.figure), "aim": self.bound, "holds": self.holds}
        return known | ({} if self.peer is None else {"peer": {"name": self.peer[0], "figure": _known(self.peer[1])}})


@dataclass
class Aims:
    """Collects figures; prints, at the end, which of them reach their aim, and keeps them."""

    lines: list[Aim] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def at_most(self, what: str, reached: float, most: float, peer: tuple[str, float] | None = None) -> None:
        """Hold a figure to an upper bound; nan never holds."""
        self.lines.append(Aim(what, reached, f"<= {most:g}", bool(reached <= most), peer))

    def at_least(self, what: str, reached: float, least: float, peer: tuple[str, float] | None = None) -> None:
        """Hold a figure to a lower bound; nan never holds."""
        self.lines.append(Aim(what, reached, f">= {least:g}", bool(reached >= least), peer))

    def between(
        self, what: str, reached: float, least: float, most: float, peer: tuple[str, float] | None = None
    ) -> None:
        """Hold a figure to a range; nan never holds."""
        self.lines.append(Aim(what, reached, f"{least:g} to {most:g}", bool(least <= reached <= most), peer))

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Print rows of the same columns, text first, and keep them beside the aims."""
        first, *rest = rows[0]
        width = max(len(str(x)) for x in (first, *(row[first] for row in rows))) + 2
        widths = [max(len(column) + 2, 11) for column in rest]
        print(f"{name}\n{first:<{width}}" + "".join(f"{c:>{n}}" for c, n in zip(rest, widths, strict=True)))
        for row in rows:
            cells = (f"{number(row[c]):>{n}}" for c, n in zip(rest, widths, strict=True))
            print(f"{row[first]:<{width}}" + "".join(cells))
        print(flush=True)
        self.tables[name] = [{c: x if isinstance(x, str) else _known(x) for c, x in row.items()} for row in rows]

    def print(self) -> None:
        """The table of aims, which is written to the benchmark's result file too."""
        width = max(len(aim.what) for aim in self.lines)
        print(f"\n{'aim':<{width}}  {'reached':>12}  {'aim':>16}")
        for aim in self.lines:
            told = "holds" if aim.holds else "FALLS SHORT"
            beside = "" if aim.peer is None else f"  ({aim.peer[0]}: {number(aim.peer[1])})"
            print(f"{aim.what:<{width}}  {number(aim.figure):>12}  {aim.bound:>16}  {told}{beside}")
        if KEEP:
            self.save(RESULTS)

    def save(self, folder: Path) -> None:
        """Write NAME.json: command, machine, date, aims and tables. Of the command's paths, the last parts only."""
        name = Path(sys.argv[0]).stem
        options = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
        content = {
            "schema": SCHEMA,
            "benchmark": name,
            "command": shlex.join(["python", f"analysis/benchmarks/{name}.py", *options]),
            "machine": machine(),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "aims": [aim.to_dict() for aim in self.lines],
        } | ({"tables": self.tables} if self.tables else {})
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {folder.name}/{name}.json")


def _known(x: float) -> float | None:
    """Six significant digits: more are noise, and would change with every run."""
    return float(f"{x:.6g}") if abs(x) < float("inf") else None
