"""Changed projects: run tables and plans after sources were renamed, merged, split, dropped, added or enlarged.

adapt            adapt: a run table rewritten for changed sources, with notes on which losses are exact
columns          The columns of a rewritten run table
joining          join_runs: several run tables as one
request_changes  How the project differs from the request that a plan records
reuse            Reuse a plan when sources are added: its mixture counts as one virtual source
spec             Changes: sources that were renamed, merged, split, dropped or added
stale            stale: the parts of a plan that are out of date, and how to update them
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
