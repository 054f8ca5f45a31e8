"""Files written before audits and scores were typed are read, and give the same JSON as then."""

from pathlib import Path

import pytest
from factories.same_json import check_same_json

from mixlaw.auditing.audit_weights import AuditOptions, audit
from mixlaw.auditing.plan_score import score_plan
from mixlaw.fitting.fit_result import read_fit
from mixlaw.planning.plan import read_plan
from mixlaw.project.sources import Source, Sources
from mixlaw.runs.run_table import read_runs

OLD = Path(__file__).parent / "old"
SOURCES = Sources((Source("web", 5e10), Source("code", 1e10), Source("math", 2e9)))
TIGHT = Sources([Source("web", 5e10, max=0.5), Source("code", 1e8, max_epochs=2), Source("math", None, min=0.2)])
WEIGHTS = {"web": 60, "code": 30, "math": 10}


@pytest.mark.parametrize(
    ("name", "plan", "runs", "with_fit"),
    [
        ("score-runs", "mean", "runs", True),
        ("score-without-fit", "mean", "runs", False),
        ("score-smaller", "mean", "smaller", True),
        ("score-worst", "worst", "worst", True),
    ],
)
def test_a_score_is_written_as_before(name, plan, runs, with_fit):
    fit = read_fit(OLD / "fit.json") if with_fit else None
    found = score_plan(read_plan(OLD / f"plan-{plan}.json"), read_runs(OLD / f"{runs}.csv"), fit)
    check_same_json(found.to_dict(), OLD / f"{name}.json")


@pytest.mark.parametrize(
    ("name", "sources", "with_plan", "with_fit"),
    [
        ("audit-plain", TIGHT, False, False),
        ("audit-plan", TIGHT, True, False),
        ("audit-fit", TIGHT, False, True),
        ("audit-plan-fit", SOURCES, True, True),
    ],
)
def test_an_audit_is_written_as_before(name, sources, with_plan, with_fit):
    plan = read_plan(OLD / "plan-mean.json") if with_plan else None
    fit = read_fit(OLD / "fit.json") if with_fit else None
    found = audit(WEIGHTS, sources, 6e9, AuditOptions(plan=plan, fit=fit, params=None if with_plan else 3e8))
    added = ("asked", "realised")
    check_same_json({key: x for key, x in found.to_dict().items() if key not in added}, OLD / f"{name}.json")
