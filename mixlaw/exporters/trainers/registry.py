"""Every trainer that a plan can be written for. To add one, write its file and list it here."""

from mixlaw.exporters.trainers.axolotl import Axolotl
from mixlaw.exporters.trainers.base import Trainer
from mixlaw.exporters.trainers.datasets import Datasets
from mixlaw.exporters.trainers.datatrove import Datatrove
from mixlaw.exporters.trainers.doremi import DoReMi
from mixlaw.exporters.trainers.levanter import Levanter
from mixlaw.exporters.trainers.llama_factory import LlamaFactory
from mixlaw.exporters.trainers.maxtext import MaxText
from mixlaw.exporters.trainers.megatron import Megatron
from mixlaw.exporters.trainers.nanotron import Nanotron
from mixlaw.exporters.trainers.olmix import Olmix
from mixlaw.exporters.trainers.olmo_core import OlmoCore
from mixlaw.exporters.trainers.regmix import RegMix
from mixlaw.exporters.trainers.streaming import Streaming
from mixlaw.exporters.trainers.torchtitan import TorchTitan

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
"""In the order of the help; a file is read by the first format that claims it."""
