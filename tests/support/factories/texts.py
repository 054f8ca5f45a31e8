"""Synthetic text for tests of online mixing: words that can be learnt, letters that cannot."""

import numpy as np

LETTERS = "abcdefghijklmnop"


def words(seed: int, language: int = 0, documents: int = 60) -> list[str]:
    """Documents of about 600 letters: words of a language of 60 words, in random order. Two languages (0 and 1) share
    no letter."""
    random = np.random.default_rng([language, 1])
    own = list(LETTERS[:8] if language == 0 else LETTERS[8:])
    known = ["".join(random.choice(own, random.integers(3, 7))) for _ in range(60)]
    order = np.random.default_rng([seed, 2])
    return [" ".join(order.choice(known, 120)) for _ in range(documents)]


def letters(seed: int, documents: int = 60) -> list[str]:
    """Documents of letters in random order: beyond which letters there are, nothing can be learnt."""
    random = np.random.default_rng([seed, 3])
    return ["".join(random.choice(list(LETTERS), 600)) for _ in range(documents)]


def plain(documents: int = 60) -> list[str]:
    """Documents of one letter, of many lengths: learnt at once."""
    return ["a" * (500 + i) for i in range(documents)]
