"""Regressors that laws are compared with."""
