"""Matrix products and cross-entropy with hand-written gradients.

On a CPU, XLA uses its fast kernels for a product only if neither operand is transposed (jaxlib 0.10). The gradients
here use transposed copies, which cost less time than they save (analysis/NOTES.md).
"""

import jax
import jax.numpy as jnp


def product(x_TxI: jax.Array, w_IxO: jax.Array, precision: str) -> jax.Array:
    """x w in float32, with operands rounded to `precision` first; the same in both gradients."""
    return _product(x_TxI, w_IxO, precision)


def _multiply(a: jax.Array, b: jax.Array, precision: str) -> jax.Array:
    return jnp.matmul(a.astype(precision), b.astype(precision), preferred_element_type=jnp.float32)


def _turned(x: jax.Array) -> jax.Array:
    # Without the barrier XLA merges the transposition into the product.
    return jax.lax.optimization_barrier(x.T) if jax.default_backend() == "cpu" else x.T


def _product_forward(x_TxI, w_IxO, precision):
    return _multiply(x_TxI, w_IxO, precision), (x_TxI, w_IxO)


def _product_backward(precision, saved, slope_TxO):
    x_TxI, w_IxO = saved
    return _multiply(slope_TxO, _turned(w_IxO), precision), _multiply(_turned(x_TxI), slope_TxO, precision)


_product = jax.custom_vjp(_multiply, nondiff_argnums=(2,))
_product.defvjp(_product_forward, _product_backward)


@jax.custom_vjp
def cross_entropy(logits_TxV: jax.Array, tokens_T: jax.Array) -> jax.Array:
    """-log softmax(logits)[token] of every row, in nats, without a T x V array of ones and zeros."""
    return _entropy_forward(logits_TxV, tokens_T)[0]


def _entropy_forward(logits_TxV, tokens_T):
    top_Tx1 = jnp.max(logits_TxV, axis=-1, keepdims=True)
    weight_TxV = jnp.exp(logits_TxV - top_Tx1)
    total_T = jnp.sum(weight_TxV, axis=-1)
    own_T = jnp.take_along_axis(logits_TxV, tokens_T[:, None], axis=-1)[:, 0]
    return jnp.log(total_T) + top_Tx1[:, 0] - own_T, (weight_TxV, total_T, tokens_T)


def _entropy_backward(saved, slope_T):
    weight_TxV, total_T, tokens_T = saved
    own_TxV = jnp.arange(weight_TxV.shape[1]) == tokens_T[:, None]
    return weight_TxV * (slope_T / total_T)[:, None] - jnp.where(own_TxV, slope_T[:, None], 0.0), None


cross_entropy.defvjp(_entropy_forward, _entropy_backward)
