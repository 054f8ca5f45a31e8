"""Sizes of the proxies for a budget, and how many runs each size gets.

Proxies of a budget (N, D) over sources with U unique tokens keep D/U and N/U: N, D and U shrink together
along one ray (LAWS.md 4). All points of a ray share N/D, so a few runs leave it, with U scaled along with D.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mixlaw.errors import MixlawError
from proxies.model.transformer import ModelConfig, count_params, flops_per_token
from proxies.sweep.run_sweep import cores
from proxies.text.tokenizer import END, VOCAB

BATCH_SEQUENCES = 2  # small batches: at these token counts more steps beat smoother gradients at every size
COMPUTE_RATIO = 5  # the budget's compute must be at least this many times that of the largest proxy run
SMALLEST_TOKENS = 150_000  # with fewer, a byte-level proxy hardly learns more than unigram frequencies
RUN_OVERHEAD = 1.0  # seconds a run spends on evaluation and its share of compiling and starting


def _config(width: int, depth: int) -> ModelConfig:
    # At least two heads: with one, small models learn to copy at a random time, and losses vary more between seeds.
    heads = max(2, round(width / 32))
    return ModelConfig(width, depth, heads, 2 * round(width / heads / 2))


MENU = tuple(
    _config(width, depth)
    for width, depth in [
        (24, 2), (32, 2), (40, 2), (48, 2), (64, 2), (80, 2), (96, 2),
        (96, 3), (128, 3), (160, 3), (192, 3), (192, 4), (256, 4), (320, 4), (384, 5), (512, 6),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class ProxySize:
    """Runs of one size.

    >>> size = ProxySize(ModelConfig(32, 2, 2, 16), tokens=256_000, fraction=0.1, runs=12)
    >>> size.params, f"{size.flops:.2e}"
    (41312, '6.93e+10')

    Attributes:
        config: shape of the model.
        tokens: training tokens of each run.
        fraction: share of every source's unique tokens U that the runs use.
        runs: number of runs.
        on_ray: True if N/D is the budget's ratio; sizes with other ratios show the effect of D at fixed N.
        unique: unique tokens by source, in place of `fraction`.
    """

    config: ModelConfig
    tokens: int
    fraction: float
    runs: int
    on_ray: bool = True
    unique: Mapping[str, int] | None = None

    @property
    def params(self) -> int:
        return count_params(self.config)

    @property
    def flops(self) -> float:
        """FLOP of one run."""
        return flops_per_token(self.config) * self.tokens


@dataclass(frozen=True)
class Proposal:
    """Sizes of a sweep's proxies.

    Attributes:
        scales: smallest first, sizes off the budget's N/D ratio last; of a design that states sizes, in its order.
        target: the budget's own size, if runs at the budget are planned too.
        notes: remarks for the user.
        names: run_ids of the design's runs; empty: runs are numbered.
    """

    scales: tuple[ProxySize, ...]
    target: ProxySize | None = None
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def runs(self) -> int:
        return sum(scale.runs for scale in self.scales)

    @property
    def flops(self) -> float:
        """FLOP of all proxy runs, without the target's."""
        return sum(scale.runs * scale.flops for scale in self.scales)

    def seconds(self, workers: int | None = None) -> float:
        """Estimated wall-clock seconds of all proxy runs on this machine."""
        return sum(scale.runs * run_seconds(scale) for scale in self.scales) / (workers or cores())


def run_seconds(scale: ProxySize) -> float:
    """Estimated seconds of one run on one core."""
    return scale.flops / speed(scale.config) + RUN_OVERHEAD


def speed(config: ModelConfig) -> float:
    """FLOP per second of one core while all cores are busy, measured at batch 2 with a byte vocabulary.

    >>> f"{speed(ModelConfig(32, 2, 2, 16)):.1e}"
    '3.4e+10'
    """
    return 75e9 * config.width / (config.width + 38)


def demo_scales(width: int = 80, tokens: int = 3_400_000, proxies: tuple[int, int, int] = (32, 40, 48)) -> Proposal:
    """The demo's sizes: a target that two cores can train in minutes, and proxies of at most a fifth of its compute.

    >>> [(size.config.width, size.runs) for size in demo_scales().scales]
    [(32, 12), (40, 10), (48, 6), (32, 2), (40, 2)]

    Args:
        width, tokens: of the target.
        proxies: widths of the proxies. All models have two layers.
    """
    target = ProxySize(_config(width, 2), tokens, 1.0, 2)
    sizes = [_config(proxy, 2) for proxy in proxies]
    return _on_and_off_ray(sizes, target.params, target.tokens, 1.0, (12, 10, 6), target)


