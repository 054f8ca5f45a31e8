"""Every trainer that a plan can be written for. To add one, write its file and list it here."""

from mixlaw.export.axolotl import Axolotl
from mixlaw.export.datasets import Datasets
from mixlaw.export.datatrove import Datatrove
from mixlaw.export.doremi import DoReMi
from mixlaw.export.levanter import Levanter
from mixlaw.export.llama_factory import LlamaFactory
from mixlaw.export.maxtext import MaxText
from mixlaw.export.megatron import Megatron
from mixlaw.export.nanotron import Nanotron
from mixlaw.export.olmix import Olmix
from mixlaw.export.olmo_core import OlmoCore
from mixlaw.export.regmix import RegMix
from mixlaw.export.streaming import Streaming
from mixlaw.export.torchtitan import TorchTitan
from mixlaw.export.trainer import Trainer

TRAINERS: tuple[Trainer, ...] = (
    Megatron(),
    OlmoCore(),
    Levanter(),
    Streaming(),
    Datasets(),
    MaxText(),
    Nanotron(),
    TorchTitan(),
    LlamaFactory(),
    Axolotl(),
    Datatrove(),
    DoReMi(),
    RegMix(),
    Olmix(),
)
"""In the order of the help; a file is claimed by the first whose shape it has."""
