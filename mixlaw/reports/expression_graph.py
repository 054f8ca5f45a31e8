"""A law's formula as a list of arithmetic steps, which the page's JavaScript (`engine.js`) runs.

The formula is written once, in the law: JAX traces it, and the trace is exported. A law added to `LAWS` therefore needs
no second implementation in JavaScript.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.laws import Law, Row
from mixlaw.laws.base import fitted_fields, parameter_slices

SAME = {"convert_element_type", "copy", "expand_dims", "reshape", "squeeze", "stop_gradient"}
"""JAX primitives that change neither the numbers nor their order."""
ELEMENTWISE = {
    *("add", "sub", "mul", "div", "pow", "max", "min", "neg", "abs", "sign", "square"),
    *("exp", "log", "log1p", "expm1", "sqrt", "logistic", "tanh"),
    *("gt", "ge", "lt", "le", "eq", "ne", "and", "or", "not", "select_n", "clamp"),
}
"""Elementwise JAX primitives; true is 1, false is 0."""
REDUCED = {"reduce_sum": "sum", "reduce_max": "most", "reduce_min": "least"}


Reads = int | list[int]
"""What a step reads: a register, or indices into one."""


@dataclass(frozen=True)
class ExpressionGraph:
    """The loss of one run, nats per token, from unconstrained parameters, as steps over registers of float64.

    Attributes:
        sizes: sizes of the registers.
        constants: (register, numbers); infinities as texts.
        z: (register, first index of the field in a target's parameters, number of parameters).
        known: by name, the register of each of the law's constants.
        row: the registers of w, params, tokens and unique.
        steps: [operation, register written, registers or indices read].
        loss: the register of the result.
    """

    sizes: list[int]
    constants: list[tuple[int, list[float | str]]]
    z: list[tuple[int, int, int]]
    known: dict[str, int]
    row: dict[str, int]
    steps: list[list[str | Reads]]
    loss: int


def expression_graph(law: type[Law], sources: int) -> ExpressionGraph:
    """The steps of a law's formula for a number of sources.

    Raises:
        MixlawError: the formula uses an operation that the page cannot run.
    """
    fields = dataclasses.fields(law)
    slices = parameter_slices(law, sources)
    with jax.enable_x64(True):
        scalar, vector = (jax.ShapeDtypeStruct(shape, np.float64) for shape in ((), (sources,)))
        given = {f.name: vector if f.metadata["per_source"] else scalar for f in fields}

        def loss(values: Mapping[str, Any], row: Row) -> Any:
            spaces = {f.name: f.metadata["space"] for f in fitted_fields(law)}
            own = {name: spaces[name].constrain(x) if name in spaces else x for name, x in values.items()}
            return law(**own)(row)

        closed = jax.make_jaxpr(loss)(given, Row(vector, scalar, scalar, vector))
    writer = _Writer(law.name)
    values = {name: writer.new(_count(given[name].shape)) for name in given}
    row = {"w": sources, "params": 1, "tokens": 1, "unique": sources}
    row = {name: writer.new(size) for name, size in row.items()}
    inputs = [values[name] for name in sorted(values)] + list(row.values())  # a dict's leaves come in sorted order
    (out,) = writer.follow(closed.jaxpr, closed.consts, inputs)
    return ExpressionGraph(
        sizes=writer.sizes,
        constants=writer.constants,
        z=[(values[name], part.start, part.stop - part.start) for name, part in slices.items()],
        known={name: register for name, register in values.items() if name not in slices},
        row=row,
        steps=writer.steps,
        loss=out,
    )


def _count(shape: Any) -> int:
    return int(np.prod(shape, dtype=int))


class _Writer:
    """Translates the equations of a trace into steps. A register of size 1 represents any array that repeats it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sizes: list[int] = []
        self.constants: list[tuple[int, list[float | str]]] = []
        self.steps: list[list[str | Reads]] = []

    def new(self, size: int) -> int:
        self.sizes.append(size)
        return len(self.sizes) - 1

    def constant(self, value: Any) -> int:
        numbers = np.asarray(value, float).ravel()
        register = self.new(len(numbers))
        self.constants.append((register, [x if np.isfinite(x) else _word(x) for x in numbers.tolist()]))
        return register

    def step(self, operation: str, size: int, *reads: Reads) -> int:
        register = self.new(size)
        self.steps.append([operation, register, *reads])
        return register

    def follow(self, jaxpr: Any, consts: Any, inputs: list[int]) -> list[int]:
        """Append the steps of a trace with inputs in these registers; returns the registers of its results."""
        where: dict[Any, int] = dict(zip(jaxpr.invars, inputs, strict=True))
        where.update((var, self.constant(x)) for var, x in zip(jaxpr.constvars, consts, strict=True))

        def read(atom: Any) -> int:
            return self.constant(atom.val) if hasattr(atom, "val") else where[atom]

        for equation in jaxpr.eqns:
            reads = [read(atom) for atom in equation.invars]
            inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            if inner is not None:
                written = self.follow(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), reads)
            else:
                written = [self.write(equation, reads)]
            where.update(zip(equation.outvars, written, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def write(self, equation: Any, reads: list[int]) -> int:
        """Append the steps of one primitive."""
        kind, params, shape = equation.primitive.name, equation.params, equation.outvars[0].aval.shape
        shapes = [atom.aval.shape for atom in equation.invars]
        if kind in SAME and not _truncates(equation):
            return reads[0]
        if kind in ELEMENTWISE:
            return self.step(kind, *self.fit(reads, shapes, shape))
        if kind == "integer_pow":
            return self.step("pow", self.sizes[reads[0]], reads[0], self.constant(params["y"]))
        if kind == "broadcast_in_dim":
            return self.spread(reads[0], shapes[0], shape, params["broadcast_dimensions"])
        if kind in ("slice", "transpose"):
            return self.pick(kind, reads[0], shapes[0], params)
        if kind == "iota":
            along = [-1 if i == params["dimension"] else 1 for i in range(len(shape))]
            return self.constant(np.broadcast_to(np.arange(shape[params["dimension"]]).reshape(along), shape))
        if kind in REDUCED:
            return self.reduce(REDUCED[kind], reads[0], shapes[0], params["axes"])
        if kind == "dot_general" and [len(s) for s in shapes] == [1, 1] and shape == ():
            product = self.step("mul", *self.fit(reads, shapes, shapes[0]))
            return self.reduce("sum", product, shapes[0], (0,))
        raise MixlawError(
            f"law {self.name}: the report's page knows no '{kind}' of shapes {shapes}: add it to expression_graph.py"
        )

    def fit(self, reads: list[int], shapes: list[Any], shape: Any) -> list[Any]:
        """Size of an elementwise result, and the operands with that size or size 1."""
        found = []
        for register, own in zip(reads, shapes, strict=True):
            stretched = self.sizes[register] > 1 and tuple(own) != tuple(shape)
            aligned = range(len(shape) - len(own), len(shape))
            found.append(self.spread(register, own, shape, aligned) if stretched else register)
        return [max(self.sizes[register] for register in found), *found]

    def spread(self, register: int, own: Any, shape: Any, axes: Any) -> int:
        """Broadcast an operand along the axes that it lacks."""
        if self.sizes[register] == 1:
            return register
        at = np.arange(_count(own)).reshape([own[list(axes).index(i)] if i in axes else 1 for i in range(len(shape))])
        return self.step("take", _count(shape), register, np.broadcast_to(at, shape).ravel().tolist())

    def pick(self, kind: str, register: int, own: Any, params: Any) -> int:
        """Select or reorder the numbers of an operand."""
        if self.sizes[register] == 1:
            return register
        at = np.arange(_count(own)).reshape(own)
        if kind == "slice":
            steps = params["strides"] or [1] * len(own)
            at = at[tuple(map(slice, params["start_indices"], params["limit_indices"], steps))]
        else:
            at = at.transpose(params["permutation"])
        return self.step("take", at.size, register, at.ravel().tolist())

    def reduce(self, kind: str, register: int, own: Any, axes: Any) -> int:
        """Sum, maximum or minimum along axes: an index gives the output position of every number."""
        if self.sizes[register] != _count(own):
            register = self.step("take", _count(own), register, [0] * _count(own))
        kept = [1 if i in axes else n for i, n in enumerate(own)]
        at = np.broadcast_to(np.arange(_count(kept)).reshape(kept), own).ravel().tolist()
        return self.step(kind, _count(kept), register, at)


def _word(x: float) -> str:
    """Infinities as texts, which JSON lacks."""
    return "NaN" if np.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def _truncates(equation: Any) -> bool:
    """True if a type conversion changes numbers: from floats to integers or booleans."""
    if equation.primitive.name != "convert_element_type":
        return False
    old, new = equation.invars[0].aval.dtype, equation.params["new_dtype"]
    return np.issubdtype(old, np.floating) and not np.issubdtype(new, np.floating)
