"""Geometry of mixtures: the simplex with bounds, convex sets of mixtures, constraint rows, conflicts."""
