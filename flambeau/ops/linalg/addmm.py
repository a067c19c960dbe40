"""Products added to something: addmm and its kin, beta input + alpha product.

Where both factors are 1, the sum is one operation (`addmm_` and its like), whose kernel adds while the product
is in registers; otherwise a formula follows the product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ... import kernels
from ..._source import Source
from ...core.dtype import FLOAT
from ...core.tensor import Tensor, class_name
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.registry import method, public
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import write_out
from ...formula.expression import Expression
from .matmul import bmm, bmm_, conjugate, matrix_vector, mm, mm_, mv, mv_, outer, widened


def _sum(x: Any, y: Any, start: Any) -> Any:
    result = np.matmul(x, y)
    result += start
    return result


def _vector_sum(x: Any, y: Any, start: Any) -> Any:
    result = matrix_vector(x, y)
    result += start
    return result


_added = kernels.Native("matmul.matmul", "added", widened(_sum), "matmul.few")
_added_vector = kernels.Native("matmul.few", "none", _vector_sum, "matmul.few")


@operation(operands="start x y", label="Addmm")
def addmm_(start: Any, x: Any, y: Any) -> Any:
    """start + x @ y of matrices; start broadcasts."""
    return _added(x, y, start)


@addmm_.gradient
def _(g: Tensor, x: Tensor, y: Tensor, needs: tuple[bool, ...]) -> tuple:
    return (
        g,
        mm_(g, conjugate(y).mT) if needs[1] else None,
        mm_(conjugate(x).mT, g) if needs[2] else None,
    )


@operation(operands="start x y", label="Addmv")
def addmv_(start: Any, x: Any, y: Any) -> Any:
    """start + x @ y of a matrix and a vector."""
    return _added_vector(x, y, start)


@addmv_.gradient
def _(g: Tensor, x: Tensor, y: Tensor, needs: tuple[bool, ...]) -> tuple:
    return (
        g,
        mm_(g[:, None], conjugate(y)[None, :]) if needs[1] else None,
        mv_(conjugate(x).mT, g) if needs[2] else None,
    )


@operation(operands="start x y", label="Baddbmm")
def baddbmm_(start: Any, x: Any, y: Any) -> Any:
    """start + x @ y of stacks of matrices; start broadcasts."""
    return _added(x, y, start)


@operation(operands="start x y", label="Addbmm")
def addbmm_(start: Any, x: Any, y: Any) -> Any:
    """start + the sum of the products of two stacks."""
    return _added(*_side_by_side(x, y), start)


def _side_by_side(x: Any, y: Any) -> tuple[Any, Any]:
    """Two stacks, of arrays or tensors, as the matrices whose product is the sum of theirs."""
    count, n, k = x.shape
    return x.swapaxes(0, 1).reshape(n, count * k), y.reshape(count * k, y.shape[2])


for _stacked in (baddbmm_, addbmm_):

    @_stacked.gradient
    def _(g: Tensor, x: Tensor, y: Tensor, needs: tuple[bool, ...]) -> tuple:
        return (
            g,
            bmm_(g, conjugate(y).mT) if needs[1] else None,
            bmm_(conjugate(x).mT, g) if needs[2] else None,
        )


Shape = tuple[int, ...]


def accumulated(
    fused: Any = None, shape: Callable[[Shape, Shape], Shape | None] | None = None
) -> Callable:
    """Decorator: the public function, method and in-place method that add to a product.

    It takes the product of two tensors; its name, argument names and docstring are those of the public
    function.

    Args:
        fused: The operation for factors of 1.
        shape: The shape of the product of such shapes; None where they have none.
    """

    @lru_cache(1024)
    def fit(given: Shape, x: Shape, y: Shape) -> bool:
        full = shape(x, y)  # type: ignore[misc]
        if full is None or given == full:
            return full is not None
        last = full[-1:]
        return given[-1:] == last and len(given) <= len(full) and math.prod(given) == last[0]

    def fits(start: Any, x: Any, y: Any) -> bool:
        """Can the operation take these tensors?"""
        kind = start._kind
        if x._kind is not kind or y._kind is not kind or kind.dtype.category < 2:
            return False
        return fit(start._array.shape, x._array.shape, y._array.shape)

    return lambda product: _accumulated(product, fused, fits)


def _accumulated(product: Callable, fused: Any, fits: Callable) -> Callable:
    name = product.__name__
    first, second = list(product.__annotations__)[:2]

    def formula(x: Expression, y: Expression, beta: complex = 1, alpha: complex = 1) -> Expression:
        return x * beta + y * alpha

    def plain(x: Expression, y: Expression) -> Expression:
        return x + y

    formula.__name__, plain.__name__ = f"{name}_scaled", f"{name}_sum"
    summed = pointwise(plain, label=name.capitalize(), namespace=None, method=False, inplace=False)
    scaled = pointwise(
        formula, label=name.capitalize(), namespace=None, method=False, inplace=False
    )

    def added(input: Any, x: Any, y: Any, beta: Any, alpha: Any, out: Tensor | None) -> Tensor:
        try:
            if beta == 1 == alpha and fused is not None and fits(input, x, y):
                result = fused(input, x, y)
                return result if out is None else write_out(out, result, name)
        except AttributeError:  # not a tensor: explained below
            pass
        for title, value in zip(("input", first, second), (input, x, y)):
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"{name}(): argument '{title}' must be Tensor, not {class_name(value)}"
                )
        found = product(x, y)
        if name != "addr" and input.dtype is not found.dtype:
            raise RuntimeError(
                f"self and {second} must have the same dtype, but got {input.dtype.legacy} and "
                f"{found.dtype.legacy}: convert one with .to(dtype)"
            )
        beta, alpha = _factors(name, found, beta, alpha)
        if input._array.shape != found._array.shape:
            input = input.expand(found.shape)  # type: ignore[attr-defined]
        if beta == 1 == alpha:
            result = summed(input, found)
        elif beta == 0:  # what is multiplied by zero is not looked at: it may be nan
            result = found if alpha == 1 else found * alpha
        elif found._kind.dtype.category < FLOAT:  # a formula's numbers would make it floating
            result = summed(input * beta, found * alpha)
        else:
            result = scaled(input, found, beta, alpha)
        return result if out is None else write_out(out, result, name)

    source = Source(name, added=added)
    with source.block(f"def {name}(input, {first}, {second}, *, beta=1, alpha=1, out=None):"):
        source(f"return added(input, {first}, {second}, beta, alpha, out)")
    function = source.function(name)
    source = Source(f"{name}_", added=added, written=_written)
    with source.block(f"def {name}_(self, {first}, {second}, *, beta=1, alpha=1):"):
        source(f"return written(self, added(self, {first}, {second}, beta, alpha, None))")
    in_place = source.function(f"{name}_")
    function.__doc__ = product.__doc__
    in_place.__doc__ = f"The in-place form of `{name}`.\n\n    Source: torch.Tensor.{name}_\n    "
    method(f"{name}_")(in_place)
    return public(name, method=name)(function)


def _factors(name: str, product: Tensor, beta: Any, alpha: Any) -> tuple[Any, Any]:
    """beta and alpha as integers where the product's elements are.

    Raises:
        NotImplementedError: The product is of bools.
        RuntimeError: addr of integers is given another number.
    """
    if product._kind.dtype.category >= FLOAT:
        return beta, alpha
    if product._kind.dtype.category == 0 and name != "addr":
        raise NotImplementedError(
            f"\"{name}_impl_cpu_\" not implemented for 'Bool': convert with .to(torch.int64)"
        )
    for title, value in (("beta", beta), ("alpha", alpha)):
        if name == "addr" and isinstance(value, float):
            raise RuntimeError(
                f"For integral input tensors, argument {title} must not be a floating point number."
            )
    sort = int if product._kind.dtype.category else bool
    return sort(beta), sort(alpha)


def _written(target: Tensor, result: Tensor) -> Tensor:
    if result.shape != target.shape:
        raise RuntimeError(
            f"Bad in-place call: input tensor size {list(target.shape)} and output tensor size "
            f"{list(result.shape)} should match"
        )
    return target.copy_(result)  # type: ignore[attr-defined]


def _of_matrices(x: Shape, y: Shape) -> Shape | None:
    return (x[0], y[1]) if len(x) == 2 == len(y) and x[1] == y[0] else None


def _of_vector(x: Shape, y: Shape) -> Shape | None:
    return x[:1] if len(x) == 2 and len(y) == 1 and x[1] == y[0] else None


def _of_stacks(x: Shape, y: Shape) -> Shape | None:
    fit = len(x) == 3 == len(y) and x[0] == y[0] and x[2] == y[1]
    return (x[0], x[1], y[2]) if fit else None


def _of_sum(x: Shape, y: Shape) -> Shape | None:
    found = _of_stacks(x, y)
    return found and found[1:]


@accumulated(addmm_, _of_matrices)
def addmm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """beta input + alpha (mat1 @ mat2).

    Shape: (n, m) or what broadcasts to it; (n, k) and (k, m).

    Source: torch.addmm

    Example:
        >>> import flambeau as torch
        >>> torch.addmm(torch.ones(2), torch.ones(1, 3), torch.ones(3, 2), alpha=2)
        tensor([[7., 7.]])
    """
    return mm(mat1, mat2)


@accumulated(addmv_, _of_vector)
def addmv(mat: Tensor, vec: Tensor) -> Tensor:
    """beta input + alpha (mat @ vec).

    Shape: (n) or what broadcasts to it; (n, k) and (k).

    Source: torch.addmv
    """
    return mv(mat, vec)


@accumulated()
def addr(vec1: Tensor, vec2: Tensor) -> Tensor:
    """beta input + alpha outer(vec1, vec2).

    Shape: (n, m) or what broadcasts to it; (n) and (m).

    Source: torch.addr
    """
    return outer(vec1, vec2)


@accumulated(baddbmm_, _of_stacks)
def baddbmm(batch1: Tensor, batch2: Tensor) -> Tensor:
    """beta input + alpha bmm(batch1, batch2).

    Shape: (b, n, m) or what broadcasts to it; (b, n, k) and (b, k, m).

    Source: torch.baddbmm
    """
    return bmm(batch1, batch2)


@accumulated(addbmm_, _of_sum)
def addbmm(batch1: Tensor, batch2: Tensor) -> Tensor:
    """beta input + alpha times the sum of the batch's products.

    Shape: (n, m) or what broadcasts to it; (b, n, k) and (b, k, m).

    Source: torch.addbmm
    """
    if _of_sum(batch1.shape, batch2.shape) is None:
        return bmm(batch1, batch2)  # raises
    return mm(*_side_by_side(batch1, batch2))
