"""Products with sparse matrices: mm, mv, bmm, addmm, matmul and their relatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.sparse import BLOCKS, COO, CSR, SparseArray, SparseTensor
from ..core.tensor import Tensor, wrap, wrap_numpy
from ..dispatch.registry import public
from ..ops.join.cat import cat
from . import graph, index, place
from .convert import expect
from .dispatch import give, is_sparse, meaning, own
from .multiply import matrix, sampled, spmm
from .shape import spans


def _check(x: Tensor, y: Tensor, ndim: int = 2, name: str = "mm") -> None:
    for item in (x, y):
        if not isinstance(item, Tensor):
            raise TypeError(f"{name}(): argument must be Tensor, not {type(item).__name__}")
    if x.ndim != ndim or y.ndim != ndim:
        raise RuntimeError(f"{name}(): expected {ndim}D tensors, but got {x.ndim}D and {y.ndim}D")
    if x.shape[-1] != y.shape[-2] or x.shape[:-2] != y.shape[:-2]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({'x'.join(map(str, x.shape))} and "
            f"{'x'.join(map(str, y.shape))})"
        )
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"expected mat1 and mat2 to have the same dtype, but got: {x.dtype} != {y.dtype}"
        )
    for item in (x, y):
        if is_sparse(item) and item.dense_dim():
            raise RuntimeError(
                f"{name}(): a sparse operand has {item.dense_dim()} dense dimensions, where matrices have none"
            )


def matrix_of(x: SparseTensor) -> tuple[SparseArray, Tensor]:
    """The places of a matrix's values (of the elements of its blocks), and those."""
    array, values = x._array, graph.values_of(x)
    if array.layout in BLOCKS:
        return matrix(array), values.reshape(-1)
    return array, values


@meaning()
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    _check(input, mat2)
    if isinstance(input, SparseTensor) and isinstance(mat2, SparseTensor):
        return graph.named(_sparse_product(input, mat2), "SparseSparseMatmul")
    if isinstance(input, SparseTensor):
        like, values = matrix_of(input)
        return spmm(values, mat2, like, False)
    like, values = matrix_of(mat2)  # type: ignore[arg-type]
    return graph.named(spmm(values, input.t(), like, True).t(), "Mm")


def _sparse_product(x: SparseTensor, y: SparseTensor) -> SparseTensor:
    """Sparse times sparse: each value of x meets the row of y that its column names."""
    first = place.as_coordinates(x)._array
    second = index.by_rows(y._array)
    rows, columns = first.pattern.arrays[0]
    which, met = spans(second.pointers, columns)
    at = met if second.order is None else second.order[met]
    coordinates = np.stack([rows[which], second.columns[met]])
    left = graph.taken(graph.values_of(place.as_coordinates(x)), which)
    values = left * graph.taken(matrix_of(y)[1], at)
    pattern = index.pattern_of(coordinates, False)
    shape = x.shape[0], y.shape[1]
    made = place.coalesced(graph.placed(first, values, pattern, tuple(shape), layout_=COO))
    layouts = {x.layout, y.layout} - {COO}
    return made if not layouts else made.to_sparse(layout=CSR)  # type: ignore[return-value]


@public("spmm", "dsmm")
def spmm_of(mat1: Tensor, mat2: Tensor) -> Tensor:
    """`mm`, under its older names.

    Source: torch.spmm

    Example:
        >>> import flambeau as torch
        >>> torch.spmm(torch.eye(2).to_sparse(), torch.ones(2, 1))
        tensor([[1.],
                [1.]])
    """
    return mat1.mm(mat2)


meaning("spmm", "dsmm")(mm)


@meaning()
def mv(input: Tensor, vec: Tensor) -> Tensor:
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(
            f"mv: expected a matrix and a vector, but got {input.ndim}D and {vec.ndim}D"
        )
    if input.shape[1] != vec.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({input.shape[0]}), mat ({input.shape[0]}x{input.shape[1]}), vec "
            f"({vec.shape[0]})"
        )
    if is_sparse(vec):
        raise NotImplementedError(
            "Could not run 'aten::mv' with a vector from the 'SparseCPU' backend: call .to_dense() on it first"
        )
    return graph.named(mm(input, vec.unsqueeze(1)).squeeze(1), "Mv")


@meaning()
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    _check(input, mat2, 3, "bmm")
    if is_sparse(mat2):
        if is_sparse(input):
            raise RuntimeError(
                "bmm_sparse: Tensor 'mat2' must be dense: call .to_dense() on it first"
            )
        return bmm(mat2.transpose(1, 2), input.transpose(1, 2)).transpose(1, 2)
    array = input._array
    values = graph.values_of(input).reshape(-1)  # type: ignore[arg-type]
    batch, rows, columns = mat2.shape
    made = spmm(values, mat2.reshape(batch * rows, columns), matrix(array), False)
    return graph.named(made.reshape(batch, input.shape[1], columns), "Bmm")


