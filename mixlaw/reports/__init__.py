"""A plan as one HTML file: what is recommended and how sure that is, with sliders that compute in the page."""

from dataclasses import dataclass
from pathlib import Path

from mixlaw.errors import MixlawError
from mixlaw.reports.inputs import Material, gather, read_leaderboard
from mixlaw.reports.render import render

__all__ = ["Material", "Report", "gather", "read_leaderboard", "render", "report"]


@dataclass(frozen=True)
class Report:
    """A page and what could not be put into it.

    Attributes:
        html: the page.
        missing: why a part is not in it, one line each.
    """

    html: str
    missing: tuple[str, ...] = ()

    def save(self, path: str | Path) -> None:
        """Write the page.

        Raises:
            MixlawError: the file cannot be written.
        """
        try:
            Path(path).write_text(self.html, encoding="utf-8")
        except OSError as error:
            raise MixlawError(f"{path}: cannot be written ({error.strerror}): name another file") from None


def report(folder: str | Path, *, leaderboard: str | Path | None = None, held_out: bool = True) -> Report:
    """The page of a folder that `mixlaw recommend --out` wrote; see `gather`.

    Raises:
        MixlawError: there is no plan in the folder, or a leaderboard that was named is none.
    """
    material = gather(folder, leaderboard=leaderboard, held_out=held_out)
    return Report(render(material), tuple((material.missing or {}).values()))
