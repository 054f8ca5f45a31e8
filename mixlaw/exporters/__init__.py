"""Write a plan in a trainer's format, and read such files: one module per trainer, all listed in `TRAINERS`.

To add a trainer, write a module after the pattern of `doremi.py`: a `Trainer` that writes weights in its own unit and
reads them back strictly; then list it in `trainers/registry.py`.

drawing      What a trainer draws from its sources under its own rule: realised shares and epochs
export_plan  export: write a plan as a trainer's file, and check it by reading it back
reading      Read a trainer's weights file as token weights: detect its format and the unit of its weights
recipe       A plan prepared for export: sources in the plan's order, shares, bounds and provenance
rounding     Round shares to integers or short decimals (largest remainders) within the bounds of each source
syntax       The text of weights files: parsing, checks of fields, blends, splits
trainers     Trainers' formats, one module each
weights      Plain weights files, and the source that a name or path in a file means
"""

from mixlaw.exporters.drawing.realised import Realised, realise
from mixlaw.exporters.drawing.weights_read import Weights
from mixlaw.exporters.export_plan import Export, export
from mixlaw.exporters.reading import by_name, import_mixture
from mixlaw.exporters.recipe import ExportOptions, recorded_sources
from mixlaw.exporters.trainers.registry import FORMATS, TRAINERS

__all__ = [
    "FORMATS",
    "TRAINERS",
    "Export",
    "ExportOptions",
    "Realised",
    "Weights",
    "by_name",
    "export",
    "import_mixture",
    "realise",
    "recorded_sources",
]
