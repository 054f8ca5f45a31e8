"""AdamW with clipped gradients, the learning-rate schedule, and the average of the weights."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax

from proxies.model.transformer import Params
from proxies.training.run_spec import RunSpec

BETA_FIRST, BETA_SECOND, EPSILON, CLIP = 0.9, 0.95, 1e-8, 1.0
AVERAGE_WINDOW = (
    0.4  # part of the run so far that the average covers: its losses are nearest to those of runs with their own decay
)
STEPS_PER_BLOCK = (
    1024  # number of rates computed at once: one shape for all numbers of steps, so nothing is compiled again
)


def schedule(spec: RunSpec) -> optax.Schedule:
    """Learning rate as a function of the step (the first is 1): linear warm-up, constant, linear decay to (nearly) 0.

    If warm-up and decay overlap, the lower of the two lines is used.

    >>> from proxies.data.mixture import Mixture
    >>> from proxies.model.transformer import ModelConfig
    >>> spec = RunSpec("r", Mixture({"web": 1.0}), ModelConfig(16, 1, 1), tokens=12_800, batch=1, rate=0.01, warmup=0.1)
    >>> rate = schedule(spec)
    >>> [round(float(rate(step)), 6) for step in (1, 10, 50, 75, 100)]
    [0.001, 0.01, 0.01, 0.0052, 0.0002]
    """
    rising, falling = (max(1, round(part * spec.steps)) for part in (spec.warmup, spec.decay))
    rise = optax.linear_schedule(0.0, spec.rate, rising)
    fall = optax.linear_schedule(spec.rate, 0.0, falling, transition_begin=spec.steps + 1 - falling)
    return lambda step: jnp.minimum(rise(step), fall(step))


def learning_rates(spec: RunSpec) -> np.ndarray:
    """rate_S: the learning rate of every step (`schedule`), float32.

    >>> from proxies.data.mixture import Mixture
    >>> from proxies.model.transformer import ModelConfig
    >>> spec = RunSpec("r", Mixture({"web": 1.0}), ModelConfig(16, 1, 1), tokens=512, batch=1, rate=1.0, decay=0.75)
    >>> [round(float(rate), 2) for rate in learning_rates(spec)]
    [1.0, 1.0, 0.67, 0.33]
    """
    rate = schedule(spec)
    blocks = [
        np.asarray(rate(np.arange(first, first + STEPS_PER_BLOCK)))
        for first in range(1, spec.steps + 1, STEPS_PER_BLOCK)
    ]
    return np.concatenate(blocks)[: spec.steps].astype(np.float32)


def adamw(
    scales: Mapping[str, float], rate: float | jax.Array, weight_decay: float | jax.Array
) -> optax.GradientTransformation:
    """AdamW (Kingma & Ba 1412.6980, Loshchilov & Hutter 1711.05101), gradients clipped to norm 1; vectors do not decay.

    `scales`: multiplier of each parameter's learning rate (`mup.rate_scales`). `rate` and
    `weight_decay` may be traced, so that one compiled program serves all of their values.

    >>> params = {"w": jnp.ones((2, 2)), "gain": jnp.ones(2)}
    >>> scales = {"w": 0.5, "gain": 1.0}
    >>> transform = adamw(scales, rate=0.1, weight_decay=0.0)
    >>> updates, _ = transform.update(params, start(params, scales), params)
    >>> {name: round(float(update.mean()), 4) for name, update in updates.items()}
    {'gain': -0.1, 'w': -0.05}
    """
    return optax.chain(
        optax.clip_by_global_norm(CLIP),
        optax.scale_by_adam(BETA_FIRST, BETA_SECOND, EPSILON),
        optax.add_decayed_weights(weight_decay, mask=_matrices),
        optax.partition({scale: optax.scale(scale) for scale in sorted(set(scales.values()))}, dict(scales)),
        optax.scale_by_learning_rate(rate),
    )


def start(params: Params, scales: Mapping[str, float]) -> optax.OptState:
    """The state of `adamw` before the first step: moments of the gradient and steps taken, all zero.

    >>> state = start({"w": jnp.ones((2, 2))}, {"w": 0.5})
    >>> optax.tree_utils.tree_get(state, "mu")["w"].tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    return adamw(scales, 0.0, 0.0).init(params)


def _matrices(params: Params) -> dict[str, bool]:
    return {name: value.ndim > 1 for name, value in params.items()}


def averaged(average: Params, params: Params, step: int, passed: int, window: float = AVERAGE_WINDOW) -> Params:
    """Average of the weights after `passed` further steps, `step` in total.

    The average's coefficients decay as a power of the step (polynomial-decay averaging, Shamir & Zhang 1212.1824), so
    at any time it covers about the last `window` of the run so far and forgets the start.

    >>> average, params = {"w": jnp.zeros(1)}, {"w": jnp.ones(1)}
    >>> averaged(average, params, step=100, passed=10)["w"].tolist()
    [0.25]
    >>> averaged(average, params, step=10, passed=10)["w"].tolist()
    [1.0]
    """
    return _blend(params, average, jnp.float32(min(1.0, passed / (window * step))))


_blend = jax.jit(optax.incremental_update)
