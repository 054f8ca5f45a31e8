"""How parameters move: AdamW with clipped gradients, the learning rate's schedule, the average of the weights."""

import jax
import jax.numpy as jnp
import numpy as np

from proxies.model import Params
from proxies.run import RunSpec

BETA_FIRST, BETA_SECOND, EPSILON, CLIP = 0.9, 0.95, 1e-8, 1.0
WINDOW = 0.4  # of the run so far that the average reaches back over: nearest to runs with their own decay


def learning_rates(spec: RunSpec) -> np.ndarray:
    """The learning rate of every step: linear warm-up, constant, linear fall to (nearly) zero."""
    step = np.arange(1, spec.steps + 1)
    rise = step / max(1, round(spec.warmup * spec.steps))
    fall = (spec.steps + 1 - step) / max(1, round(spec.decay * spec.steps))
    return (spec.rate * np.minimum(1.0, np.minimum(rise, fall))).astype(np.float32)


def start(params: Params) -> dict[str, Params]:
    """First and second moments of the gradient, zero."""
    return {moment: {name: jnp.zeros_like(value) for name, value in params.items()} for moment in ("first", "second")}


def adam(
    params: Params, moments: dict[str, Params], grads: Params, rates: Params, step: jax.Array, weight_decay: jax.Array
) -> tuple[Params, dict[str, Params]]:
    """One step of AdamW (Kingma & Ba 1412.6980, Loshchilov & Hutter 1711.05101), gradients clipped to norm 1.

    `rates`: each parameter's learning rate, a scalar; `step`: 1 at the first. Vectors do not decay.
    """
    norm = jnp.sqrt(sum(jnp.sum(grad * grad) for grad in grads.values()))
    clip = jnp.minimum(1.0, CLIP / norm)
    debias_first = 1 / (1 - BETA_FIRST ** step.astype(jnp.float32))
    debias_second = 1 / (1 - BETA_SECOND ** step.astype(jnp.float32))
    moved, first, second = {}, {}, {}
    for name, value in params.items():
        grad = clip * grads[name]
        first[name] = BETA_FIRST * moments["first"][name] + (1 - BETA_FIRST) * grad
        second[name] = BETA_SECOND * moments["second"][name] + (1 - BETA_SECOND) * grad * grad
        update = debias_first * first[name] / (jnp.sqrt(debias_second * second[name]) + EPSILON)
        shrink = weight_decay * value if value.ndim > 1 else 0.0
        moved[name] = value - rates[name] * (update + shrink)
    return moved, {"first": first, "second": second}


def averaged(average: Params, params: Params, step: int, passed: int, window: float = WINDOW) -> Params:
    """The average of the weights after `passed` more steps, `step` in all.

    Weights fall off by a power of the step (polynomial-decay averaging, Shamir & Zhang 1212.1824), so that the
    average reaches back over about `window` of the run so far at any time and forgets the start.
    """
    weight = jnp.float32(min(1.0, passed / (window * step)))
    return _blend(average, params, weight)


@jax.jit
def _blend(average: Params, params: Params, weight: jax.Array) -> Params:
    return {name: value + weight * (params[name] - value) for name, value in average.items()}
