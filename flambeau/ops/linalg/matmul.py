"""Matrix products."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import kernels
from ...core import tensor as handle
from ...core.dtype import BY_NUMPY, DTYPES
from ...core.tensor import Tensor, class_name
from ...dispatch.formula.operand import common_device, operands_of
from ...dispatch.registry import is_overridden, method, override, public
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import write_out


def widened(product: Callable) -> Callable:
    """A product that computes the half types in float32, and rounds once."""

    def compute(*arrays: Any) -> Any:
        dtype = arrays[0].dtype
        if BY_NUMPY[dtype].is_reduced:
            wide = BY_NUMPY[dtype].compute
            return product(*(a.astype(wide) for a in arrays)).astype(dtype)
        return product(*arrays)

    return compute


def _dot(a: Any, b: Any) -> Any:
    return a.dot(b)


def _with_bias(x: Any, y: Any, bias: Any) -> Any:
    result = x.dot(y)
    result += bias
    return result


_matrices = kernels.Native("matmul.matmul", "product", widened(_dot), "matmul.few")
matrix_vector = kernels.Native("matmul.gemv", "matrix_vector", widened(_dot), "matmul.few")
stacked = kernels.Native("matmul.matmul", "product", widened(np.matmul), "matmul.few")
_affine = kernels.Native("matmul.matmul", "product", widened(_with_bias), "matmul.few")
_vectors = kernels.Native("matmul.few", "none", widened(_dot), "matmul.few")
_BFLOAT16 = DTYPES["bfloat16"]
FEW = 1 << 10
"""Multiplications that have a kernel of their own."""
SMALL = 4096
"""Elements of a matrix up to which NumPy is asked at once."""


@operation(operands="x y", label="Mm", names="self mat2")
def mm_(x: Any, y: Any) -> Any:
    """The product of two matrices, shapes (n, k) and (k, m)."""
    return _matrices(x, y)


@mm_.gradient
def _(g: Tensor, x: Tensor, y: Tensor, needs: tuple[bool, bool]) -> tuple:
    return (
        mm_(g, conjugate(y).mT) if needs[0] else None,
        mm_(conjugate(x).mT, g) if needs[1] else None,
    )


mm_.product()


@operation(operands="x y", label="Mv", names="self vec")
def mv_(x: Any, y: Any) -> Any:
    """A matrix (n, k) times a vector (k)."""
    return matrix_vector(x, y)


@mv_.gradient
def _(g: Tensor, x: Tensor, y: Tensor, needs: tuple[bool, bool]) -> tuple:
    return (
        mm_(g[:, None], y.conj()[None, :]) if needs[0] else None,
        mv_(x.mH, g) if needs[1] else None,
    )


mv_.product()


@operation(operands="x y", label="Dot", names="self tensor")
def dot_(x: Any, y: Any) -> Any:
    """The sum of the products of two vectors."""
    return np.asarray(_vectors(x, y))


@dot_.gradient
def _(g: Tensor, x: Tensor, y: Tensor) -> tuple:
    return g * y.conj(), g * x.conj()


dot_.product()


@operation(operands="x y", label="Bmm", names="self mat2")
def bmm_(x: Any, y: Any) -> Any:
    """Products of matrices over broadcast leading dimensions."""
    return stacked(x, y)


@bmm_.gradient
def _(g: Tensor, x: Tensor, y: Tensor, needs: tuple[bool, bool]) -> tuple:
    return (
        bmm_(g, conjugate(y).mT) if needs[0] else None,
        bmm_(conjugate(x).mT, g) if needs[1] else None,
    )


bmm_.product()


def _rows(x: Any) -> Any:
    """All vectors of the last dimension, of an array or a tensor, as the rows of a matrix."""
    shape = x.shape
    return x if len(shape) == 2 else x.reshape(math.prod(shape[:-1]), shape[-1])


def _lead(x: Any) -> tuple[int, ...] | None:
    """The order of the leading dimensions of an array in memory, if it lies there in another one, without gaps."""
    if x.flags.c_contiguous or 0 in x.shape:
        return None
    lead = range(x.ndim - 1)
    order = (*sorted(lead, key=lambda i: (-x.strides[i], -x.shape[i])), x.ndim - 1)
    return order if x.transpose(order).flags.c_contiguous else None


def _turned(order: Sequence[int]) -> tuple[int, ...]:
    """The order that takes dimensions back from this one."""
    return tuple([order.index(i) for i in range(len(order))])


def _by_rows(product: Callable, x: Any, w: Any, *bias: Any) -> Any:
    """A product with all vectors of the last dimension, which lies in memory as x does: so a batch whose first two
    dimensions are exchanged is not copied."""
    if x.ndim == 2:
        return product(x, w.T, *bias)
    order = _lead(x)
    moved = x if order is None else x.transpose(order)
    made = product(_rows(moved), w.T, *bias).reshape(*moved.shape[:-1], len(w))
    return made if order is None else made.transpose(_turned(order))


def _affine_rows(bias: Any, x: Any, w: Any) -> Any:
    return _by_rows(_affine, x, w, bias)


def _linear_rows(x: Any, w: Any) -> Any:
    return _by_rows(_matrices, x, w)


def _linear_back(g: Tensor, x: Tensor, w: Tensor, needs: Sequence[bool]) -> tuple:
    """The gradients towards x and w of x @ w.T; the first of `needs` counts for x."""
    return _affine_back(g, x, w, (False, *needs))[1:]


def _affine_back(g: Tensor, x: Tensor, w: Tensor, needs: Sequence[bool]) -> tuple:
    """The same with the bias before them."""
    by_bias, by_x, by_w = needs
    if g._array.ndim == 2:
        return (
            g.sum(0) if by_bias else None,  # type: ignore[attr-defined]
            mm_(g, conjugate(w)) if by_x else None,
            mm_(g.mT, conjugate(x)) if by_w else None,
        )
    order = _lead(g._array)
    if order is not None:
        g, x = g.permute(*order), x.permute(*order)  # type: ignore[attr-defined]
    rows, shape = _rows(g), x.shape
    back: Any = mm_(rows, conjugate(w)) if by_x else None
    if by_x:
        back = back.reshape(shape)
        back = back if order is None else back.permute(*_turned(order))
    return (
        rows.sum(0) if by_bias else None,
        back,
        mm_(rows.mT, conjugate(_rows(x))) if by_w else None,
    )


def conjugate(x: Tensor) -> Any:
    return x.conj() if x._kind.dtype.is_complex else x


@operation(operands="bias x w", label="Addmm", names="self mat1 mat2")
def affine(bias: Any, x: Any, w: Any) -> Any:
    """x @ w.T + bias: x (n, k), w (m, k), bias (m)."""
    return _affine_rows(bias, x, w)


@operation(operands="bias x w", label="View")
def affine_rows(bias: Any, x: Any, w: Any) -> Any:
    """The same over the last dimension of x; PyTorch shows it as the view in which its own ends."""
    return _affine_rows(bias, x, w)


@operation(operands="x w", label="Mm", names="self mat2")
def linear_(x: Any, w: Any) -> Any:
    """x @ w.T: x (n, k), w (m, k)."""
    return _linear_rows(x, w)


@operation(operands="x w", label="UnsafeView")
def linear_rows(x: Any, w: Any) -> Any:
    """The same over the last dimension of x."""
    return _linear_rows(x, w)


for _plain in (linear_, linear_rows):
    _plain.gradient(_linear_back)
    _plain.product()
for _biased, _plain in ((affine, linear_), (affine_rows, linear_rows)):
    _biased.gradient(_affine_back)
    _biased.product(_plain)


def _check(name: str, x: Any, y: Any) -> None:
    for position, value in enumerate((x, y)):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name}(): argument '{('input', 'other')[position]}' (position {position + 1}) must be "
                f"Tensor, not {class_name(value)}"
            )
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {x.dtype} != {y.dtype}: convert "
            "one with .to(dtype)"
        )
    common_device((x, y), name)


def _mismatch(x: Tensor, y: Tensor) -> RuntimeError:
    a, b = x.shape, y.shape
    hint = ""
    if x.ndim > 1 and y.ndim > 1 and 1 not in a[-2:] + b[-2:]:
        turn = ".T" if x.ndim == y.ndim == 2 else ".mT"
        if a[-1] == b[-1]:
            hint = f": the second would fit transposed, other{turn}"
        elif a[-2] == b[-2]:
            hint = f": the first would fit transposed, input{turn}"
    if x.ndim == 2 and y.ndim == 2:
        return RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]}){hint}"
        )
    return RuntimeError(
        f"size mismatch, got input {list(a)} and other {list(b)}: the last dimension of the first "
        f"and the last but one of the second must agree{hint}"
    )


def _matmul(x: Tensor, y: Tensor, out: Tensor | None) -> Any:
    if is_overridden(x) or is_overridden(y):
        return override(matmul, (x, y), (x, y), {} if out is None else {"out": out})
    _check("matmul", x, y)
    if x.ndim == 0 or y.ndim == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {x.ndim}D and {y.ndim}D"
        )
    if x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise _mismatch(x, y)
    dims = x.ndim, y.ndim
    if dims == (2, 2):
        result = mm_(x, y)
    elif dims == (1, 1):
        result = dot_(x, y)
    elif dims == (2, 1):
        result = mv_(x, y)
    elif dims == (1, 2):
        result = mv_(y.mT, x)
    elif y.ndim == 1:
        result = bmm_(x, y[:, None]).squeeze(-1)
    elif x.ndim == 1:
        result = bmm_(x[None, :], y).squeeze(-2)
    elif y.ndim == 2:
        lead = x.shape[:-1]
        result = mm_(x.reshape(-1, x.shape[-1]), y).reshape(*lead, y.shape[-1])
    else:
        result = bmm_(x, y)
    return _given(out, result)


_VECTOR = {(2, 1): mv_, (1, 1): dot_}
"""Products with a vector, by dimensions."""


def _product(general: Callable) -> Callable:
    """The matrix product; what is no plain product of two matrices goes to `general`."""

    def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The matrix product; leading dimensions broadcast, vectors are rows or columns.

        Shape:
            (..., n, k) and (..., k, m) give (..., n, m); (k) on either side drops its dimension.

        Raises:
            RuntimeError: The shapes do not fit, or the dtypes differ.

        Source: torch.matmul

        Example:
            >>> import flambeau as torch
            >>> torch.matmul(torch.ones(2, 3), torch.ones(3))
            tensor([3., 3.])
        """
        try:
            kind = input._kind
            a, b = input._array, other._array
            if other._kind is not kind:
                return general(input, other, out)
            if out is not None:
                return _given(out, matmul(input, other))
            dims = a.ndim, b.ndim
            if dims == (2, 2):
                plain = kind.compute is kind.numpy
                direct = input._node is None and other._node is None
                if direct and (plain or kind.dtype is _BFLOAT16):
                    few = a.size <= FEW and a.size * b.shape[1] <= FEW
                    many = few or a.size > SMALL or not plain
                    product = _matrices if many else _dot  # none raises flags
                    return handle.make(product(a, b), kind, None, [0], None)
                if a.shape[1] == b.shape[0]:
                    return mm_(input, other)
            elif dims in _VECTOR and a.shape[-1:] == b.shape:
                return _VECTOR[dims](input, other)
            elif (
                dims[0] == dims[1] > 2
                and a.shape[-1] == b.shape[-2]
                and a.shape[:-2] == b.shape[:-2]
            ):
                return bmm_(input, other)
        except (AttributeError, ValueError):
            pass
        return general(input, other, out)

    matmul.__qualname__ = "matmul"
    return matmul


