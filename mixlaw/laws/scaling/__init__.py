"""Laws of loss in parameters and tokens.

chinchilla        Chinchilla scaling law of one mixture
data_constrained  Data-constrained scaling law of one repeated source
kaplan            Kaplan scaling law of one mixture
overfit_penalty   Chinchilla with a penalty on repetition, for one repeated source
"""
