"""Distances of a mixture of samples from a target, one a file."""
