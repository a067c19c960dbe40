"""The derivatives of a function by backward and by central differences, side by side.

A complex number counts as two real ones throughout: directions of an input are 1 (and 1j), and so
are the vectors that arrive at an output. For the real-valued L = Re(sum(conj(v) * y)) the gradient g
that arrives at x means dL = Re(sum(conj(g) * dx)), which is what both sides are compared as.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .._caller import warn
from ..core.dtype import FLOAT
from ..core.tensor import Tensor, wrap
from .function import Function
from .gradient import grad
from .gradient import sequence as as_tuple


class GradcheckError(RuntimeError):
    """A gradient is not what it should be."""


def check_inputs(inputs: Sequence[Any]) -> None:
    """Raises ValueError or RuntimeError for inputs that no differences can be taken of."""
    checked = [
        (i, x) for i, x in enumerate(inputs) if isinstance(x, Tensor) and x._node is not None
    ]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    for i, x in checked:
        if x.dtype.name not in ("float64", "complex128"):
            warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This "
                "check will likely fail if all the inputs are not of double precision floating point or "
                "complex."
            )
        if any(n > 1 and step == 0 for n, step in zip(x._array.shape, x._array.strides)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly: call .contiguous() "
                "on it first"
            )


def differentiable(outputs: Any) -> tuple[Tensor, ...]:
    """The outputs that require grad."""
    return tuple(y for y in as_tuple(outputs) if isinstance(y, Tensor) and y.requires_grad)


def random_like(y: Tensor, strided: bool) -> Tensor:
    """A random tensor that requires grad; the library's generator is not drawn from."""
    draw = np.random.default_rng(0)
    shape = (*y._array.shape, 2) if strided else y._array.shape
    values = draw.standard_normal(shape)
    if y.dtype.is_complex:
        values = values + 1j * draw.standard_normal(shape)
    array = y._kind.xp.asarray(np.asarray(values).astype(y._kind.numpy))
    return wrap(array[..., 0] if strided else array, y._kind).requires_grad_()  # type: ignore[operator]


def _units(x: Tensor) -> tuple[complex, ...]:
    return (1.0, 1.0j) if x.dtype.is_complex else (1.0,)


def _real_product(a: Any, b: Any) -> float:
    """Re(sum(conj(a) * b))."""
    return float(np.real(np.vdot(np.asarray(a).astype(complex), np.asarray(b).astype(complex))))


def _basis(y: Tensor) -> Iterator[Tensor]:
    """One-hot tensors in the shape of y: all elements times 1, then (where complex) times 1j."""
    for unit in _units(y):
        for i in range(y._array.size):
            array = np.zeros(y._array.size, y._kind.numpy)
            array[i] = unit
            yield wrap(y._kind.xp.asarray(array.reshape(y._array.shape)), y._kind)


def _on_host(x: Tensor) -> np.ndarray:
    return x.detach().cpu()._array


def _flat(value: Any, is_complex: bool) -> np.ndarray:
    """The elements as real numbers: real parts, then imaginary parts."""
    array = np.asarray(value)
    if is_complex:
        return np.concatenate([array.real.ravel(), array.imag.ravel()]).astype(np.float64)
    return np.real(array).ravel().astype(np.float64)


