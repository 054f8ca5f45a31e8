"""`recommend` and everything that a plan says."""
