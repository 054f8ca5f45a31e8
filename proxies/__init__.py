"""Proxy runs: small transformers trained on mixtures of a corpus, as rows of the run table.

readers    documents from files          demo_text  documents every installation holds
corpus     tokens, and what is held out  batches    which tokens a run sees, exactly
model      the transformer               attention, kernels, parametrise, optimizer: its parts
run        what defines a run            train, evaluate, state: one run
hidden     a proxy's states as features
sweep, worker: many runs
store      finished runs                 backends    where runs are trained
online     runs whose mixture changes     dga, doremi, online_method, draws, aside: its parts
scales     at which sizes, for a budget  specs      the runs at those sizes
"""