class Check:
    """One call of gradcheck."""

    def __init__(
        self,
        func: Callable,
        inputs: tuple,
        eps: float,
        atol: float,
        rtol: float,
        nondet_tol: float,
    ):
        self.func, self.inputs, self.eps = func, inputs, eps
        self.atol, self.rtol, self.nondet_tol = atol, rtol, nondet_tol
        self.places = [
            i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x._node is not None
        ]
        self.checked = [inputs[i] for i in self.places]
        outputs = as_tuple(func(*inputs))
        self.indices = [
            j for j, y in enumerate(outputs) if isinstance(y, Tensor) and y.requires_grad
        ]
        self.outputs = [outputs[j] for j in self.indices]
        self.fixed = [
            j
            for j, y in enumerate(outputs)
            if isinstance(y, Tensor) and not y.requires_grad and y._kind.dtype.category >= FLOAT
        ]

    def run(self, fast: bool, dtypes: bool, undefined: bool, batched: bool) -> None:
        """Make the checks that were asked for, and those that always are."""
        self.jacobians(fast)
        self.zero_in_zero_out()
        if dtypes:
            self.dtypes()
        if undefined:
            self.undefined()
        if batched:
            self.batched()

    # ------------------------------------------------------------------------- both Jacobians

    def jacobians(self, fast: bool) -> None:
        """Compare analytical and numerical derivatives, and backward with itself."""
        if not self.outputs:
            self.nothing_depends()
            return
        for i, x in zip(self.places, self.checked):
            if fast:
                self.along(i, x)
                continue
            numerical = self.numerical(x)
            for j, y, expected in zip(self.indices, self.outputs, numerical):
                found = self.analytical(x, y)
                self.compare(found, expected, i, j)
                self.compare_runs(found, self.analytical(x, y))

    def nothing_depends(self) -> None:
        """Where no output requires grad, none may change with the inputs."""
        for x in self.checked:
            for jacobian in self.numerical(x, self.fixed):
                if np.abs(jacobian).max(initial=0) > self.atol:
                    raise GradcheckError("Numerical gradient for function expected to be zero")

    def values(self, indices: Sequence[int]) -> list[Any]:
        outputs = as_tuple(self.func(*self.inputs))
        return [_on_host(outputs[j]).copy() for j in indices]

    def difference(self, x: Tensor, step: Any, indices: Sequence[int]) -> list[Any]:
        """The central difference of each output along `step`, an array in the shape of x."""
        array, before = x._array, x._array.copy()
        try:
            array[...] = before + step
            ahead = self.values(indices)
            array[...] = before - step
            behind = self.values(indices)
        finally:
            array[...] = before
        return [
            (a.astype(complex) - b.astype(complex)) / (2 * self.eps) for a, b in zip(ahead, behind)
        ]

    def numerical(self, x: Tensor, indices: Sequence[int] | None = None) -> list[np.ndarray]:
        """For each output a matrix: a row for each direction of x, a column for each real number."""
        places = self.indices if indices is None else indices
        rows: list[list[np.ndarray]] = [[] for _ in places]
        kinds = [np.iscomplexobj(value) for value in self.values(places)]
        for unit in _units(x):
            for i in range(x._array.size):
                step = np.zeros(x._array.size, x._kind.numpy)
                step[i] = unit * self.eps
                parts = self.difference(x, x._kind.xp.asarray(step.reshape(x._array.shape)), places)
                for row, part, is_complex in zip(rows, parts, kinds):
                    row.append(_flat(part, is_complex))
        return [np.array(row).reshape(len(row), -1) for row in rows]

    def analytical(self, x: Tensor, y: Tensor) -> np.ndarray:
        """The same matrix by backward, a column at a time."""
        columns = []
        for v in _basis(y):
            (g,) = grad(y, x, v, retain_graph=True, allow_unused=True)
            columns.append(
                np.zeros(x._array.size * len(_units(x)))
                if g is None
                else _flat(_on_host(g), x.dtype.is_complex)
            )
        return np.array(columns).reshape(len(columns), -1).T

    def along(self, i: int, x: Tensor) -> None:
        """fast_mode: one random direction of x against one random vector for each output."""
        draw = np.random.default_rng(0)

        def vector(like: Tensor) -> np.ndarray:
            v = draw.standard_normal(like._array.shape)
            if like.dtype.is_complex:
                v = v + 1j * draw.standard_normal(like._array.shape)
            return np.asarray(v / (np.linalg.norm(v) or 1.0)).astype(like._kind.numpy)

        u = vector(x)
        parts = self.difference(x, x._kind.xp.asarray(u * self.eps), self.indices)
        for j, y, part in zip(self.indices, self.outputs, parts):
            v = vector(y)
            given = wrap(y._kind.xp.asarray(v), y._kind)
            runs = [grad(y, x, given, retain_graph=True, allow_unused=True)[0] for _ in range(2)]
            first, second = (0.0 if g is None else _real_product(_on_host(g), u) for g in runs)
            self.compare(np.array([first]), np.array([_real_product(v, part)]), i, j)
            self.compare_runs(np.array([first]), np.array([second]))

    def compare(self, found: np.ndarray, expected: np.ndarray, i: int, j: int) -> None:
        if not np.allclose(found, expected, self.rtol, self.atol, equal_nan=True):
            worst = np.abs(found - expected).max()
            raise GradcheckError(
                f"Jacobian mismatch for output {j} with respect to input {i},\n"
                f"numerical:{expected}\nanalytical:{found}\n"
                f"(largest difference {worst:.3g}; complex numbers count as their real, then their imaginary "
                "parts)"
            )

    def compare_runs(self, first: np.ndarray, second: np.ndarray) -> None:
        if np.abs(first - second).max(initial=0) > self.nondet_tol:
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
                "times gives different values, although analytical gradient matches numerical gradient. The "
                f"tolerance for nondeterminism was {self.nondet_tol}."
            )

    # ---------------------------------------------------------------------- what surrounds them

    def gradients(self, outputs: Sequence[Tensor], vs: Sequence[Any], **options: Any) -> tuple:
        return grad(outputs, self.checked, vs, retain_graph=True, allow_unused=True, **options)

    def dtypes(self) -> None:
        """Raises where a gradient's dtype is not its input's."""
        if not self.outputs:
            return
        ones = [wrap(y._kind.xp.ones_like(y._array), y._kind) for y in self.outputs]
        for i, x, g in zip(self.places, self.checked, self.gradients(self.outputs, ones)):
            if g is not None and g.dtype is not x.dtype:
                raise GradcheckError(
                    f"Gradient for input {i} has dtype {g.dtype}, where the input has {x.dtype}"
                )

    def zero_in_zero_out(self) -> None:
        """Raises where zeros arrive and something else leaves."""
        if not self.outputs:
            return
        zeros = [wrap(y._kind.xp.zeros_like(y._array), y._kind) for y in self.outputs]
        for i, g in zip(self.places, self.gradients(self.outputs, zeros)):
            if g is not None and bool(g._kind.xp.count_nonzero(g._array)):
                raise GradcheckError(f"backward not multiplied by grad_output (input {i})")

    def undefined(self) -> None:
        """Raises where no gradient arrives and something else than none, or zeros, leaves."""
        cases = [set(range(len(self.outputs)))] if self.outputs else []
        if len(self.outputs) > 1:
            cases += [{j} for j in range(len(self.outputs))]
        for case in cases:
            cut = [_Cut.apply(y) if j in case else y for j, y in enumerate(self.outputs)]
            vs = [
                wrap(
                    (y._kind.xp.ones_like if j in case else y._kind.xp.zeros_like)(y._array),
                    y._kind,
                )
                for j, y in enumerate(self.outputs)
            ]
            if any(
                g is not None and bool(g._kind.xp.count_nonzero(g._array))
                for g in self.gradients(cut, vs)
            ):
                raise GradcheckError(
                    "Expected all input grads to be undefined or zero when all output grads are undefined or "
                    "zero."
                )

    def batched(self) -> None:
        """Raises where a batch of vectors gives something else than one after the other."""
        for j, y in zip(self.indices, self.outputs):
            vs = [random_like(y, False).detach(), wrap(y._kind.xp.ones_like(y._array), y._kind)]
            stacked = wrap(y._kind.xp.stack([v._array for v in vs]), y._kind)
            together = self.gradients([y], [stacked], is_grads_batched=True)
            for i, g, *single in zip(
                self.places, together, *(self.gradients([y], [v]) for v in vs)
            ):
                if g is not None and not np.allclose(
                    _on_host(g), np.stack([_on_host(s) for s in single]), self.rtol, self.atol
                ):
                    raise GradcheckError(
                        f"While checking batched gradients: output {j}, input {i} differ from one at a time"
                    )


class _Cut(Function):
    """Passes its tensor on, and sends no gradient back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> None:
        return None
