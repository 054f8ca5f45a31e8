"""mixlaw: which proportions of which sources should a training run use, and how sure are we?

The public verbs and nouns, loaded when first used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixlaw.appraisal import Appraisal, appraise, nearest_plan, sample_texts
    from mixlaw.ask import Ask
    from mixlaw.audit import Audit, AuditOptions, audit
    from mixlaw.band import band
    from mixlaw.changes import Changes, adapt, join_runs, stale
    from mixlaw.compare import compare
    from mixlaw.constraints import Constraints, Group, Near
    from mixlaw.d_optimal import d_optimal
    from mixlaw.design import design
    from mixlaw.errors import MixlawError
    from mixlaw.export import Export, ExportOptions, Weights, export, import_mixture
    from mixlaw.fit import fit
    from mixlaw.fitted import Fit, read_fit
    from mixlaw.goal import Goal, goal
    from mixlaw.ground import Wish
    from mixlaw.importers import Imported, ImportOptions, import_runs
    from mixlaw.leaderboard import Leaderboard
    from mixlaw.next_runs import NextRuns, next_runs
    from mixlaw.outcome import PlanScore, score_plan
    from mixlaw.plan import Plan, read_plan
    from mixlaw.recommend import recommend
    from mixlaw.report import Report, report
    from mixlaw.runs import Runs, read_runs
    from mixlaw.sources import Budget, Project, Source, Sources, Target, read_project

__version__ = "0.1.0"

_HOME = {
    "Appraisal": "appraisal",
    "appraise": "appraisal",
    "nearest_plan": "appraisal",
    "sample_texts": "appraisal",
    "Audit": "audit",
    "AuditOptions": "audit",
    "audit": "audit",
    "band": "band",
    "Changes": "changes",
    "adapt": "changes",
    "join_runs": "changes",
    "stale": "changes",
    "compare": "compare",
    "d_optimal": "d_optimal",
    "design": "design",
    "MixlawError": "errors",
    "Export": "export",
    "ExportOptions": "export",
    "Weights": "export",
    "export": "export",
    "import_mixture": "export",
    "fit": "fit",
    "Fit": "fitted",
    "read_fit": "fitted",
    "Goal": "goal",
    "goal": "goal",
    "Imported": "importers",
    "ImportOptions": "importers",
    "import_runs": "importers",
    "Leaderboard": "leaderboard",
    "PlanScore": "outcome",
    "score_plan": "outcome",
    "Wish": "ground",
    "NextRuns": "next_runs",
    "next_runs": "next_runs",
    "Plan": "plan",
    "read_plan": "plan",
    "Ask": "ask",
    "recommend": "recommend",
    "Report": "report",
    "report": "report",
    "Constraints": "constraints",
    "Group": "constraints",
    "Near": "constraints",
    "Runs": "runs",
    "read_runs": "runs",
    "Budget": "sources",
    "Project": "sources",
    "Source": "sources",
    "Sources": "sources",
    "Target": "sources",
    "read_project": "sources",
}

__all__ = [
    "Appraisal",
    "Ask",
    "Audit",
    "AuditOptions",
    "Budget",
    "Changes",
    "Constraints",
    "Export",
    "ExportOptions",
    "Fit",
    "Goal",
    "Group",
    "ImportOptions",
    "Imported",
    "Leaderboard",
    "MixlawError",
    "Near",
    "NextRuns",
    "Plan",
    "PlanScore",
    "Project",
    "Report",
    "Runs",
    "Source",
    "Sources",
    "Target",
    "Weights",
    "Wish",
    "adapt",
    "appraise",
    "audit",
    "band",
    "compare",
    "d_optimal",
    "design",
    "export",
    "fit",
    "goal",
    "import_mixture",
    "import_runs",
    "join_runs",
    "nearest_plan",
    "next_runs",
    "read_fit",
    "read_plan",
    "read_project",
    "read_runs",
    "recommend",
    "report",
    "sample_texts",
    "score_plan",
    "stale",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mixlaw' has no attribute '{name}'")
    return getattr(import_module(f"mixlaw.{_HOME[name]}"), name)


class _Package(ModuleType):
    """Importing the submodule mixlaw.fit must not put the module in the place of the verb of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
