"""JAX, imported when a formula is first evaluated, so that listing the laws does not take its start time (1.2 s)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jax as jax
    import jax.numpy as jnp
else:

    class _Module:
        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            return getattr(import_module(self._name), attribute)

    jax, jnp = _Module("jax"), _Module("jax.numpy")