@meaning("matmul", "__matmul__", "linalg.matmul")
def matmul(input: Tensor, other: Tensor) -> Tensor:
    ranks = input.ndim, other.ndim
    if ranks == (2, 2):
        return mm(input, other)
    if ranks == (2, 1):
        return mv(input, other)
    if ranks == (1, 2):
        return mm(input.unsqueeze(0), other).squeeze(0)
    if ranks == (3, 3):
        return bmm(input, other)
    if other.ndim == 2 and is_sparse(other) and not is_sparse(input) and input.ndim > 2:
        flat = mm(input.reshape(-1, input.shape[-1]), other)
        return flat.reshape(*input.shape[:-1], other.shape[-1])
    raise NotImplementedError(
        f"Could not run 'aten::matmul' with arguments from the 'SparseCPU' backend: of {ranks[0]} and "
        f"{ranks[1]} dimensions, where 2 and 2, 2 and 1, 1 and 2, 3 and 3 are known; call .to_dense() first"
    )


@meaning("__rmatmul__")
def rmatmul(self: Tensor, other: Tensor) -> Tensor:
    return matmul(other, self)


@meaning()
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    result = matmul(input, weight.t())
    return result if bias is None else result + bias


@meaning(inplace=True)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    product = mm(mat1, mat2)
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return product
    scaled = input if beta == 1 else input * beta
    if is_sparse(product) and not is_sparse(input):
        raise RuntimeError(
            "addmm: a sparse product is added to sparse tensors only: call .to_dense() on it first"
        )
    return graph.named(scaled + product, "SparseAddmm")


# ------------------------------------------------------------------------ results that are sparse


@own("smm")
def smm(input: Tensor, mat: Tensor) -> Tensor:
    """A sparse times a dense matrix, as a sparse one.

    Source: torch.smm

    Example:
        >>> import flambeau as torch
        >>> x = torch.sparse_coo_tensor([[0], [1]], [2.0], (2, 2))
        >>> torch.smm(x, torch.ones(2, 1)).to_dense()
        tensor([[2.],
                [0.]])
    """
    expect(input, "smm", COO)
    _check(input, mat)
    return _of_rows(input, mat, 1)


@own("hspmm")
def hspmm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """A sparse times a dense matrix, as a sparse tensor of dense rows.

    Source: torch.hspmm

    Example:
        >>> import flambeau as torch
        >>> x = torch.sparse_coo_tensor([[1], [0]], [2.0], (2, 2))
        >>> torch.hspmm(x, torch.ones(2, 1)).indices()
        tensor([[1]])
    """
    expect(mat1, "hspmm", COO)
    _check(mat1, mat2)
    return _hybrid(mat1, mat2)


def _hybrid(x: Tensor, y: Tensor) -> SparseTensor:
    rows = np.unique(x._array.pattern.arrays[0][0])
    made = graph.taken(mm(x, y), rows)
    pattern = index.pattern_of(rows[None], False)
    return graph.placed(x._array, made, pattern, (x.shape[0], y.shape[1]))


def _of_rows(x: Tensor, y: Tensor, alpha: Any) -> SparseTensor:
    """The product at all columns of those rows that have values."""
    hybrid = _hybrid(x, y)
    rows = hybrid._array.pattern.arrays[0][0]
    both = np.stack([np.repeat(rows, y.shape[1]), np.tile(np.arange(y.shape[1]), len(rows))])
    values = graph.values_of(hybrid).reshape(-1)
    values = values if alpha == 1 else values * alpha
    return graph.placed(hybrid._array, values, index.pattern_of(both, False))


