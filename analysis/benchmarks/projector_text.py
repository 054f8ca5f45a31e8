"""Cases on real text: byte-level proxies of 26 thousand parameters on the demo's text, three sets of its sources.

Every eighth document of the reference, of Python and of C is held out as the target's text: it is measured on, and a
sample of it is what distances are to. Mixtures are uniform on the simplex of a set's sources, each run with a seed of
its own at n0 and n1 tokens, some at n2. A run measures all three targets, so a set gives three cases; in both sets of
three sources one target's own text is no source. Distances: exact transport of whitened n-gram features, and n-gram
KL, of 150 passages a source.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from projector_cases import Case

from mixlaw.errors import MixlawError
from mixlaw.transport import ExactOT, NGramKL, NGrams, Samples, equal_samples, fit_features, passages
from proxies.data.corpus import Corpus, build_corpus
from proxies.data.mixture import Mixture
from proxies.model.transformer import ModelConfig
from proxies.sweep.run_sweep import sweep
from proxies.text.demo_text import demo_documents
from proxies.training.run_spec import RunSpec

SETS = (
    ("docstrings", "python", "c"),
    ("reference", "packages", "python"),
    ("reference", "docstrings", "python", "c", "packages", "tables"),
)
TARGETS = ("reference", "python", "c")
CONFIG = ModelConfig(24, 2, 2, 12)
SCALES = (150_000.0, 300_000.0, 600_000.0)
MIXTURES, AT_LAST, POINTS, HELD = 32, 12, 150, 8
MEASURED = 16_384  # tokens of each target


def text_cases(store: Path, sets: int = len(SETS)) -> list[Case]:
    """The cases of the first sets; runs that the store holds are not trained again."""
    documents = demo_documents()
    target = {name: documents[name][::HELD] for name in TARGETS}
    own = {
        name: [text for i, text in enumerate(texts) if name not in TARGETS or i % HELD]
        for name, texts in documents.items()
    }
    corpus = build_corpus(own, 0, targets=target)
    corpus = replace(corpus, targets={name: held[:MEASURED] for name, held in corpus.targets.items()})
    cases = []
    for number, names in enumerate(SETS[:sets]):
        w_MxS = np.random.default_rng([1, number]).dirichlet(np.ones(len(names)), MIXTURES)
        reached_KxNxM = _runs(names, w_MxS, corpus, store)
        for name, reached_NxM in zip(TARGETS, reached_KxNxM, strict=True):
            distance = _distances({source: own[source] for source in names}, target[name], w_MxS)
            label, most = f"{name} of {', '.join(names)}", 0.6 if len(names) == 3 else 0.4
            cases.append(Case(label, label, names, w_MxS, SCALES, reached_NxM, distance, "n-gram KL", most))
    return cases


def _runs(names: tuple[str, ...], w_MxS: np.ndarray, corpus: Corpus, store: Path) -> np.ndarray:
    """Losses (targets, scales, mixtures) in nats, nan where not run."""
    asked = [(s, m) for s in range(3) for m in range(AT_LAST if s == 2 else MIXTURES)]
    specs = [
        RunSpec(
            f"{'-'.join(names)}-{s}-{m}",
            Mixture.of(names, w_MxS[m]),
            CONFIG,
            int(SCALES[s]),
            seed=1000 * s + m,
        )
        for s, m in asked
    ]
    result = sweep(specs, corpus, store)
    for run, failure in result.failed.items():
        raise MixlawError(f"run {run}: {failure.reason}")
    reached = np.full((len(TARGETS), 3, MIXTURES), np.nan)
    at = np.array(asked)
    for k, target in enumerate(TARGETS):
        reached[k, at[:, 0], at[:, 1]] = result.table[f"loss:{target}"]
    return reached


def _distances(own: dict[str, list[str]], target: list[str], w_MxS: np.ndarray) -> dict[str, np.ndarray]:
    """Transport and n-gram KL of every mixture."""
    texts = equal_samples({name: passages(held) for name, held in own.items()}, POINTS)
    count = min(POINTS, sum(1 for _ in passages(target)))
    wanted = equal_samples({"target": passages(target)}, count)["target"]
    features = fit_features(NGrams(), [*(text for held in texts.values() for text in held), *wanted], dims=32)
    points = Samples.of({name: features(held) for name, held in texts.items()}, features(wanted))
    both = {"transport": ExactOT(points), "n-gram KL": NGramKL.of(texts, wanted)}
    return {name: np.array([distance(w_S).value for w_S in w_MxS]) for name, distance in both.items()}
