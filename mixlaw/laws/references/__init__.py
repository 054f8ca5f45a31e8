"""Regressors that laws are compared with.

base              Base class of references: predictors of loss that laws are compared with
boosted_trees     Gradient-boosted trees, the regressor of RegMix
gaussian_process  Gaussian process on the square roots of the shares
step_size_nested  Nested pipeline of data mixing laws: a fit over steps, then over sizes, then over mixtures
"""
