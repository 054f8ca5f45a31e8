"""`recommend` and everything that a plan says.

compute_path     The plan against compute: the path of the optimum over it, and how much more of it proportional
                 would need
law_sensitivity  The claimed gain under laws that err to either side: a bracket around it
near_optimal     Mixtures nearly as good as the plan's: how far each share can move within a stated regret, and some
                 that differ
options          Ask: how a plan is chosen, and what it holds beyond the contract
plan             Plan: a recommendation as it is used, saved and read back
plan_sections    The parts of a plan that are read off its optimum: shares, amounts, caps, predictions, provenance
recommendation   recommend: from a fit, sources and a budget to a Plan with baselines, intervals and a verdict
robust           A mixture chosen over the bootstrap: the least mean of the regret, or a quantile of it
shadow_prices    What a constraint costs: shadow prices of caps and rows, and what more tokens of a source would be
                 worth
verdict          Better, tie or unknown: the plan against its baselines, and how far it lies from the runs
"""
