"""Geometry of mixtures: the simplex with bounds, convex sets of mixtures, constraint rows, conflicts.

constraint_rows  Constraint rows of a mixture problem: linear terms, losses, and distances from a reference, with a
                 limit
feasible_set     A convex set of mixtures: which it holds, the nearest to another, corners, draws
infeasibility    Constraints that no mixture can keep together, found before anything is planned and named irreducibly
simplex          Mixtures as points of the simplex: validation, bounds, projection, the linear oracle, samples,
                 coordinates
"""
