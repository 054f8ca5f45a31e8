"""The numerical engine of a fit: rows, objective, Levenberg-Marquardt, cross-validation, metrics."""
