"""Matrix products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import kernels
from ..core import tensor as handle
from ..core.tensor import Tensor, wrap_dim
from .formula import common_device
from .registry import is_overridden, method, override, public
from .rule import operation


def _widened(product: Callable, *arrays: Any) -> Any:
    """A product in float32 for the half types, rounded once; NumPy's own for the rest."""
    dtype = arrays[0].dtype
    if dtype.itemsize == 2 and dtype.kind not in "iu":
        return product(*(a.astype(np.float32) for a in arrays)).astype(dtype)
    return product(*arrays)


_matrices = kernels.Native("product", "product", lambda a, b: a.dot(b))
_stacked = kernels.Native("product", "product", np.matmul)
SMALL = 4096
"""Elements of a matrix up to which NumPy is asked at once."""


@operation(operands="x y", label="Mm")
def mm_(x: Any, y: Any) -> Any:
    """The product of two matrices, shapes (n, k) and (k, m)."""
    return _widened(_matrices, x, y)


@mm_.gradient
def _(g: Tensor, x: Tensor, y: Tensor, needs: tuple[bool, bool]) -> tuple:
    return (mm_(g, y.mH) if needs[0] else None, mm_(x.mH, g) if needs[1] else None)


@operation(operands="x y", label="Mv")
def mv_(x: Any, y: Any) -> Any:
    """A matrix (n, k) times a vector (k)."""
    return _widened(lambda a, b: a.dot(b), x, y)


@mv_.gradient
def _(g: Tensor, x: Tensor, y: Tensor, needs: tuple[bool, bool]) -> tuple:
    return (
        mm_(g[:, None], y.conj()[None, :]) if needs[0] else None,
        mv_(x.mH, g) if needs[1] else None,
    )


@operation(operands="x y", label="Dot")
def dot_(x: Any, y: Any) -> Any:
    """The sum of the products of two vectors."""
    return np.asarray(_widened(lambda a, b: a.dot(b), x, y))


@dot_.gradient
def _(g: Tensor, x: Tensor, y: Tensor) -> tuple:
    return g * y.conj(), g * x.conj()


@operation(operands="x y", label="Bmm")
def bmm_(x: Any, y: Any) -> Any:
    """Products of matrices over broadcast leading dimensions."""
    return _widened(_stacked, x, y)


@bmm_.gradient
def _(g: Tensor, x: Tensor, y: Tensor, needs: tuple[bool, bool]) -> tuple:
    return (bmm_(g, y.mH) if needs[0] else None, bmm_(x.mH, g) if needs[1] else None)


def _with_bias(x: Any, y: Any, bias: Any) -> Any:
    result = x.dot(y)
    result += bias
    return result


_affine = kernels.Native("product", "product", _with_bias)


@operation(operands="bias x w", label="Addmm")
def affine(bias: Any, x: Any, w: Any) -> Any:
    """x @ w.T + bias: x (n, k), w (m, k), bias (m)."""

    return _widened(lambda bias, x, w: _affine(x, w.T, bias), bias, x, w)


@affine.gradient
def _(g: Tensor, x: Tensor, w: Tensor, needs: tuple[bool, bool, bool]) -> tuple:
    return (
        g.sum(0) if needs[0] else None,  # type: ignore[attr-defined]
        mm_(g, w.conj()) if needs[1] else None,
        mm_(g.mT, x.conj()) if needs[2] else None,
    )


def _check(name: str, x: Any, y: Any) -> None:
    for position, value in enumerate((x, y)):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name}(): argument '{('input', 'other')[position]}' (position {position + 1}) must be "
                f"Tensor, not {type(value).__name__}"
            )
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {x.dtype} != {y.dtype}: convert "
            "one with .to(dtype)"
        )
    common_device((x, y), name)


def _mismatch(x: Tensor, y: Tensor) -> RuntimeError:
    a, b = x.shape, y.shape
    if x.ndim == 2 and y.ndim == 2:
        return RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]})"
        )
    return RuntimeError(
        f"size mismatch, got input {list(a)} and other {list(b)}: the last dimension of the first "
        "and the last but one of the second must agree"
    )


