"""Render the page: one HTML file that contains its style, script and data, and loads nothing else."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from mixlaw.errors import MixlawError
from mixlaw.planning.plan import Plan
from mixlaw.reports import page_sections as view
from mixlaw.reports.budget_curve import budget_curve
from mixlaw.reports.formats import FILTERS
from mixlaw.reports.inputs import Material
from mixlaw.reports.page_data import numbers

OPTIONAL = ("bracket", "check", "distance", "near_optimal", "path", "speed_up", "unconstrained", "worth")
"""Plan keys that earlier versions did not write, or that only some plans have."""


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


def render(material: Material) -> str:
    """Render the page of a plan and its other inputs; the reason for a missing part is shown in its place.

    Text from users is escaped. The page's policy allows only this package's script and loads nothing.

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
    >>> page = render(Material("plan1", plan.to_dict()))
    >>> page.startswith("<!doctype html>"), "log-linear" in page
    (True, True)
    """
    plan, missing = material.plan, dict(material.missing or {})
    data = None
    if material.fit is not None:
        try:
            data = numbers(plan, material.fit)
        except MixlawError as error:
            missing["fit"] = str(error)
    style, script = _own("style.css"), f"{_own('engine.js')}\n{_own('page.js')}"
    policy = f"default-src 'none'; script-src {_fingerprint(script)}; style-src {_fingerprint(style)}; base-uri 'none'"
    context = _context(material) | {
        "missing": missing,
        "style": Markup(style),
        "script": Markup(script),
        "policy": policy,
        "data": None if data is None else htmlsafe_json_dumps(data, separators=(",", ":"), allow_nan=False),
        "numbers": data,
    }
    return _environment().get_template("page.html").render(context)


def _context(material: Material) -> dict[str, Any]:
    from mixlaw.version import __version__

    plan: dict[str, Any] = dict.fromkeys(OPTIONAL) | {"objective": "mean"} | material.plan
    rows = view.source_rows(plan, material)
    return {
        "plan": plan,
        "remarks": Plan.from_dict(plan).remarks,
        "name": material.name,
        "why": material.why,
        "version": __version__,
        "summary": view.summary(plan),
        "headline": view.headline(plan),
        "facts": view.facts(plan),
        "sources": rows,
        "share_scale": view.widest(rows, ("high", "share", "proportional")),
        "epochs_scale": view.epochs_scale(rows),
        "targets": view.target_rows(plan),
        "baselines": [(view.baseline_name(key, b), b) for key, b in plan["baselines"].items() if b is not None],
        "plots": view.held_out_plots(material),
        "curve": budget_curve(plan, material.fit),
        "path": view.path_table(plan),
        "sensitivity": view.sensitivity_rows(plan),
        "alternatives": view.alternatives(plan, rows),
        "boards": view.boards(material, plan["law"]["name"]),
        "leaderboard": material.leaderboard,
        "provenance": view.provenance_rows(plan, material),
        "fit": material.fit,
    }
