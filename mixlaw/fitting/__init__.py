"""The verb `fit` and its result: law selection, bootstrap, intervals, posterior, file."""
