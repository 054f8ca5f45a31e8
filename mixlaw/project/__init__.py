"""Projects: sources, targets, budget, constraints, and the set of feasible mixtures.

budget        Budget of the planned run: compute, or N and D; serving; money
checked       Frozen dataclasses whose values pydantic checks, and its complaints as one line
constraints   Objective and constraints of a plan beyond the bounds of single sources
feasible      The mixtures that a project's constraints allow, before there is a fit: bounds, groups, money, nearness
plan_like     PlanLike: anything that gives a plan as its JSON object
plan_shape    Check of a plan.json that was read: its parts are about the same sources and targets
project_file  The project file `mixlaw.yaml`
request       The request that a plan was made for, as its provenance records it
sources       Sources and targets
"""
