"""MosaicML Streaming and llm-foundry: a mapping of streams, weighed by proportion, repeat or choose."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError, listed
from mixlaw.exporters import strict_fields as strict
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.trainers.base import Stated, Trainer, dump

_MODES = {"proportion": "samples", "repeat": "epochs", "choose": "samples"}
_REST = ("remote", "local", "split", "download_retry", "download_timeout", "validate_hash", "keep_zip")
_PLACES = ((), ("dataset",), ("train_loader", "dataset"))


class Streaming(Trainer):
    """Proportions of samples, which have one length in llm-foundry's pretraining data."""

    name = "streaming"
    form = "streams: {web: {local or remote, proportion: 0.6}}"
    one_path = True
    counts = "samples"

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        streams = {}
        for name, share in value.items():
            path = recipe.path(name)
            streams[name] = {"remote" if "://" in path else "local": path, "proportion": share}
        return dump({"streams": streams})

    def claims(self, content: Any) -> bool:
        return isinstance(_streams(content), dict)

    def read(self, content: Any, where: str) -> Stated:
        at = f"{where}: streams"
        streams = strict.mapping(_streams(content), at, known=None)
        modes, pairs = {}, []
        for name, stream in streams.items():
            stream = strict.mapping(stream, f"{at}.{name}", known=(*_MODES, *_REST))
            found = [mode for mode in _MODES if mode in stream]
            if len(found) != 1:
                raise MixlawError(f"{at}.{name}: has {listed(found) or 'no weight'}; give one of {listed(_MODES)}")
            modes[found[0]] = name
            pairs.append((name, strict.number(stream[found[0]], f"{at}.{name}: {found[0]}")))
        if len(modes) > 1:
            told = ", ".join(f"{name} has {mode}" for mode, name in modes.items())
            raise MixlawError(f"{at}: {told}; all streams need one mode")
        return pairs, _MODES[next(iter(modes))]


def _streams(content: Any) -> Any:
    """The `streams` of a file, of its `dataset`, or of llm-foundry's `train_loader`."""
    for place in _PLACES:
        part = content
        for key in (*place, "streams"):
            part = part.get(key) if isinstance(part, dict) else None
        if part is not None:
            return part
    return None
