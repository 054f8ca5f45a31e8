"""The numerical engine of a fit: rows, objective, Levenberg-Marquardt, cross-validation, metrics.

baseline_predictors  Baseline predictors that use no law
cross_validation     Held-out predictions of laws and other predictors, refitted on each training part
diagnostics          Seed noise, undetermined parameters, parameters at bounds, failure of the optimiser
goals                Goal: the run that a fit is for
laplace              Laplace approximation of a fit: standard deviations, features, intervals
levenberg_marquardt  Batched Levenberg–Marquardt: many fits of one law to the same runs, several at a time
map_estimate         The engine of every fit: priors, starts, and maximum a posteriori with its residual scale
metrics              Error, bias, slope, rank correlation, regret, interval coverage
objective            The objective of a fit and its derivatives: robust residuals of log-loss, Gaussian priors,
                     float64
observations         Rows of a run table that a law is fitted on, and their weights
splits               Training and test splits: folds over mixtures, smaller sizes against the largest
"""
