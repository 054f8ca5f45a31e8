"""The numerical engine of a fit: rows, objective, Levenberg-Marquardt, cross-validation, metrics.

baseline_predictors  What a law has to beat: predictions without a law, each from the training rows alone
cross_validation     Held-out predictions: a law, or anything else that predicts, refitted without the rows that
                     judge it
diagnostics          What to know of a fit before believing it: seeds' noise, what runs do not determine, bounds hit,
                     no fit at all
goals                Goal: the run that a fit is for
laplace              The curvature of a fit at its optimum (Laplace): standard deviations, features, intervals
levenberg_marquardt  Batched Levenberg–Marquardt: many fits of one law to the same runs, a few side by side
map_estimate         The engine of every fit: priors, starts, and maximum a posteriori with its residual scale
metrics              How good held-out predictions are: error, bias, differences between mixtures, ranks, regret,
                     coverage
objective            The objective of a fit and its derivatives: robust residuals of log-loss, Gaussian priors,
                     float64
observations         Which rows of a run table a law is fitted on, and with which weight
splits               Which runs a refit may see and which judge it: folds over mixtures, and small sizes against the
                     largest
"""
