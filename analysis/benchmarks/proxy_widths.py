"""Does one learning rate serve every width? Activations and best rates over an 8x range of widths, on the demo's text.

    python analysis/benchmarks/proxy_widths.py                 # about four minutes on two cores

First the coordinate check: the scale of what flows after each layer, and of the logits, after 1 to 10 steps, largest
over smallest width. Then the held-out loss of runs of equal tokens at rates a factor 2 apart, and for each width the
best rate (of a parabola in log rate through the best three).
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from aims import Aims
from machine import print_machine
from table import print_row

from proxies.data.corpus import Corpus, build_corpus
from proxies.data.mixture import Mixture
from proxies.model import mup
from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig
from proxies.sweep.run_sweep import sweep
from proxies.text.demo_text import demo_documents
from proxies.training import optimizer
from proxies.training.run_spec import RunSpec
from proxies.training.train import batches_of

WIDTHS = (32, 64, 128, 256)
STEPS = (1, 2, 5, 10)


def spec_of(width: int, tokens: int, rate: float, corpus: Corpus, seed: int = 0) -> RunSpec:
    """A proportional run of one width, all else equal."""
    total = sum(corpus.tokens.values())
    mixture = Mixture({source: own / total for source, own in corpus.tokens.items()})
    config = ModelConfig(width, 2, width // 16, 16)
    return RunSpec(f"{width}-{rate:g}-{seed}", mixture, config, tokens, rate=rate, seed=seed)


def flows(width: int, corpus: Corpus) -> np.ndarray:
    """flows_SxF: root mean square after each layer and of the logits, after each of STEPS at the full rate."""
    spec = spec_of(width, 10_000, 3e-3, corpus)
    config, batches = spec.config, batches_of(spec, corpus)
    params = mup.init(config, 0)
    scales = mup.rate_scales(config)
    moments, adamw = optimizer.start(params, scales), optimizer.adamw(scales, spec.rate, spec.weight_decay)
    probe_BxL = batches[len(batches) - 1].astype(np.int32)
    slope = jax.jit(jax.grad(lambda params, tokens: model.loss(params, tokens, config)))
    found = []
    for step in range(1, max(STEPS) + 1):
        grads = slope(params, batches[step].astype(np.int32))
        updates, moments = adamw.update(grads, moments, params)
        params = optax.apply_updates(params, updates)
        if step in STEPS:
            x_BxLxD = model.embed(params, probe_BxL, config)
            after = [*model.stream(params, x_BxLxD, config)[1:], model.logits(params, x_BxLxD, config)]
            found.append([float(jnp.sqrt(jnp.mean(a * a))) for a in after])
    return np.array(found)


def best_rate(rates: np.ndarray, losses: np.ndarray) -> float:
    """The lowest point of a parabola through the lowest loss and its neighbours; the lowest itself at an end."""
    i = int(np.argmin(losses))
    if i in (0, len(rates) - 1):
        return float(rates[i])
    bend, slope, _ = np.polyfit(np.log(rates[i - 1 : i + 2]), losses[i - 1 : i + 2], 2)
    return float(np.exp(-slope / (2 * bend)))


def main() -> None:
    """Print the coordinate check, the losses by width and rate, and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=300_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rates", type=float, nargs="+", default=[1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2])
    options = parser.parse_args()
    print_machine()
    aims, rates = Aims(), np.array(options.rates)
    corpus = build_corpus(demo_documents(), 0)
    corpus = replace(corpus, targets={"reference": corpus.targets["reference"], "python": corpus.targets["python"]})
    flows_WxSxF = np.array([flows(width, corpus) for width in WIDTHS])
    print_row("scale after step", ["layer 1", "layer 2", "logits"])
    for i, step in enumerate(STEPS):
        for width, own in zip(WIDTHS, flows_WxSxF, strict=True):
            print_row(f"{step}, width {width}", own[i])
    apart = (flows_WxSxF.max(0) / flows_WxSxF.min(0)).max()
    aims.at_most("scales, largest over smallest width", float(apart), 1.5)
    specs = [
        spec_of(width, options.tokens, rate, corpus, seed)
        for width in WIDTHS for rate in rates for seed in range(options.seeds)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        table = sweep(specs, corpus, Path(folder)).table
    found = table[[c for c in table.columns if c.startswith("loss:")]].mean(axis=1).to_numpy()
    loss_WxR = found.reshape(len(WIDTHS), len(rates), options.seeds).mean(-1)
    print_row("loss at rate", [f"{rate:g}" for rate in rates] + ["best"])
    best = [best_rate(rates, losses) for losses in loss_WxR]
    for width, losses, rate in zip(WIDTHS, loss_WxR, best, strict=True):
        print_row(f"width {width}", [*losses, rate])
    aims.at_most("best rates, largest over smallest", max(best) / min(best), 2.0)
    cost = loss_WxR[:, int(np.argmin(loss_WxR.mean(0)))] - loss_WxR.min(1)
    aims.at_most("nats lost by one rate for all", float(cost.max()), 0.02)
    aims.print()


if __name__ == "__main__":
    main()
