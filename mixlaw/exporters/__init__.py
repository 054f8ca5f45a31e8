"""A plan in the form a trainer reads, and such a file read back: one trainer a file, all listed in `TRAINERS`.

To add a trainer, write a module after the pattern of `doremi.py`: a `Trainer` that writes weights in its own unit and
reads them back strictly; then list it in `trainers.py`.

export_plan    export: a plan as a trainer's file, read back by the trainer's own strict reader before anyone gets it
parse          Text of a weights file as plain values: JSON, YAML, words, or the calls and lists of a Python file
reading        Weights files of trainers as weights of tokens: which trainer's it is, and what its weights count
recipe         What an exporter needs of a plan: sources in the plan's order, shares, bounds and where they come from
rounding       Shares as integers and short decimals: largest remainders, under the smallest and largest share of
               each source
strict_fields  Checks of a documented format, each refusing in one line that names file, key and mend
trainers       Trainers' formats, one a file
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
