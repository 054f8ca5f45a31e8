"""A plan in the form a trainer reads, and such a file read back: one trainer a file, all listed in `TRAINERS`.

To add a trainer, write a module after the pattern of `doremi.py`: a `Trainer` that writes weights in its own unit and
reads them back strictly; then list it in `trainers.py`.
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
