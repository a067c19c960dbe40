"""The derivatives of a function by forward mode, held against central differences."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from .difference import Check, GradcheckError, _basis, _flat, _on_host, _units
from .forward import alias, level
from .gradient import sequence as as_tuple


class ForwardCheck(Check):
    """The checks of gradcheck that go forward."""

    def along_tangent(self, i: int, tangent: Tensor) -> list[Tensor | None]:
        """The tangents of the outputs when input `i` moves along one."""
        with level() as at:
            given = list(self.inputs)
            given[i] = alias(given[i], at, tangent)
            outputs = as_tuple(self.func(*given))
            return [at.of(outputs[j]._node) for j in self.indices]

    def forward(self, fast: bool, batched: bool) -> None:
        """Compare tangents and numerical derivatives, of all directions or of one."""
        for i, x in zip(self.places, self.checked):
            if fast:
                self.forward_along(i, x)
            else:
                self.forward_matrix(i, x)
            if batched:
                self.batched_forward(i, x)

    def forward_matrix(self, i: int, x: Tensor) -> None:
        numerical = self.numerical(x)
        rows: list[list[np.ndarray]] = [[] for _ in self.outputs]
        for direction in _basis(x):
            for row, y, t in zip(rows, self.outputs, self.along_tangent(i, direction)):
                size = y._array.size * len(_units(y))
                row.append(np.zeros(size) if t is None else _flat(_on_host(t), y.dtype.is_complex))
        for j, row, expected in zip(self.indices, rows, numerical):
            found = np.array(row).reshape(len(row), -1)
            self.compare_forward(found, expected, i, j)

    def forward_along(self, i: int, x: Tensor) -> None:
        draw = np.random.default_rng(0)
        u = draw.standard_normal(x._array.shape)
        if x.dtype.is_complex:
            u = u + 1j * draw.standard_normal(x._array.shape)
        u = np.asarray(u / (np.linalg.norm(u) or 1.0)).astype(x._kind.numpy)
        parts = self.difference(x, x._kind.xp.asarray(u * self.eps), self.indices)
        tangents = self.along_tangent(i, wrap(x._kind.xp.asarray(u), x._kind))
        for j, y, part, t in zip(self.indices, self.outputs, parts, tangents):
            found = np.zeros_like(part) if t is None else _on_host(t)
            self.compare_forward(
                _flat(found, y.dtype.is_complex), _flat(part, y.dtype.is_complex), i, j
            )

    def compare_forward(self, found: np.ndarray, expected: np.ndarray, i: int, j: int) -> None:
        if not np.allclose(found, expected, self.rtol, self.atol, equal_nan=True):
            raise GradcheckError(
                f"Jacobian computed with forward mode mismatch for output {j} with respect to input {i},\n"
                f"numerical:{expected}\nanalytical:{found}\n"
                "(complex numbers count as their real, then their imaginary parts)"
            )

    def batched_forward(self, i: int, x: Tensor) -> None:
        """Raises where a batch of directions gives something else than one after the other."""
        vmap: Any = import_module(
            "flambeau.func"
        ).vmap  # a room above, which only this check asks for
        directions = list(_basis(x))[:2]
        if not directions or not self.indices:
            return
        stacked = wrap(x._kind.xp.stack([d._array for d in directions]), x._kind)
        single = [self.along_tangent(i, d) for d in directions]

        def along(tangent: Tensor) -> tuple:
            found = self.along_batch(i, tangent)
            return tuple(found)

        together = vmap(along)(stacked)
        for j, y, whole, *parts in zip(self.indices, self.outputs, together, *single):
            rows = [np.zeros_like(y._array) if t is None else t._array for t in parts]
            if not np.allclose(whole._array, np.stack(rows), self.rtol, self.atol):
                raise GradcheckError(
                    f"While checking batched forward gradients: output {j}, input {i} differ from one at a time"
                )

    def along_batch(self, i: int, tangent: Tensor) -> list[Tensor]:
        """The tangents of the outputs along a sample of directions."""
        jvp: Any = import_module("flambeau.func").jvp
        given = list(self.inputs)

        def of_input(x: Tensor) -> tuple:
            given[i] = x
            outputs = as_tuple(self.func(*given))
            return tuple(outputs[j] for j in self.indices)

        return list(jvp(of_input, (given[i],), (tangent,))[1])
