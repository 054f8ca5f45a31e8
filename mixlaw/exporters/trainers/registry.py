"""Every trainer that a plan can be written for. To add one, write its file and list it here."""

from mixlaw.exporters.trainers.axolotl import Axolotl
from mixlaw.exporters.trainers.base import Trainer
from mixlaw.exporters.trainers.datasets import Datasets
from mixlaw.exporters.trainers.datatrove import Datatrove
from mixlaw.exporters.trainers.doremi import DoReMi
from mixlaw.exporters.trainers.energon import Energon
from mixlaw.exporters.trainers.gpt_neox import GPTNeoX
from mixlaw.exporters.trainers.levanter import Levanter
from mixlaw.exporters.trainers.llama_factory import LlamaFactory
from mixlaw.exporters.trainers.maxtext import MaxText
from mixlaw.exporters.trainers.megatron import Megatron
from mixlaw.exporters.trainers.nanotron import Nanotron
from mixlaw.exporters.trainers.nemo import MegatronBridge, NeMo
from mixlaw.exporters.trainers.olmix import Olmix
from mixlaw.exporters.trainers.olmo_core import OlmoCore
from mixlaw.exporters.trainers.regmix import RegMix
from mixlaw.exporters.trainers.streaming import Streaming
from mixlaw.exporters.trainers.torchtitan import TorchTitan
from mixlaw.exporters.trainers.trl import Trl

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
"""Trainers that a plan can be written for, in the order of the help."""
FORMATS: tuple[Trainer, ...] = (Trl(), *TRAINERS, NeMo(), MegatronBridge(), Energon(), GPTNeoX())
"""All formats that are read; a file is read by the first that claims it."""
