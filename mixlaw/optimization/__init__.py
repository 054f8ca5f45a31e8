"""Mixture optimization with a certificate: problem, program, solver; choice of N and D for a budget.

duality_gap          Lagrangian dual gap: how far a solution can be from the optimum
fixed_proportions    Sources in fixed proportions to each other, replaced by one variable per group
infeasible_ceilings  Error for a problem whose nonlinear constraints (loss ceilings, KL) leave no mixture
interior_point       Primal-dual interior-point method for batches of `Program`s, in NumPy
optimum              The best mixture under a fitted law, with a certificate
oracle               Losses of many mixtures under many parameter vectors, with gradients and weighted Hessians
prepare              The steps that `recommend`, `next_runs` and `appraise` share: N and D, checks, a weighted fit,
                     the best mixture
problem              The mixture optimization problem: fit, targets, sources, budget and constraints, checked together
program              Mathematical program of a plan: B problems that share their rows
scale                N and D of a plan, and the fit weighted towards them
size_search          N and D for a budget: given, or found by a one-dimensional search at fixed compute
standard_form        Standard form of a `Program`: variables, rows, slacks and barrier function
"""
