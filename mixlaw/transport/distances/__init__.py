"""Distances between a mixture of samples and a target, one per file.

base         Protocol of the distances between a mixture of sources and a target: value and gradient at a mixture
energy       Energy distance between a mixture and a target: no solver, quadratic in the mixture
entropic     Entropic optimal transport between a mixture and a target: smooth in the mixture, streamed, on CPU or GPU
exact        Exact optimal transport between a mixture and a target, by POT's network simplex
ngram_kl     KL(target || mixture) of hashed n-grams: the cheapest distance, and on text the one that follows true
             performance best
sinkhorn     Entropic transport between two weighted sets of points, in JAX, by chunks of the cost's rows
warm_starts  Starting points for a solver that is called at a sequence of mixtures
"""
