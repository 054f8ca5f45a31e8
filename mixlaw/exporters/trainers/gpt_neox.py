"""GPT-NeoX: `train-data-paths` and `train-data-weights` of its YAML; keys may have - or _."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import ReadOnly, Stated

_PATHS, _WEIGHTS = "train_data_paths", "train_data_weights"


class GPTNeoX(ReadOnly):
    """Weights of samples of one length; without weights, all paths are equal, whatever their size."""

    name = "gpt-neox"
    form = '{"train-data-paths": [/d/web, /d/code], "train-data-weights": [6, 4]}'
    checked = "GPT-NeoX ea7aefd, 2026-05-19"

    def claims(self, content: Any) -> bool:
        return isinstance(content, dict) and _PATHS in _plain(content)

    def read(self, content: Any, where: str) -> Stated:
        found = _plain(strict.mapping(content, where, known=None))
        if _PATHS not in found:
            raise MixlawError(f"{where}: the key 'train-data-paths' is missing")
        if found.get("weight_by_num_documents") is True:
            raise MixlawError(
                f"{where}: weight_by_num_documents overrides the weights by numbers of documents, which is not read; "
                "write the weights out and set it to false"
            )
        paths, weights = strict.texts(found[_PATHS], f"{where}: train-data-paths"), found.get(_WEIGHTS)
        if weights is None:
            note = "no train-data-weights: GPT-NeoX gives all paths the same weight, whatever their size"
            return Stated([(path, 1.0) for path in paths], "tokens", notes=(note,))
        pairs = strict.paired(paths, weights, f"{where}: train-data-weights")
        return Stated(pairs, "tokens")


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    return {str(key).replace("-", "_"): value for key, value in content.items()}
