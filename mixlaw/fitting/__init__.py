"""The verb `fit` and its result: law selection, bootstrap, intervals, posterior, file.

bootstrap            Bootstrap of a fit: refits with random weights of the runs, and intervals from them
fit_file             The file of a fit: JSON with all that is needed to read the fit back
fit_result           Fit: a law with estimated parameters and their uncertainty, as it is used, saved and read back
fit_runs             A law's parameters from runs: starts, maximum a posteriori, noise, bootstrap
law_selection        Law selection (`--law auto`): the default law, unless another has a clearly lower held-out error
posterior            Laplace posterior of predicted losses, and its update by one more run
prediction_interval  Intervals of predictions by the curvature of the fit (Laplace)
reference_fit        A fit of a reference: its losses are a refit on the fit's own runs at every call, so a file of
                     it holds them
support              Ranges covered by the fitted runs, and notes on sources that changed or that no run uses
training_data        TrainingData: the rows of a fit and the prior of its parameters, each computed once
"""
