"""Mutations of JSON trees and of files, as damage, other programs or an attacker make them."""

import copy
import json
import random
from typing import Any

JUNK: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 2.5, 1e308, -1e-320, 10**30, float("inf"), float("nan")),
    *("", "x", "\x1b]0;pwned\x07", "a\nb", "=1+1", "nan", "web", "\u202e", "0"),
    *([], [1], [[1]], [None], {}, {"web": 1}, {"": None}, {"mixture": {"web": 1.0}}),
)
"""Values that take the place of another."""


def mutated(content: Any, rng: random.Random, times: int = 1) -> tuple[Any, str]:
    """A copy of a JSON tree with a value replaced, removed, doubled or renamed, and a word on what was done."""
    tree, said = copy.deepcopy(content), []
    for _ in range(times):
        place, key = _place(tree, rng)
        if place is None:
            return rng.choice(JUNK), "all"
        deed = rng.choice(("set", "set", "set", "delete", "scale", "rename"))
        value = place[key]
        if deed == "delete":
            del place[key]
        elif deed == "rename" and isinstance(place, dict):
            place[rng.choice(("", "x", str(key).upper(), f"{key} ", "\x1b[31m"))] = place.pop(key)
        elif deed == "scale" and isinstance(value, (int, float)) and not isinstance(value, bool):
            place[key] = value * rng.choice((-1, 0, 1e300, 1e-300, 1.001))
        else:
            place[key] = copy.deepcopy(rng.choice(JUNK))
        said.append(f"{deed} {key!r}")
    return tree, ", ".join(said)


def _place(tree: Any, rng: random.Random) -> tuple[Any, Any]:
    """A container in a tree, and one of its keys; every level of the tree is as likely to be stopped at."""
    place, key = None, None
    while isinstance(tree, (dict, list)) and tree:
        place, key = tree, rng.choice(list(tree) if isinstance(tree, dict) else range(len(tree)))
        tree = tree[key]
        if rng.random() < 0.25:
            break
    return place, key


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A file's bytes, cut off, flipped, doubled or with junk put in."""
    deed, at = rng.randrange(5), rng.randrange(len(data) + 1)
    if deed == 0:
        return data[:at]
    if deed == 1:
        changed = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            if changed:
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    if deed == 2:
        return data[:at] + data[at : at + rng.randint(1, 200)] * rng.randint(2, 5) + data[at:]
    words = (
        b"\x00",
        b"\x1b]0;x\x07",
        b"nan",
        b"1e999",
        b"[" * 2000,
        b"9" * 5000,
        b'"',
        b"\xff",
        b",,,",
        b"\n",
        b"- a\n",
    )
    return data[:at] + rng.choice(words) + data[at + rng.choice((0, 1, 20)) :]


def as_json(content: Any) -> str:
    """JSON text, also of values that JSON does not have."""
    return json.dumps(content)
