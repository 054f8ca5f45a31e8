"""Trainers' formats, one a file."""
