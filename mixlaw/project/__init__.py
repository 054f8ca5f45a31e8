"""What a project states: sources, targets, budget, constraints, and the set of mixtures it allows."""
