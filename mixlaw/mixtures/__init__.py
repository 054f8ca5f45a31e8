"""Geometry of mixtures: the simplex with bounds, convex sets of mixtures, constraint rows, infeasible constraints.

constraint_rows  Constraint rows of a mixture problem: linear terms, losses, and distances from a reference, with a
                 limit
feasible_set     Convex set of mixtures: membership, projection, vertices, sampling
infeasibility    Infeasible constraints: an irreducible set of them, found before a plan is computed
simplex          Mixtures as points of the simplex: validation, bounds, projection, the linear oracle, samples,
                 coordinates
"""
