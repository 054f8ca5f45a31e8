"""NeMo and Megatron-Bridge: Megatron's blend in a YAML (`data_prefix`, `blend`) or in the call of a data module."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError
from mixlaw.exporters.syntax.blends import blend, train_part, two_lists
from mixlaw.exporters.syntax.parse import Python
from mixlaw.exporters.trainers.base import ReadOnly, Stated, part_of

_PREFIX_PLACES = (("model", "data"), ("data",), ())
_BLEND_PLACES = (("dataset",), ("dataset_config",), ("data",), ("train", "dataset"), ())
_BLEND_KEYS = ("blend", "blend_per_split", "data_path")
_MODULES = ("PreTrainingDataModule",)
_CONFIGS = ("GPTDatasetConfig", "BlendedMegatronDatasetConfig")


class NeMo(ReadOnly):
    """Megatron's words under `model.data.data_prefix` (NeMo 1) or in `PreTrainingDataModule(paths=...)` (NeMo 2)."""

    name = "nemo"
    form = "model: {data: {data_prefix: [0.6, /d/web, 0.4, /d/code]}}"
    checked = "NeMo 8cfedd7, 2025-09-20"

    def claims(self, content: Any) -> bool:
        return _data(content) is not None or _module(content) is not None

    def read(self, content: Any, where: str) -> Stated:
        data, call = _data(content), _module(content)
        if data is not None:
            prefix, split, at = data["data_prefix"], data.get("splits_string"), f"{where}: data_prefix"
        elif call is not None:
            prefix, split, at = call.get("paths"), call.get("split", "900,50,50"), f"{where}: paths"
        else:
            raise MixlawError(f"{where}: has no data_prefix and no {_MODULES[0]}(paths=...)")
        if isinstance(prefix, dict):
            if "train" not in prefix:
                raise MixlawError(f"{at}: the key 'train' is missing")
            return blend(_words(prefix["train"]), f"{at}: train")
        part = train_part(split, f"{where}: split")
        return blend(_words(prefix), at, parts=part, notes=_split_note(part))


class MegatronBridge(ReadOnly):
    """`blend: [[paths], [weights]]`, `blend_per_split`, or Megatron's words as `data_path`."""

    name = "megatron-bridge"
    form = "dataset: {blend: [[/d/web, /d/code], [0.6, 0.4]]}"
    checked = "Megatron-Bridge 067f987, 2026-08-22"

    def claims(self, content: Any) -> bool:
        return _config(content) is not None

    def read(self, content: Any, where: str) -> Stated:
        config = _config(content)
        if config is None:
            raise MixlawError(f"{where}: has none of {', '.join(_BLEND_KEYS)}")
        per_split = config.get("blend_per_split")
        if per_split is not None:
            if not isinstance(per_split, (list, tuple)) or len(per_split) != 3:
                raise MixlawError(f"{where}: blend_per_split: must be three blends, for train, valid and test")
            return two_lists(per_split[0], f"{where}: blend_per_split[0]")
        part = train_part(config.get("split"), f"{where}: split")
        if config.get("blend") is not None:
            return two_lists(config["blend"], f"{where}: blend", parts=part, notes=_split_note(part))
        return blend(_words(config.get("data_path")), f"{where}: data_path", parts=part, notes=_split_note(part))


def _words(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _split_note(part: float) -> list[str]:
    return [f"split: {100 * part:.4g}% of each source is trained on, and epochs count that part"] if part < 1 else []


def _data(content: Any) -> dict[str, Any] | None:
    found = (part_of(content, place) for place in _PREFIX_PLACES)
    return next((data for data in found if isinstance(data, dict) and "data_prefix" in data), None)


def _module(content: Any) -> dict[str, Any] | None:
    return _keywords(content, _MODULES, ("paths",))


def _config(content: Any) -> dict[str, Any] | None:
    found = (part_of(content, place) for place in _BLEND_PLACES)
    stated = (c for c in found if isinstance(c, dict) and any(_is_blend(key, c.get(key)) for key in _BLEND_KEYS))
    return next(stated, None) or _keywords(content, _CONFIGS, _BLEND_KEYS)


def _is_blend(key: str, value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (key == "data_path" and isinstance(value, str))


def _keywords(content: Any, names: tuple[str, ...], keys: tuple[str, ...]) -> dict[str, Any] | None:
    calls = content.calls if isinstance(content, Python) else []
    return next((c.keywords for c in calls if c.name in names and any(key in c.keywords for key in keys)), None)
