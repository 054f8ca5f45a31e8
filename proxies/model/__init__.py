"""The transformer.

attention    Causal attention for one CPU core: blocks of queries that skip the keys to come, and a gradient by hand
kernels      Matrix products and the cross-entropy with gradients by hand
mup          µP initialisation and learning-rate scaling, and the model shape for a parameter count
transformer  The proxy: a small decoder-only transformer, written for one CPU core
"""
