"""The aims of a benchmark: each figure beside the bound it is held to."""

from dataclasses import dataclass, field

from table import number


@dataclass
class Aims:
    """Collects figures and prints, at the end, which of them reach their aim."""

    lines: list[tuple[str, float, str, bool]] = field(default_factory=list)

    def at_most(self, what: str, reached: float, most: float) -> None:
        """Hold a figure to an upper bound; nan never holds."""
        self.lines.append((what, reached, f"<= {most:g}", bool(reached <= most)))

    def at_least(self, what: str, reached: float, least: float) -> None:
        """Hold a figure to a lower bound; nan never holds."""
        self.lines.append((what, reached, f">= {least:g}", bool(reached >= least)))

    def between(self, what: str, reached: float, least: float, most: float) -> None:
        """Hold a figure to a range; nan never holds."""
        self.lines.append((what, reached, f"{least:g} to {most:g}", bool(least <= reached <= most)))

    def print(self) -> None:
        """The table of aims."""
        width = max(len(what) for what, *_ in self.lines)
        print(f"\n{'aim':<{width}}  {'reached':>12}  {'aim':>16}")
        for what, reached, bound, holds in self.lines:
            print(f"{what:<{width}}  {number(reached):>12}  {bound:>16}  {'holds' if holds else 'FALLS SHORT'}")
