"""Distances of a mixture of samples from a target, one a file.

base         The one protocol of all distances between a mixture of sources and a target: value and gradient at a
             mixture
energy       Energy distance between a mixture and a target: no solver, quadratic in the mixture
entropic     Entropic optimal transport between a mixture and a target: smooth in the mixture, streamed, on CPU or GPU
exact        Exact optimal transport between a mixture and a target, by POT's network simplex
ngram_kl     KL(target || mixture) of hashed n-grams: the cheapest distance, and on text the one nearest to true
             performance
sinkhorn     Entropic transport between two weighted sets of points, in JAX, some rows of the cost at a time
warm_starts  Where to start a solver that is called at one mixture after another
"""
