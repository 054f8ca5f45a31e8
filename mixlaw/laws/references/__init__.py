"""Regressors that laws are compared with.

base              The base class of references: predictors of loss that laws are compared with
boosted_trees     Gradient-boosted trees, the regressor of RegMix
gaussian_process  Gaussian process on the square roots of the shares
step_size_nested  The nested pipeline of data mixing laws: over steps, then over sizes, then over mixtures
"""