@public("matmul", "linalg.matmul", method="matmul __matmul__")
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
        if (
            a.ndim == 2 == b.ndim
            and other._kind is kind
            and out is None
            and kind.compute is kind.numpy
            and not kind.overridden
            and input._node is None
            and other._node is None
        ):
            array = a.dot(b) if a.size <= SMALL else _matrices(a, b)  # neither raises flags
            return handle.make(array, kind, None, [0], None)
    except (AttributeError, ValueError):
        pass
    return _matmul(input, other, out)


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


def _given(out: Tensor | None, result: Tensor) -> Tensor:
    if out is None:
        return result
    from .write import write_out

    return write_out(out, result, "matmul")


@method()
def __rmatmul__(self: Tensor, other: Any) -> Tensor:
    return matmul(other, self)


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
    _needs_dims("mm", (2, 2), input, mat2)
    return _matmul(input, mat2, out)


@public(method=True)
def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A matrix times a vector.

    Shape: (n, k) and (k) give (n).

    Source: torch.mv
    """
    _needs_dims("mv", (2, 1), input, vec)
    return _matmul(input, vec, out)


@public(method=True)
def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sum of the products of two vectors.

    Source: torch.dot
    """
    _needs_dims("dot: 1D tensors expected", (1, 1), input, tensor)
    if input.shape != tensor.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor {list(input.shape)} and src "
            f"{list(tensor.shape)} to have the same number of elements"
        )
    return _matmul(input, tensor, out)


@public(method=True)
def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The dot product with the first vector conjugated.

    Source: torch.vdot
    """
    return dot(input.conj(), other, out=out)  # type: ignore[attr-defined]


@public(method=True)
def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of the matrices of two batches.

    Shape: (b, n, k) and (b, k, m) give (b, n, m).

    Source: torch.bmm
    """
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
    _needs_dims("outer: 1D tensors expected", (1, 1), input, vec2)
    return _given(out, input[:, None] * vec2)  # type: ignore[index]


@public(method=True)
def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sums of products over the last dimension of both.

    Source: torch.inner
    """
    if input.ndim == 0 or other.ndim == 0:
        return _given(out, input * other)  # type: ignore[operator]
    return tensordot(input, other, ([-1], [-1]), out=out)


def _scaled(
    input: Tensor, product: Tensor, beta: float, alpha: float, out: Tensor | None
) -> Tensor:
    """beta * input + alpha * product; an input that is multiplied by zero is not looked at."""
    if (
        product._kind.dtype.category < 2
    ):  # integers are scaled by what is left of the numbers as one
        alpha, beta = int(alpha), int(beta)
    product = product if alpha == 1 else product * alpha  # type: ignore[operator]
    if beta == 0:
        from .registry import NAMESPACES

        full = NAMESPACES["torch"]["zeros_like"](product)
        return _given(out, product + full)
    return _given(out, product + (input if beta == 1 else input * beta))  # type: ignore[operator]


@public(method=True)
def addmm(
    input: Tensor,
    mat1: Tensor,
    mat2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """beta input + alpha (mat1 @ mat2).

    Shape: (n, m) or what broadcasts to it; (n, k) and (k, m).

    Source: torch.addmm
    """
    return _scaled(input, mm(mat1, mat2), beta, alpha, out)


@public(method=True)
def addmv(
    input: Tensor,
    mat: Tensor,
    vec: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """beta input + alpha (mat @ vec).

    Source: torch.addmv
    """
    return _scaled(input, mv(mat, vec), beta, alpha, out)


@public(method=True)
def addr(
    input: Tensor,
    vec1: Tensor,
    vec2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """beta input + alpha outer(vec1, vec2).

    Source: torch.addr
    """
    return _scaled(input, outer(vec1, vec2), beta, alpha, out)


@public(method=True)
def baddbmm(
    input: Tensor,
    batch1: Tensor,
    batch2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """beta input + alpha bmm(batch1, batch2).

    Source: torch.baddbmm
    """
    return _scaled(input, bmm(batch1, batch2), beta, alpha, out)


@public(method=True)
def addbmm(
    input: Tensor,
    batch1: Tensor,
    batch2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """beta input + alpha times the sum of the batch's products.

    Source: torch.addbmm
    """
    return _scaled(input, bmm(batch1, batch2).sum(0), beta, alpha, out)  # type: ignore[attr-defined]


def _inplace(function: Callable) -> None:
    def write(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        result = function(self, *args, **kwargs)
        if result.shape != self.shape:
            raise RuntimeError(
                f"output with shape {list(self.shape)} doesn't match the broadcast shape "
                f"{list(result.shape)}"
            )
        return self.copy_(result)  # type: ignore[attr-defined]

    write.__name__ = write.__qualname__ = function.__name__ + "_"
    write.__doc__ = f"The in-place form of `{function.__name__}`."
    method(write.__name__)(write)


for _function in (addmm, addmv, addr, addbmm, baddbmm):
    _inplace(_function)


@public("nn.functional.linear")
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias, over the last dimension.

    Args:
        input: (..., in)
        weight: (out, in), or (in)
        bias: (out), or None

    Source: torch.nn.functional.linear

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.linear(torch.ones(1, 3), torch.ones(2, 3), torch.tensor([0., 1.]))
        tensor([[3., 4.]])
    """
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
    if input.ndim == 2:
        return affine(bias, input, weight)
    lead = input.shape[:-1]
    rows = input.reshape(-1, input.shape[-1])  # type: ignore[attr-defined]
    return affine(bias, rows, weight).reshape(*lead, weight.shape[0])


