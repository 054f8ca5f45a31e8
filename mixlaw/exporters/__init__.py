"""Write a plan in a trainer's format, and read such files: one module per trainer, all listed in `TRAINERS`.

To add a trainer, write a module after the pattern of `doremi.py`: a `Trainer` that writes weights in its own unit and
reads them back strictly; then list it in `trainers/registry.py`.

export_plan    export: write a plan as a trainer's file, and check it by reading it back
parse          Parse a weights file into plain values: JSON, YAML, words, or calls and lists of a Python file
reading        Read a trainer's weights file as token weights: detect its format and the unit of its weights
recipe         A plan prepared for export: sources in the plan's order, shares, bounds and provenance
rounding       Round shares to integers or short decimals (largest remainders) within the bounds of each source
strict_fields  Checks of the fields of a documented format; errors name the file, the key and the fix
trainers       Trainers' formats, one module each
weights        Weights files of mixlaw and of trainers, as pairs of a source's name (or path) and its weight
"""

from mixlaw.exporters.export_plan import Export, export
from mixlaw.exporters.reading import Weights, by_name, import_mixture
from mixlaw.exporters.recipe import ExportOptions, recorded_sources
from mixlaw.exporters.trainers.registry import TRAINERS

__all__ = [
    "TRAINERS",
    "Export",
    "ExportOptions",
    "Weights",
    "by_name",
    "export",
    "import_mixture",
    "recorded_sources",
]
