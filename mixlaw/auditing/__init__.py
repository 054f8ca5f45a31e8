"""Checks of weights before a run, and of a plan's predictions after it.

audit_comparison   Compare audited weights with a plan and a fit: shares, epochs and predicted losses
audit_sections     The sections of an `Audit`
audit_weights      audit: epochs and tokens of each source under given weights, violated caps, predicted losses
budget_check       A plan with what its own run and the proportional run measured at the budget
interval_coverage  Compare predictions with measured losses: intervals, and whether they contain the measured value
plan_score         score_plan: compare a plan's predictions with real runs
run_matching       Match the runs of a table with a plan and its baselines, and forecast their losses as trained
score_sections     The sections of a `PlanScore`
scored_plan        ScoredPlan: the fields of plan.json that scoring compares with real runs
"""
