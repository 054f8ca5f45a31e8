"""Held-out error and the leaderboard."""
