"""The transformer.

attention    Causal attention for one CPU core: blocks of queries that skip the keys to come, and a gradient by hand
kernels      Matrix products and the cross-entropy with gradients by hand
mup          How parameters start and how fast each learns, so that one learning rate serves every width; sizes by
             parameters
transformer  The proxy: a small decoder-only transformer, written for one CPU core
"""