matmul = public("matmul", "linalg.matmul", method=True)(_product(_matmul))


def _given(out: Tensor | None, result: Tensor) -> Tensor:
    if out is None:
        return result
    return write_out(out, result, "matmul")


def _operator(x: Tensor, y: Any, out: None) -> Any:
    operands = operands_of(x, y)
    return NotImplemented if operands is None else _matmul(operands[0], operands[1], out)


method("__matmul__")(_product(_operator))


@method()
def __rmatmul__(self: Tensor, other: Any) -> Tensor:
    operands = operands_of(self, other)
    return NotImplemented if operands is None else matmul(*operands[::-1])


def _needs_dims(name: str, dims: tuple[int, ...], *tensors: Tensor) -> None:
    for i, (x, n) in enumerate(zip(tensors, dims)):
        if x.ndim != n:
            raise RuntimeError(
                f"{name}: argument {i + 1} must be {n}-dimensional, got a tensor of shape "
                f"{list(x.shape)}"
            )


@public(method=True)
def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of two matrices, without broadcasting.

    Shape: (n, k) and (k, m) give (n, m).

    Source: torch.mm
    """
    if input._array.ndim != 2 or mat2._array.ndim != 2:
        _needs_dims("mm", (2, 2), input, mat2)
    return matmul(input, mat2) if out is None else _matmul(input, mat2, out)


@public(method=True)
def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A matrix times a vector.

    Shape: (n, k) and (k) give (n).

    Source: torch.mv
    """
    if input._array.ndim != 2 or vec._array.ndim != 1:
        _needs_dims("mv", (2, 1), input, vec)
    return matmul(input, vec) if out is None else _matmul(input, vec, out)


