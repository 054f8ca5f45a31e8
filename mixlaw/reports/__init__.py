"""A plan as one HTML file: what is recommended and how sure that is, with sliders that compute in the page.

budget_curve      Loss against budget: what the optimum, the plan's mixture and proportional come to along the plan's
                  path
charts            Plots as paths in a square of 1000 units, with ticks in percent of it; the page stretches them to
                  its width
expression_graph  A law's formula as a tape: the steps of its arithmetic in a form that the page's JavaScript runs
formats           Numbers as the page writes them
inputs            What a report is made of: the files of a folder that `recommend --out` wrote, and what is computed
                  from them
intervals         The page's intervals, and the replicas that it carries: all of them, or as many as keep the file
                  small
notebook          Notebooks: a file of cells into an executed .ipynb; the planning notebook of a folder that
                  `recommend --out` wrote
page_data         The numbers that the page computes with: the law's tape, parameters and replicas, sources, caps,
                  where to start
page_sections     What the page shows, section by section, as plain values for the templates
render            The page: one HTML file with its style, its script and its numbers inside, and nothing outside
"""

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

    >>> Report("<html></html>", ("fit.json: no such file",)).missing
    ('fit.json: no such file',)
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

    >>> from tempfile import TemporaryDirectory
    >>> from mixlaw.planning.plan import Plan
    >>> from mixlaw.planning.plan_types import Band, Certificate, LawRecord, Prediction, Provenance
    >>> plan = Plan(
    ...     mixture={"web": 0.7, "code": 0.3},
    ...     interval={"web": [0.6, 0.8], "code": [0.2, 0.4]},
    ...     verdict="tie",
    ...     law=LawRecord("log-linear", None),
    ...     predicted=Prediction({"web": Band(2.1, 2.0, 2.2)}, 2.1),
    ...     certificate=Certificate(1e-9, 5e-10, "dual", False, False, 1, 1.0, 0.0),
    ...     baselines={"proportional": None},
    ...     provenance=Provenance.from_dict({"runs": "runs.csv", "runs_hash": "0123", "targets": {"web": 1.0}}),
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     plan.save(Path(folder) / "plan.json")
    ...     found = report(folder, held_out=False)
    >>> found.html.startswith("<!doctype html>"), len(found.missing)
    (True, 2)
    """
    material = gather(folder, leaderboard=leaderboard, held_out=held_out)
    return Report(render(material), tuple((material.missing or {}).values()))