@public()
def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Sums of products over the named dimensions of both.

    Args:
        dims: How many trailing dimensions of a meet the leading ones of b, or two lists of dimensions.

    Source: torch.tensordot

    Example:
        >>> import flambeau as torch
        >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(3, 4, 5), dims=2).shape
        torch.Size([2, 5])
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = [list(part) if isinstance(part, (list, tuple)) else [part] for part in dims]
    if len(left) != len(right):
        raise RuntimeError(
            f"both dimension lists should have same length, got {len(left)} and {len(right)}"
        )
    left, right = [wrap_dim(i, a.ndim) for i in left], [wrap_dim(i, b.ndim) for i in right]
    for i, j in zip(left, right):  # a dimension of size 1 meets one of any size
        if a.shape[i] == 1 != b.shape[j]:
            b = b.sum(j, keepdim=True)  # type: ignore[attr-defined]
        elif b.shape[j] == 1 != a.shape[i]:
            a = a.sum(i, keepdim=True)  # type: ignore[attr-defined]
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise RuntimeError(
            f"contracted dimensions need to match, but a has {[a.shape[i] for i in left]} in dims "
            f"{left} and b has {[b.shape[i] for i in right]} in dims {right}"
        )
    keep_a = [i for i in range(a.ndim) if i not in left]
    keep_b = [i for i in range(b.ndim) if i not in right]
    size = int(np.prod([a.shape[i] for i in left]))
    rows = a.permute(*keep_a, *left).reshape(-1, size)  # type: ignore[attr-defined]
    columns = b.permute(*right, *keep_b).reshape(size, -1)  # type: ignore[attr-defined]
    shape = [a.shape[i] for i in keep_a] + [b.shape[i] for i in keep_b]
    return _given(out, mm_(rows, columns).reshape(shape))


@public()
def einsum(*args: Any) -> Tensor:
    """Sums of products in Einstein's notation.

    Args:
        args: The equation, such as "bij,bjk->bik", and the operands (or one list of them).

    Raises:
        RuntimeError: The equation does not fit the operands.

    Source: torch.einsum

    Example:
        >>> import flambeau as torch
        >>> torch.einsum("ij,j->i", torch.ones(2, 3), torch.ones(3))
        tensor([3., 3.])
    """
    equation, operands = args[0], args[1:]
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    return _einsum(equation.replace(" ", ""), list(operands))


