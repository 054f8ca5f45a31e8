"""`recommend` and the sections of a plan.

compute_path     The plan over compute: path of the optimum, and the multiple of compute that proportional needs
law_sensitivity  Sensitivity of the claimed gain to the law: a bracket
near_optimal     Near-optimal mixtures: range of each share within a stated regret, and some mixtures that differ
notes            Notes of a plan file: code and keys from the form of the text
options          Ask: how a plan is chosen, and its optional parts
plan             Plan: a recommendation with typed sections, saved as plan.json and read back
plan_sections    Sections of a plan computed from its optimum: shares, amounts, caps, predictions, provenance
plan_types       The sections of a plan as frozen dataclasses
recommendation   recommend: a Plan with baselines, intervals and a verdict from a fit, sources and a budget
robust           Robust mixture over the bootstrap: minimises the mean of the regret, or a quantile of it
shadow_prices    Shadow prices of caps and constraints, the gain from more tokens of a source
verdict          Verdict on the plan against its baselines, and its distance from the runs
"""
