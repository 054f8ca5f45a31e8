"""From a question to a certified optimum: problem, program, solver; N and D for a budget.

duality_gap          How far a solution can be from the best: a Lagrangian dual gap, which is Frank–Wolfe's where
                     nothing is dualised
fixed_proportions    Sources whose proportions to each other are kept: one variable in place of theirs
infeasible_ceilings  Refuse a problem whose curved constraints, ceilings on losses and a KL, leave no mixture
interior_point       An interior-point method for `Program`s, in NumPy, many problems side by side
optimum              The best mixture under a fitted law, with a certificate
oracle               Losses of many mixtures under many parameter vectors, with gradients and weighted Hessians: what
                     the planner's solver asks of a fitted law
prepare              The steps that `recommend`, `next_runs` and `appraise` share: N and D, checks, a weighted fit,
                     the best mixture
problem              All that a plan depends on, made consistent: a fit of the targets that count, sources, budget,
                     constraints
program              The mathematical program behind a plan: B problems alike in all but parameters, bounds, limits
                     and linear terms
scale                N and D of a plan, and the fit that is meant for them
size_search          N and D for a budget: given, or found for compute by a one-dimensional search around the best
                     mixture
standard_form        A `Program` as the interior-point method sees it: which variables and rows there are, slacks,
                     and the barrier
"""
