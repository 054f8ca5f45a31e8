"""Changing worlds: sources renamed, merged, split, dropped, added or grown, and the evidence that is carried over.

adapt            A run table carried over into a changed world: which of its evidence stays exact, and which is
                 approximated
columns          The columns of a run table in a changed world
joining          Run tables of one world, or of two after `adapt`, as one: sources that a table lacks have no share
                 in its runs
request_changes  What a plan was asked for, as its provenance records it, and what the project asks otherwise now
reuse            A source that is new beside an earlier plan: its mixture is reused as one virtual source, whose
                 share alone is found
spec             What has changed about the sources, as it is stated and checked
stale            What of a plan is stale, since the project has changed, and what to do about it
"""

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
