"""RunSpec: all that defines a run, and the key that names it by its content."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from mixlaw.errors import MixlawError
from proxies.data.corpus import END, VOCAB, Corpus
from proxies.data.mixture import Mixture
from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig

ENGINE_VERSION = 3
"""Version of results: increase it when a change of train, batches or model changes losses; runs are trained again."""
PRECISIONS = ("float32", "bfloat16")


class DivergedError(RuntimeError):
    """The loss of a run is no longer finite."""


class TokensError(MixlawError):
    """Tokenized text is damaged: no run can be trained on it."""


def check_ids(tokens: np.ndarray, vocab: int) -> None:
    """Raise TokensError if a token is outside the vocabulary: a model would read another token's row for it, or NaN.

    >>> check_ids(np.array([3, 300]), 257)
    Traceback (most recent call last):
    proxies.training.run_spec.TokensError: token 300 is not in the vocabulary of 257: the tokenized text is damaged
    """
    if len(tokens) and not 0 <= (least := int(tokens.min())) <= (largest := int(tokens.max())) < vocab:
        wrong = least if least < 0 else largest
        raise TokensError(f"token {wrong:,} is not in the vocabulary of {vocab:,}: the tokenized text is damaged")


@dataclass(frozen=True)
class RunSpec:
    """All that defines a run except its corpus.

    >>> spec = RunSpec("r0", Mixture({"web": 0.75, "code": 0.25}), ModelConfig(32, 2, 2, 16), tokens=51_200)
    >>> spec.steps, spec.evaluated, f"{spec.flops:.1e}"
    (200, [200], '1.4e+10')
    >>> RunSpec("other name", spec.mixture, spec.config, 51_200).key("corpus") == spec.key("corpus")
    True

    Attributes:
        run_id: label of the run in tables; not part of its key.
        mixture: token shares by source; a mapping is converted.
        config: shape of the model.
        tokens: training tokens, rounded to whole batches of `batch` sequences.
        fraction: share of the corpus's unique tokens of every source that the run uses, if `unique` is None.
        unique: unique tokens of each source.
        rate: peak learning rate at width `mup.BASE_WIDTH`. It warms up over `warmup` of the steps, stays constant, and
            falls linearly to zero over the last `decay` of them.
        evaluations: number of rows. The last is measured at the end; earlier ones at a half, a quarter, ... of the
            tokens, on an average of the weights (`optimizer.averaged`), whose loss is on average within .02 nats of
            a run of that length with its own decay, with a random difference of .03 (`proxy_checkpoints.py`).
        precision: of matrix products; all else is float32.
    """

    run_id: str
    mixture: Mixture
    config: ModelConfig
    tokens: int
    fraction: float = 1.0
    unique: Mapping[str, int] | None = None
    seed: int = 0
    batch: int = 2
    rate: float = 3e-3
    warmup: float = 0.05
    decay: float = 0.5
    weight_decay: float = 0.1
    evaluations: int = 1
    precision: str = "float32"

    def __post_init__(self) -> None:
        # Plain numbers: a key, and the JSON a worker reads, must not depend on the caller's NumPy types.
        object.__setattr__(self, "mixture", Mixture(self.mixture, f"run {self.run_id}"))
        if self.unique is not None:
            object.__setattr__(self, "unique", {s: int(n) for s, n in self.unique.items()})
        for name in ("tokens", "seed", "batch", "evaluations"):
            object.__setattr__(self, name, int(getattr(self, name)))

    @property
    def steps(self) -> int:
        return round(self.tokens / (self.batch * self.config.length))

    @property
    def flops(self) -> float:
        """FLOP of training, with attention and without evaluation."""
        return self.flops_at(self.steps)

    def flops_at(self, step: int) -> float:
        """FLOP of the first `step` steps."""
        return model.flops_per_token(self.config) * step * self.batch * self.config.length

    @property
    def evaluated(self) -> list[int]:
        """Steps after which the targets are measured, in rising order and without repetition."""
        return sorted({max(1, self.steps >> k) for k in range(self.evaluations)})

    def key(self, corpus_hash: str) -> str:
        """Hash of the run's content and the corpus: equal keys have equal rows. The `run_id` does not enter."""
        about = asdict(self)
        del about["run_id"]
        about["mixture"] = sorted((s, w) for s, w in self.mixture.items() if w)
        about["unique"] = self.unique and sorted(self.unique.items())
        text = json.dumps([ENGINE_VERSION, corpus_hash, about], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def marks(corpus: Corpus) -> tuple[int, int]:
    """Vocabulary and end mark of a corpus; those of bytes if it states none."""
    return getattr(corpus, "vocab", VOCAB), getattr(corpus, "end", END)


def check(spec: RunSpec, corpus: Corpus) -> None:
    """Raise MixlawError, with the run_id, if the run cannot be trained on this corpus."""
    place, sources = f"run {spec.run_id}", corpus.sources
    unknown = [source for source in spec.mixture if source not in sources]
    if unknown:
        raise MixlawError(f"{place}: source {unknown[0]} has no text; the corpus has {', '.join(sources)}")
    absent = [source for source in sources if spec.unique is not None and source not in spec.unique]
    if absent:
        raise MixlawError(f"{place}: `unique` lacks source {absent[0]}; give every source's unique tokens")
    if spec.unique is None and not 0 < spec.fraction <= 1:
        raise MixlawError(f"{place}: fraction {spec.fraction:g} of the corpus; give a number in (0, 1]")
    for source, wanted in (spec.unique or {}).items():
        if not 1 <= wanted <= corpus.tokens.get(source, 0):
            has = corpus.tokens.get(source, 0)
            raise MixlawError(f"{place}, unique:{source}: {wanted:,}; the source has 1 to {has:,} tokens")
    if spec.batch < 1 or spec.tokens < spec.batch * spec.config.length:
        least = max(1, spec.batch) * spec.config.length
        raise MixlawError(f"{place}: {spec.tokens:,} tokens are less than one batch; give at least {least:,}")
    _check_program(spec, corpus, place)


def _check_program(spec: RunSpec, corpus: Corpus, place: str) -> None:
    if spec.evaluations < 1:
        raise MixlawError(f"{place}: {spec.evaluations} evaluations; give at least 1, the end")
    if spec.precision not in PRECISIONS:
        raise MixlawError(f"{place}: precision {spec.precision!r}; give one of {', '.join(PRECISIONS)}")
    has, end = marks(corpus)
    if spec.config.vocab < has:
        raise MixlawError(f"{place}: a vocabulary of {spec.config.vocab:,}; the corpus's tokens need {has:,}")
    if spec.config.end != end:
        raise MixlawError(f"{place}: end mark {spec.config.end}; the corpus's documents end with {end}")
