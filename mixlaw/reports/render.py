"""Render the page: one HTML file that contains its style, script and data, and loads nothing else."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from mixlaw.errors import MixlawError
from mixlaw.reports import page_sections, page_tables
from mixlaw.reports.budget_curve import budget_curve
from mixlaw.reports.formats import FILTERS
from mixlaw.reports.inputs import ReportInputs
from mixlaw.reports.page_data import page_data


@cache
def _environment() -> Environment:
    """Jinja environment in which every value is escaped, unless it is this package's own markup."""
    found = Environment(
        loader=PackageLoader("mixlaw.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= FILTERS
    return found


def _own(name: str) -> str:
    """Text of a style sheet or script of this package."""
    return files("mixlaw.reports").joinpath(name).read_text(encoding="utf-8")


def _fingerprint(text: str) -> str:
    """Hash by which a content security policy allows an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def render(inputs: ReportInputs) -> str:
    """Render the page of a plan and its other inputs; the reason for a missing part is shown in its place.

    Text from users is escaped. The page's policy allows only this package's script and loads nothing.

    Raises:
        MixlawError: the plan was made without runs.

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
    >>> page = render(ReportInputs("plan1", plan))
    >>> page.startswith("<!doctype html>"), "log-linear" in page
    (True, True)
    """
    missing, data = dict(inputs.missing), None
    if inputs.fit is not None:
        try:
            data = page_data(inputs.plan, inputs.fit)
        except MixlawError as error:
            missing["fit"] = str(error)
    style, script = _own("style.css"), f"{_own('engine.js')}\n{_own('page.js')}"
    policy = f"default-src 'none'; script-src {_fingerprint(script)}; style-src {_fingerprint(style)}; base-uri 'none'"
    context = _context(inputs) | {
        "missing": missing,
        "style": Markup(style),
        "script": Markup(script),
        "policy": policy,
        "data": None if data is None else htmlsafe_json_dumps(data.to_dict(), separators=(",", ":"), allow_nan=False),
        "numbers": data,
    }
    return _environment().get_template("page.html").render(context)


def _context(inputs: ReportInputs) -> dict[str, object]:
    """Values of the templates."""
    from mixlaw.version import __version__

    plan, predicted = inputs.plan, inputs.predicted
    rows = page_tables.source_rows(inputs)
    baselines = [(key, one) for key, one in plan.baselines.items() if one is not None]
    return {
        "plan": plan,
        "remarks": plan.remarks,
        "name": inputs.name,
        "why": inputs.why,
        "version": __version__,
        "summary": page_sections.summary(plan, predicted.losses),
        "headline": page_sections.headline(plan),
        "facts": page_sections.facts(plan, predicted),
        "sources": rows,
        "share_scale": page_tables.share_scale(rows),
        "epochs_scale": page_tables.epochs_scale(rows),
        "targets": page_tables.target_rows(plan, predicted.losses),
        "baselines": [(page_sections.baseline_name(key, one), one) for key, one in baselines],
        "plots": page_sections.held_out_plots(inputs),
        "curve": budget_curve(plan, inputs.fit),
        "path": page_tables.path_rows(plan),
        "sensitivity": page_tables.price_rows(plan),
        "alternatives": page_tables.alternatives(plan, rows),
        "boards": page_tables.board_tables(inputs),
        "leaderboard": inputs.leaderboard,
        "provenance": page_sections.provenance_rows(inputs),
        "fit": inputs.fit,
    }
