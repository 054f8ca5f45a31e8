"""MosaicML Streaming and llm-foundry: a mapping of streams, weighed by proportion, repeat or choose."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError, listed
from mixlaw.exporters.drawing.rules import Rule
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Amount, Pairs, Stated, Trainer, dump, part_of
from mixlaw.io.yaml import parse_number

_MODES = ("proportion", "repeat", "choose")
_REST = ("remote", "local", "split", "download_retry", "download_timeout", "validate_hash", "keep_zip")
_PLACES = ((), ("dataset",), ("train_loader", "dataset"), ("train_dataset",))


class Streaming(Trainer):
    """Proportions of samples, which have one length in llm-foundry's pretraining data."""

    name = "streaming"
    form = "streams: {web: {local or remote, proportion: 0.6}}"
    one_path = True
    counts = "samples"
    checked = "Streaming 89e7bb9, 2025-07-17, and llm-foundry 8c8dd48, 2025-07-21"

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        streams = {}
        for name, share in value.items():
            path = recipe.path(name)
            streams[name] = {"remote" if "://" in path else "local": path, "proportion": share}
        return dump({"streams": streams})

    def claims(self, content: Any) -> bool:
        return isinstance(_streams(content)[0], dict)

    def read(self, content: Any, where: str) -> Stated:
        at = f"{where}: streams"
        streams, dataset = _streams(content)
        streams = strict.mapping(streams, at, known=None)
        modes: dict[str, str] = {}
        notes: list[str] = []
        for name, stream in streams.items():
            stream = strict.known_keys(stream or {}, f"{at}.{name}", (), (*_MODES, *_REST), notes, empty=True)
            found = [mode for mode in _MODES if stream.get(mode) is not None]
            if len(found) > 1:
                raise MixlawError(f"{at}.{name}: has {listed(found)}; give one of {listed(_MODES)}")
            modes[name] = found[0] if found else ""
        if "proportion" in modes.values():
            other = [name for name, mode in modes.items() if mode != "proportion"]
            if other:
                raise MixlawError(f"{at}: {listed(other)} has no proportion; if one stream has it, all need it")
            return Stated(_values(streams, modes, at), "samples", notes=(*notes, *_epoch_note(streams, dataset, at)))
        return _amounts(streams, modes, dataset, at, notes)


def _values(streams: dict[str, Any], modes: dict[str, str], at: str) -> Pairs:
    return [(name, strict.number(streams[name][mode], f"{at}.{name}: {mode}")) for name, mode in modes.items() if mode]


def _amounts(
    streams: dict[str, Any], modes: dict[str, str], dataset: dict[str, Any], at: str, notes: list[str]
) -> Stated:
    """The mixture of streams that state what one epoch takes: repeat (passes), choose (samples), or once."""
    rule, kinds = Rule("amounts", same=False), set(modes.values())
    values = dict(_values(streams, modes, at))
    if not any(kinds):
        notes.append("no weights: every stream is read once an epoch, so shares follow sizes")
    if kinds == {"choose"}:
        return Stated(list(values.items()), "samples", notes=tuple(notes))
    if "choose" not in kinds:
        return Stated([(name, values.get(name, 1.0)) for name in modes], "epochs", rule, tuple(notes))
    length = dataset.get("max_seq_len")
    if length is None:
        raise MixlawError(f"{at}: choose counts samples beside streams by passes; state max_seq_len of the dataset")
    S = strict.number(length, f"{at}: max_seq_len", above=True)
    amounts = {
        n: Amount(units=values[n] * S) if m == "choose" else Amount(values.get(n, 1.0)) for n, m in modes.items()
    }
    return Stated(list(amounts.items()), "tokens", rule, tuple(notes))


def _epoch_note(streams: dict[str, Any], dataset: dict[str, Any], at: str) -> list[str]:
    """A note on streams of which an epoch takes less than one sample."""
    size = parse_number(dataset.get("epoch_size"))
    if size is None:
        return []
    total = sum(strict.number(s["proportion"], f"{at}: proportion") for s in streams.values())
    lost = [n for n, s in streams.items() if 0 < float(s["proportion"]) / total * size < 1]
    return (
        [f"epoch_size {size:g} takes less than one sample of {listed(lost)}, so it is left to chance"] if lost else []
    )


def _streams(content: Any) -> tuple[Any, dict[str, Any]]:
    """The `streams` of a file, of its `dataset`, or of llm-foundry's `train_loader`, and the settings beside them."""
    for place in _PLACES:
        beside = part_of(content, place)
        if isinstance(beside, dict) and beside.get("streams") is not None:
            return beside["streams"], beside
    return None, {}
