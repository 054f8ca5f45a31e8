"""Held-out error and the leaderboard.

comparison   compare: the leaderboard of laws, by losses that the refits have not seen
eligibility  Which laws and references a run table serves, and what a reference predicts on it
held_out     Held-out error of a law on its own runs, and the best run among them
leaderboard  Leaderboard: what `compare` returns, as it is read, printed and saved
"""
