"""Weights checked before a run, and a plan scored after it.

audit_comparison   What is audited beside a plan and a fit: shares, epochs, and predicted losses
audit_weights      What given weights would do to the sources: epochs, tokens, the caps they break, and what a fit
                   predicts of them
budget_check       A plan with what its own run and the proportional run measured at the budget
interval_coverage  Predicted beside measured: intervals of targets, of the objective and of differences, and whether
                   they held
plan_score         score_plan: what a plan predicted beside what the real run came to, and whether the intervals held
run_matching       Real runs beside a plan: which run is of the plan's mixture and which of a baseline's, and what a
                   fit says of each as it was trained
"""