@own("sspaddmm")
def sspaddmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)``, of sparse matrices but for mat2, as a sparse one.

    Source: torch.sspaddmm

    Example:
        >>> import flambeau as torch
        >>> x = torch.sparse_coo_tensor([[0], [1]], [2.0], (2, 2))
        >>> torch.sspaddmm(x, x, torch.ones(2, 2)).to_dense()
        tensor([[2., 4.],
                [0., 0.]])
    """
    expect(input, "sspaddmm", COO)
    expect(mat1, "sspaddmm", COO)
    _check(mat1, mat2)
    first: Any = input if beta == 1 else input * beta
    second = _of_rows(mat1, mat2, alpha)
    both = np.concatenate([x._array.pattern.arrays[0] for x in (first, second)], 1)
    values = cat([graph.values_of(first), graph.values_of(second)])
    return graph.placed(first._array, values, index.pattern_of(both, False))


def sampled_addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1.0, alpha: Any = 1.0, out: Any = None
) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)`` at the places of a sparse matrix.

    Args:
        input: (*batch, rows, columns), of layout sparse_csr.
        mat1, mat2: (*batch, rows, inner) and (*batch, inner, columns)

    Raises:
        RuntimeError: The layout is another, or the sizes do not fit.

    Source: torch.sparse.sampled_addmm

    Example:
        >>> import flambeau as torch
        >>> x = torch.eye(2).to_sparse_csr()
        >>> torch.sparse.sampled_addmm(x, torch.ones(2, 3), torch.ones(3, 2)).values()
        tensor([4., 4.])
    """
    if not isinstance(input, SparseTensor) or input.layout is not CSR:
        raise RuntimeError(
            f"sampled_addmm: Expected self to be of layout sparse_csr, but got {input.layout}: call "
            ".to_sparse_csr()"
        )
    for name, x in (("mat1", mat1), ("mat2", mat2)):
        if is_sparse(x):
            raise RuntimeError(
                f"sampled_addmm: Expected {name} to have strided layout, but got {x.layout}"
            )
        if x.dtype is not input.dtype:
            raise RuntimeError(
                f"sampled_addmm: Expected {name} and self to have the same dtype, but got {x.dtype} and "
                f"{input.dtype}"
            )
    if mat1.shape[-1] != mat2.shape[-2] or input.shape != (*mat1.shape[:-1], mat2.shape[-1]):
        raise RuntimeError(
            f"sampled_addmm: shapes {list(mat1.shape)} and {list(mat2.shape)} cannot be multiplied to "
            f"{list(input.shape)}"
        )
    inner, number = mat1.shape[-1], index.sized(tuple(mat1.shape[:-2]))
    right = mat2.transpose(-2, -1).reshape(number * mat2.shape[-1], inner)
    left = mat1.reshape(number * mat1.shape[-2], inner)
    dots = sampled(left, right, matrix(input._array), False)
    values = dots.reshape(input._array.values.shape) * alpha
    if beta != 0:
        values = values + graph.values_of(input) * beta
    made = graph.named(graph.placed(input._array, values), "SparseSampledAddmm")
    if out is None:
        return made
    return give(out, made, "sampled_addmm")


def reduced(x: Tensor, y: Tensor, reduce: str) -> Tensor:
    """The product, where the terms of a row are not added but averaged, or their extreme is taken."""
    reduce = {"max": "amax", "min": "amin"}.get(reduce, reduce)
    if reduce not in ("sum", "mean", "amax", "amin"):
        raise ValueError(f"sparse.mm(): reduce must be sum, mean, amax or amin, not {reduce!r}")
    if not isinstance(x, SparseTensor) or x.layout is not CSR:
        raise RuntimeError(
            "sparse.mm(): a reduce is for tensors of layout sparse_csr: call .to_sparse_csr()"
        )
    _check(x, y)
    rows = index.by_rows(x._array)
    counts = np.diff(rows.pointers)
    if reduce in ("sum", "mean"):
        product = mm(x, y)
        if reduce == "mean":
            product = product / _column(np.maximum(counts, 1), y)
        return graph.named(product, "SparseMmReduceImpl")
    terms = graph.values_of(x).unsqueeze(1) * graph.taken(y, rows.columns)
    result = _extreme(terms, rows, counts, reduce == "amax")
    return graph.named(result, "SparseMmReduceImpl")


def _column(array: Any, like: Tensor) -> Tensor:
    return wrap(array[:, None].astype(like._kind.numpy), like._kind)


def _extreme(terms: Tensor, rows: index.Rows, counts: Any, largest: bool) -> Tensor:
    """Of each row's terms the largest, or smallest, the first of equal ones; 0 for a row that has none."""
    array = terms._array
    filled = np.flatnonzero(counts)
    shape = (len(counts), array.shape[1])
    if not len(filled):
        return terms.new_zeros(shape)
    begins = rows.pointers[filled]
    found = (np.maximum if largest else np.minimum).reduceat(array, begins, 0)
    hit = array == found[np.repeat(np.arange(len(filled)), counts[filled])]
    hit |= np.isnan(array) if array.dtype.kind == "f" else False
    places = np.where(hit, np.arange(len(array))[:, None], len(array))
    first = np.minimum.reduceat(places, begins, 0)
    picked = terms.gather(0, wrap_numpy(np.minimum(first, len(array) - 1)))
    return graph.spread(picked, filled, len(counts))
