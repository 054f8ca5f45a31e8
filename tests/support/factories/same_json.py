"""JSON objects that an earlier version wrote, compared with today's."""

import json
from pathlib import Path

import pytest


def check_same_json(written: object, path: Path, *, but: tuple[str, ...] = (), rel: float = 1e-6) -> None:
    """Same keys in the same order and same values, numbers to `rel`; keys in `but` are only compared in their order.

    Notes are prose: only how many there are is compared.
    """
    _check(json.loads(json.dumps(written)), json.loads(path.read_text()), (but, rel), path.name)


def _check(now: object, then: object, how: tuple[tuple[str, ...], float], where: str) -> None:
    but, rel = how
    if isinstance(then, dict):
        assert isinstance(now, dict), where
        assert list(now) == list(then), where
        for key in then:
            if key in ("notes", "errors"):
                assert len(now[key]) == len(then[key]), f"{where}: {key}"
            elif key not in but:
                _check(now[key], then[key], how, f"{where}: {key}")
    elif isinstance(then, list):
        assert isinstance(now, list), where
        assert len(now) == len(then), where
        for i, (one, other) in enumerate(zip(now, then, strict=True)):
            _check(one, other, how, f"{where}[{i}]")
    elif isinstance(then, float) and not isinstance(now, bool):
        assert now == pytest.approx(then, rel=rel, abs=1e-7), where
    else:
        assert (type(now), now) == (type(then), then), where
