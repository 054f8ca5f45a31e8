"""The verb `fit` and its result: law selection, bootstrap, intervals, posterior, file.

bootstrap            The bootstrap of a fit: refits under random weights of the runs, and intervals read off them
fit_file             The file of a fit: JSON with all that is needed to read the fit back
fit_result           Fit: a law with estimated parameters and their uncertainty, as it is used, saved and read back
fit_runs             A law's parameters from runs: starts, maximum a posteriori, noise, bootstrap
law_selection        `--law auto`: the default for what a table holds, unless another law predicts held-out mixtures
                     clearly better
posterior            What a fit knows and what one more run would teach it: the linearised posterior of its losses
                     (Laplace)
prediction_interval  Intervals of predictions by the curvature of the fit (Laplace)
reference_fit        A fit of a reference: its losses are a refit on the fit's own runs at every call, so a file of
                     it holds them
support              What a fit rests on: how its estimate went, and which runs it has seen
training_data        TrainingData: the rows of a fit and the prior of its parameters, each computed once
"""
