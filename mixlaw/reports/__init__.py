"""Report: a plan as one HTML file with its intervals and verdict, and sliders that compute predictions in the page.

budget_curve      Objective over the budget, along the plan's path: of the optimum, the plan's mixture and proportional
charts            SVG paths and axis ticks of the page's plots
expression_graph  A law's formula as a list of arithmetic steps, which the page's JavaScript runs
formats           Number formats of the page
inputs            Inputs of a report: the files that `recommend --out` wrote, and held-out losses computed from them
intervals         90% intervals of the page, and the bootstrap replicas stored in it, limited by file size
notebook          Build and execute notebooks; the planning notebook of a folder that `recommend --out` wrote
page_data         Data for the page's computations: the law's steps, parameters, replicas, sources, caps, mixtures
page_sections     Contents of the page's sections other than tables: verdict, facts, scatter plots, provenance
page_tables       Tables of the page: sources, targets, shadow prices, near-optimal mixtures, path, leaderboard
render            Render the page: one HTML file that contains its style, script and data
"""

from dataclasses import dataclass
from pathlib import Path

from mixlaw.errors import MixlawError
from mixlaw.reports.inputs import ReportInputs, read_inputs, read_leaderboard
from mixlaw.reports.render import render

Material, gather = ReportInputs, read_inputs
"""Earlier names, which notebooks of earlier versions import."""

__all__ = ["Material", "Report", "ReportInputs", "gather", "read_inputs", "read_leaderboard", "render", "report"]


@dataclass(frozen=True)
class Report:
    """A report page, and the parts that it lacks.

    Attributes:
        html: the page.
        missing: for each missing part the reason, in one line.

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
    """Make the page of a folder that `mixlaw recommend --out` wrote; arguments as for `read_inputs`.

    Raises:
        MixlawError: the folder has no plan, the plan was made without runs, or `leaderboard` is not a leaderboard.

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
    inputs = read_inputs(folder, leaderboard=leaderboard, held_out=held_out)
    return Report(render(inputs), tuple(inputs.missing.values()))
