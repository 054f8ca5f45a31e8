"""Proxy runs: small transformers trained on mixtures of a corpus, as rows of the run table.

data      Corpus, held-out split, exact batches
model     The transformer
online    Mixtures that change while one proxy trains
sweep     Many runs: store, ledger, backends
tasks     Run specifications from a project
text      From files to documents to tokens
training  One run
"""
