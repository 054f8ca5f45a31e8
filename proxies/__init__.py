"""Proxy runs: small transformers trained on mixtures of a corpus, as rows of the run table.

readers    documents from files          demo_text  documents every installation holds
corpus     tokens, and what is held out  batches    which tokens a run sees, exactly
model      the transformer               train      one run        sweep, worker  many runs
scales     at which sizes, for a budget  specs      the runs at those sizes
"""
