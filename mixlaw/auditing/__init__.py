"""Weights checked before a run, and a plan scored after it."""
