"""The transformer.

attention    Causal attention for one CPU core: blocks of queries that skip later keys, with hand-written gradient
kernels      Matrix products and cross-entropy with hand-written gradients
mup          µP initialisation and learning-rate scaling, and the model shape for a parameter count
transformer  The proxy: a small decoder-only transformer, written for one CPU core
"""