def propose(
    params: float,
    tokens: float,
    *,
    seconds: float = 120.0,
    workers: int | None = None,
    runs: int = 28,
    marks: tuple[int, int] = (VOCAB, END),
) -> Proposal:
    """Proxy sizes for a budget of N = `params` and D = `tokens`, within an allowance of wall-clock seconds.

    Takes the largest three consecutive sizes of MENU whose runs fit. If even the smallest do not fit at the budget's
    D/N, their tokens are cut, and a note says by which factor N/U differs from the budget's.

    >>> proposal = propose(1e9, 2e10, seconds=600, workers=8, runs=20)
    >>> [size.runs for size in proposal.scales], proposal.seconds(workers=8) <= 600
    ([7, 5, 4, 2, 2], True)

    Args:
        params, tokens: of the budget.
        seconds: allowance for all runs. workers: simultaneous runs; None: one per core.
        runs: number of proxy runs, at least 10.
        marks: the corpus's vocabulary and end mark.

    Raises:
        MixlawError: if the budget is too small for smaller proxies, or the allowance too short for the smallest runs.
    """
    if not (params > 0 and tokens > 0 and seconds > 0):
        raise MixlawError(f"budget: {params:g} parameters, {tokens:g} tokens, {seconds:g} s must all be above 0")
    workers, counts = workers or cores(), _counts(runs)
    triples = [t for t in _triples(marks) if count_params(t[2]) ** 2 * COMPUTE_RATIO <= params**2]
    if not triples:
        least = count_params(_triples(marks)[0][2]) * COMPUTE_RATIO**0.5
        raise MixlawError(
            f"budget: {params:,.0f} parameters are too few to be represented by smaller proxies; "
            f"give at least {least:,.0f}, or run mixtures at the budget itself"
        )
    for sizes in reversed(triples):
        stretch = max(1.0, SMALLEST_TOKENS * params / (count_params(sizes[0]) * tokens))
        proposal = _on_and_off_ray(sizes, params, tokens, stretch, counts)
        if proposal.seconds(workers) <= seconds:
            return proposal
    return _cut_to(seconds, triples[0], params, tokens, counts, workers)


def _cut_to(seconds: float, sizes, params: float, tokens: float, counts, workers: int) -> Proposal:
    """The smallest sizes, with tokens cut so that all runs fit the allowance."""
    matched = _on_and_off_ray(sizes, params, tokens, 1.0, counts)
    fixed = matched.runs * RUN_OVERHEAD / workers
    cut = (seconds - fixed) / (matched.seconds(workers) - fixed)
    if cut * matched.scales[0].tokens < SMALLEST_TOKENS:
        least = fixed + (matched.seconds(workers) - fixed) * SMALLEST_TOKENS / matched.scales[0].tokens
        raise MixlawError(
            f"{seconds:g} seconds are too few for {matched.runs} proxy runs: allow at least {least:.0f} (--seconds)"
        )
    return _on_and_off_ray(sizes, params, tokens, cut, counts)


def _triples(marks: tuple[int, int]) -> list[list[ModelConfig]]:
    """All three consecutive sizes of MENU, smallest first; with bytes each is about 1.4 to 1.8 times the one before."""
    menu = [replace(config, vocab=marks[0], end=marks[1]) for config in MENU]
    return [menu[i : i + 3] for i in range(len(menu) - 2)]


def _counts(runs: int) -> tuple[int, int, int]:
    """Runs of the three sizes at the budget's N/D: most at the cheap sizes, at least two each. Four runs are off it."""
    if runs < 10:
        raise MixlawError(f"{runs} proxy runs are too few for three sizes; ask for at least 10")
    large = max(2, round(0.2 * runs))
    middle = max(2, round(0.45 * (runs - 4 - large)))
    return runs - 4 - middle - large, middle, large


def _on_and_off_ray(
    sizes: Sequence[ModelConfig],
    params: float,
    tokens: float,
    stretch: float,
    counts: tuple[int, int, int],
    target: ProxySize | None = None,
) -> Proposal:
    """Sizes at N_j / N = D_j / (stretch D) = U_j / U, and two runs each at half and twice the tokens.

    The latter keep U_j: N/U is unchanged, and the budget's epochs lie between theirs.
    """

    def whole(config: ModelConfig, wanted: float) -> int:
        return max(1, round(min(wanted, tokens) / (BATCH_SEQUENCES * config.length))) * BATCH_SEQUENCES * config.length

    ray = []
    for config, runs in zip(sizes, counts, strict=True):
        own = whole(config, stretch * count_params(config) / params * tokens)
        ray.append(ProxySize(config, own, min(1.0, own / tokens), runs))
    off = [
        replace(ray[at], tokens=whole(sizes[at], times * ray[at].tokens), runs=2, on_ray=False)
        for at, times in ((0, 2.0), (1, 0.5))
    ]
    notes = ()
    if stretch != 1.0:
        why = "take longer than was allowed" if stretch < 1 else "leave them too few tokens"
        notes = (
            f"the proxies' parameters per unique token (N/U) are {1 / stretch:.3g} times the budget's:"
            f" to match it would {why}",
        )
    return Proposal((*ray, *off), target, notes)
