"""Held-out error and the leaderboard.

comparison   compare: leaderboard of laws by held-out loss error
eligibility  Laws and references that can be fitted to a run table, and predictions of a reference
held_out     Held-out error of a law on its own runs, and the best run among them
leaderboard  Leaderboard: the result of `compare`
"""
