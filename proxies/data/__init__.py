"""Corpus, held-out split, exact batches.

batches   Which tokens a run sees, exactly: schedule, epochs, subsamples
corpus    A corpus: each source's training tokens, the targets' held-out tokens, and the split between them
holdout   Which documents are held out: the split of every source's text into what is trained on and what is measured
mixture   Mixture: token shares by source, validated once; the one form in which proxies pass mixtures on
schedule  Which source each sequence of a run comes from: every source within one sequence of its share at any time
"""