def _einsum(equation: str, tensors: list[Tensor]) -> Tensor:
    """One operand at a time: each pair becomes a batched product, which carries the gradient."""
    inputs, output = _terms(equation, tensors)
    named = [_diagonals(x, term) for x, term in zip(tensors, inputs)]
    (x, term), rest = named[0], named[1:]
    for i, (y, other) in enumerate(rest):
        later = set(output).union(*(t for _, t in rest[i + 1 :]))
        x, term = _pair(x, term, y, other, later)
    gone = [i for i, letter in enumerate(term) if letter not in output]
    if gone:
        x = x.sum(gone)  # type: ignore[attr-defined]
        term = [letter for letter in term if letter in output]
    return x.permute(*(term.index(letter) for letter in output)) if term else x  # type: ignore[attr-defined]


def _terms(equation: str, tensors: list[Tensor]) -> tuple[list[list[str]], list[str]]:
    """The equation's terms as lists of letters, its ellipses spelt out."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise RuntimeError(
            f"einsum(): the equation {equation!r} has {len(terms)} terms for {len(tensors)} operands"
        )
    spare = [chr(i) for i in range(0x3B1, 0x3B1 + 24)]
    widest = 0
    spelt = []
    for term, x in zip(terms, tensors):
        hidden = x.ndim - len(term.replace("...", ""))
        if hidden < 0 or (hidden and "..." not in term):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(term)}) does not match the "
                f"number of dimensions ({x.ndim}) for operand of shape {list(x.shape)}"
            )
        widest = max(widest, hidden)
        spelt.append((term, hidden))
    full = spare[:widest]
    result = [list(term.replace("...", "".join(full[widest - hidden :]))) for term, hidden in spelt]
    if arrow:
        output = list(right.replace("...", "".join(full)))
    else:
        letters = [letter for term in result for letter in term if letter not in full]
        output = full + sorted(letter for letter in set(letters) if letters.count(letter) == 1)
    known = {letter for term in result for letter in term}
    for letter in output:
        if letter not in known:
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input"
            )
    return result, output


def _diagonals(x: Tensor, term: list[str]) -> tuple[Tensor, list[str]]:
    """Letters that occur twice in a term mean its diagonal."""
    term = list(term)
    for letter in list(term):
        while term.count(letter) > 1:
            i = term.index(letter)
            j = term.index(letter, i + 1)
            x = x.diagonal(0, i, j)  # type: ignore[attr-defined]
            del term[j], term[i]
            term.append(letter)
    return x, term


def _pair(
    x: Tensor, a: list[str], y: Tensor, b: list[str], later: set[str]
) -> tuple[Tensor, list[str]]:
    """The product of two operands, summed over the letters that nobody needs later."""
    x, a = _summed(x, a, later | set(b))
    y, b = _summed(y, b, later | set(a))
    batch = [letter for letter in a if letter in b and letter in later]
    inner_ = [letter for letter in a if letter in b and letter not in later]
    rows = [letter for letter in a if letter not in b]
    columns = [letter for letter in b if letter not in a]
    sizes = {}  # type: ignore[var-annotated]
    for x_, term in ((x, a), (y, b)):
        for letter, size in zip(term, x_.shape):
            if sizes.setdefault(letter, size) != size:
                if 1 not in (sizes[letter], size):
                    raise RuntimeError(
                        f"einsum(): operands do not broadcast with remapped shapes: subscript {letter} "
                        f"has size {sizes[letter]} and {size}"
                    )
                sizes[letter] = max(sizes[letter], size)
    x = x.expand([sizes[letter] for letter in a])  # type: ignore[attr-defined]
    y = y.expand([sizes[letter] for letter in b])  # type: ignore[attr-defined]

    def grouped(x: Tensor, term: list[str], *groups: list[str]) -> Tensor:
        shape = [int(np.prod([sizes[letter] for letter in group])) for group in groups]
        order = [term.index(letter) for group in groups for letter in group]
        return x.permute(*order).reshape(shape)  # type: ignore[attr-defined]

    product = bmm_(grouped(x, a, batch, rows, inner_), grouped(y, b, batch, inner_, columns))
    term = batch + rows + columns
    return product.reshape([sizes[letter] for letter in term]), term


def _summed(x: Tensor, term: list[str], needed: set[str]) -> tuple[Tensor, list[str]]:
    gone = [i for i, letter in enumerate(term) if letter not in needed]
    return (x.sum(gone), [t for t in term if t in needed]) if gone else (x, term)  # type: ignore[attr-defined]