@public(method=True)
def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sum of the products of two vectors.

    Source: torch.dot
    """
    shape, other = input._array.shape, tensor._array.shape
    if len(shape) != 1 or len(other) != 1:
        _needs_dims("dot: 1D tensors expected", (1, 1), input, tensor)
    if shape != other:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor {list(input.shape)} and src "
            f"{list(tensor.shape)} to have the same number of elements"
        )
    if out is None and input._kind is tensor._kind:
        return dot_(input, tensor)
    return _matmul(input, tensor, out)


@public(method=True)
def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The dot product with the first vector conjugated.

    Source: torch.vdot
    """
    first = conjugate(input)
    return dot(first, other) if out is None else dot(first, other, out=out)


@public(method=True)
def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of the matrices of two batches.

    Shape: (b, n, k) and (b, k, m) give (b, n, m).

    Source: torch.bmm
    """
    try:
        a, b = input._array.shape, mat2._array.shape
        if len(a) == 3 == len(b) and a[0] == b[0] and a[2] == b[1] and out is None:
            return bmm_(input, mat2)
    except AttributeError:  # not a tensor: explained below
        pass
    _needs_dims("batch1 must be a 3D tensor: bmm", (3, 3), input, mat2)
    if input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: "
            f"[{input.shape[0]}, {input.shape[2]}] but got: {list(mat2.shape[:2])}."
        )
    return _given(out, bmm_(input, mat2))


@public("outer", "ger", method="outer ger")
def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """All products of two vectors' elements.

    Shape: (n) and (m) give (n, m).

    Source: torch.outer
    """
    if input._array.ndim != 1 or vec2._array.ndim != 1:
        _needs_dims("outer: 1D tensors expected", (1, 1), input, vec2)
    result = input[:, None] * vec2  # type: ignore[index]
    return result if out is None else _given(out, result)


@public("nn.functional.linear")
def linear(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, *, out: Tensor | None = None
) -> Tensor:
    """input @ weight.T + bias, over the last dimension.

    Args:
        input: (..., in)
        weight: (out, in), or (in)
        bias: (out), or None
        out: Where to write the result.

    Raises:
        RuntimeError: The shapes do not fit, or the dtypes differ.

    Source: torch.nn.functional.linear

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.linear(torch.ones(1, 3), torch.ones(2, 3), torch.tensor([0., 1.]))
        tensor([[3., 4.]])
    """
    try:
        kind, x, w = input._kind, input._array, weight._array
        ndim = x.ndim
        if out is None and weight._kind is kind and ndim > 1 and x.shape[-1] == w.shape[1]:
            if bias is None:
                return linear_(input, weight) if ndim == 2 else linear_rows(input, weight)
            if bias._kind is kind and bias._array.shape == w.shape[:1]:
                if ndim == 2:
                    return affine(bias, input, weight)
                return affine_rows(bias, input, weight)
    except (AttributeError, IndexError):
        pass
    return _linear(input, weight, bias, out)


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor | None) -> Tensor:
    """What `linear` does with the operands that are not as usual."""
    if out is not None:
        return _given(out, linear(input, weight, bias))
    if is_overridden(input) or is_overridden(weight):
        return override(linear, (input, weight, bias), (input, weight, bias), {})
    _check("linear", input, weight)
    if input.ndim == 0 or input.shape[-1] != weight.shape[-1]:
        if input.ndim <= 2 and weight.ndim == 2:
            rows = input.shape[0] if input.ndim == 2 else 1
            raise RuntimeError(
                f"mat1 and mat2 shapes cannot be multiplied ({rows}x{input.shape[-1] if input.ndim else 1}"
                f" and {weight.shape[-1]}x{weight.shape[0]}): linear wants an input whose last dimension "
                f"is {weight.shape[-1]}"
            )
        raise _mismatch(input, weight)
    if bias is None or weight.ndim == 1 or bias.ndim != 1 or bias.shape[0] != weight.shape[0]:
        product = matmul(input, weight.mT if weight.ndim == 2 else weight)  # type: ignore[attr-defined]
        return product if bias is None else product + bias  # type: ignore[operator]
    if bias.dtype is not input.dtype:
        raise RuntimeError(
            f"linear: input has dtype {input.dtype} and bias {bias.dtype}: convert one"
        )
    return affine(bias, input[None], weight)[0]  # only a vector is left
