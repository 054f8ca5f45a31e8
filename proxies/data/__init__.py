"""Corpus, held-out split, exact batches.

batches   Training batches of a run: schedule, epochs and subsamples, exact to the token
corpus    Corpus: training tokens by source and held-out tokens by target
holdout   Split of every source's documents into training and held-out text
mixture   Mixture: token shares by source, validated once; the one form in which proxies pass mixtures on
schedule  Source of each sequence of a run, within one sequence of its share at any time
"""
