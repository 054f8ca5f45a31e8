"""Which mixtures to run: before any run, and after a table."""
