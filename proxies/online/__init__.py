"""Mixtures that change while one proxy trains."""
