"""Changing worlds: sources renamed, merged, split, dropped, added or grown, and the evidence that is carried over."""

from mixlaw.changes.adapt import adapt
from mixlaw.changes.joining import join_runs
from mixlaw.changes.reuse import design_beside, kept_group, predict_like
from mixlaw.changes.spec import Changes, read_changes
from mixlaw.changes.stale import Stale, stale

__all__ = [
    "Changes",
    "Stale",
    "adapt",
    "design_beside",
    "join_runs",
    "kept_group",
    "predict_like",
    "read_changes",
    "stale",
]
