"""Modules that stand outside the packages."""

import importlib
import importlib.util
import sys
from pathlib import Path


def load(path: Path):
    """A module of `analysis`, which is no package."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
