"""The version of mixlaw."""

__version__ = "0.1.0"
