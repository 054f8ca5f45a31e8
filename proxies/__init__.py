"""Proxy runs: small transformers trained on mixtures of a corpus, as rows of the run table.

readers    documents from files          demo_text  documents every installation holds
corpus     tokens, and what is held out  batches    which tokens a run sees, exactly
model      the transformer               train      one run        run, state  what defines it, and half of it
sweep      many runs                     store      finished runs  backends    where runs are trained
scales     at which sizes, for a budget  specs      the runs at those sizes
"""
