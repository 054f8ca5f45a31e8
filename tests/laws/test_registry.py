"""The registry: listing it is light, JAX learns of a class with its first instance, and saved fits keep their order."""

import dataclasses
import subprocess
import sys

import pytest

from mixlaw.laws import by_name

HEAVY = ("jax", "pandas", "scipy", "matplotlib")


def run(code: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_verb_lists_every_law_without_jax():
    ends = f"assert not [m for m in {HEAVY} if m in sys.modules]"
    run(f"import sys\nfrom mixlaw.cli.verbs.fitting import laws\nfor as_json in (True, False): laws(as_json)\n{ends}")


def test_a_law_read_from_a_pickle_is_a_pytree():
    """A fresh process, as that of a worker: its first instance comes without the class being called."""
    law = "Linear(np.array([1.0, 2.0]))"
    made = run(
        f"import pickle, sys, numpy as np\nfrom mixlaw.laws import Linear\nsys.stdout.buffer.write(pickle.dumps({law}))"
    )
    run(f"import pickle\nlaw = pickle.loads({made.stdout!r})\nimport jax\nassert len(jax.tree.leaves(law)[0]) == 2")


# Fits are saved as vectors in the order of these fields.
INDEX = "E F A B alpha beta kF kN kD a0 theta a N0 D0"
FIELDS = {
    "mixture-index": INDEX,
    "mixture-index-one-k": "E F A B alpha beta k a0 theta a N0 D0",
    "mixture-index-shape": INDEX,
    "three-indices": "E F A B alpha beta kF kN kD a0F a0N a0D thetaF thetaN thetaD aF aN aD N0 D0",
    "optimal-mixtures": "E A B alpha beta C g N0 D0",
    "optimal-mixtures-joint": "E A B alpha beta gA gB C g a b N0 D0",
}


@pytest.mark.parametrize("name", FIELDS)
def test_the_order_of_the_fields_stays(name):
    fields = dataclasses.fields(by_name(name))  # pyright: ignore[reportArgumentType]
    assert [field.name for field in fields] == FIELDS[name].split()
    assert [field.name for field in fields if field.metadata["space"] is None] == ["N0", "D0"]
