"""Products of matrices, and linear algebra."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..arguments import Call, Drawn, Hint
from ..draw import Draw
from ..operand import ANY, COMPLEX, DTYPES, Operand, operand, with_values

PRODUCTS = ("float32", "float32", "float64", "float16", "bfloat16", "complex64", "int64", "int32")
SOLVED = ("float32", "float64", "float64", "complex64", "complex128")


def _dtype(draw: Draw, names: tuple[str, ...]) -> np.dtype:
    return DTYPES[draw.one(names)]


def _batch(draw: Draw) -> tuple[int, ...]:
    return tuple(draw.small() for _ in range(draw.one((0, 0, 0, 1, 1, 2))))


def _sizes(draw: Draw, count: int) -> list[int]:
    """Sizes of products: small ones, and some that fill blocks and tiles."""
    if draw.has("large", 0.03):
        return [draw.one((64, 100, 129, 200)) for _ in range(count)]
    return [draw.size() for _ in range(count)]


def product(draw: Draw, *shapes: tuple[int, ...]) -> list[Operand]:
    dtype = _dtype(draw, PRODUCTS)
    return [operand(draw, shape, dtype, "eighths") for shape in shapes]


def mm(draw: Draw) -> Call:
    n, k, m = _sizes(draw, 3)
    return Call(tuple(product(draw, (n, k), (k, m))), {})


def mv(draw: Draw) -> Call:
    n, k = _sizes(draw, 2)
    return Call(tuple(product(draw, (n, k), (k,))), {})


def dot(draw: Draw) -> Call:
    (n,) = _sizes(draw, 1)
    return Call(tuple(product(draw, (n,), (n,))), {})


def bmm(draw: Draw) -> Call:
    (b, n, k, m) = (draw.small(), *_sizes(draw, 3))
    return Call(tuple(product(draw, (b, n, k), (b, k, m))), {})


def matmul(draw: Draw) -> Call:
    n, k, m = _sizes(draw, 3)
    batch = _batch(draw)
    left = draw.one(((*batch, n, k), (n, k), (k,)))
    right = draw.one(((*batch, k, m), (k, m), (k,)))
    return Call(tuple(product(draw, left, right)), {})


def _scaled(draw: Draw) -> dict[str, Any]:
    if not draw.has("option", 0.5):
        return {}
    return {"beta": draw.one((0, 1, 2)), "alpha": draw.one((0, 1, 3))}


def addmm(draw: Draw) -> Call:
    n, k, m = _sizes(draw, 3)
    return Call(tuple(product(draw, draw.narrower((n, m)), (n, k), (k, m))), _scaled(draw))


def addmv(draw: Draw) -> Call:
    n, k = _sizes(draw, 2)
    return Call(tuple(product(draw, draw.narrower((n,)), (n, k), (k,))), _scaled(draw))


def addr(draw: Draw) -> Call:
    n, m = _sizes(draw, 2)
    return Call(tuple(product(draw, draw.narrower((n, m)), (n,), (m,))), _scaled(draw))


def addbmm(draw: Draw) -> Call:
    (b, n, k, m) = (draw.small(), *_sizes(draw, 3))
    return Call(tuple(product(draw, draw.narrower((n, m)), (b, n, k), (b, k, m))), _scaled(draw))


def baddbmm(draw: Draw) -> Call:
    (b, n, k, m) = (draw.small(), *_sizes(draw, 3))
    return Call(tuple(product(draw, draw.narrower((b, n, m)), (b, n, k), (b, k, m))), _scaled(draw))


def outer(draw: Draw) -> Call:
    n, m = _sizes(draw, 2)
    return Call(tuple(product(draw, (n,), (m,))), {})


def chain(draw: Draw) -> Call:
    sizes = [draw.small() for _ in range(draw.integer(3, 5))]
    return Call(tuple(product(draw, *pairwise(sizes))), {})


def multi_dot(draw: Draw) -> Call:
    return Call((list(chain(draw).args),), {})


EQUATIONS = (
    ("ij,jk->ik", "ij jk"), ("ij,kj->ik", "ij kj"), ("bij,bjk->bik", "bij bjk"), ("ii->i", "ii"),
    ("ij->ji", "ij"), ("i,j->ij", "i j"), ("ijk,k->ij", "ijk k"), ("ij,ij->", "ij ij"),
    ("i,ij,j->", "i ij j"), ("...i,...i->...", "bi bi"), ("ij->", "ij"), ("bqhd,bkhd->bhqk", "bqhd bkhd"),
)  # fmt: skip


def einsum(draw: Draw) -> Call:
    equation, shapes = draw.one(EQUATIONS)
    sizes = {letter: draw.small() for letter in "bhijkdq"}
    made = product(draw, *(tuple(sizes[i] for i in shape) for shape in shapes.split()))
    return Call((equation, *made), {})


def tensordot(draw: Draw) -> Call:
    a, k, b = (draw.small() for _ in range(3))
    dims = draw.one((1, ([1], [0])))
    return Call((*product(draw, (a, k), (k, b)), dims), {})


def linear(draw: Draw) -> Call:
    n, k, m = _sizes(draw, 3)
    bias = [(m,)] if draw.chance(0.5) else []
    return Call(tuple(product(draw, (*_batch(draw), n, k), (m, k), *bias)), {})


def bilinear(draw: Draw) -> Call:
    n, a, b, o = (draw.small() for _ in range(4))
    return Call(tuple(product(draw, (n, a), (n, b), (o, a, b), (o,))), {})


def kron(draw: Draw) -> Call:
    dtype = _dtype(draw, ANY)
    return Call(tuple(operand(draw, draw.shape(most=3, limit=40), dtype) for _ in range(2)), {})


def cross(draw: Draw) -> Call:
    dtype = _dtype(draw, (*PRODUCTS,))
    shape = (*_batch(draw), 3)
    return Call((operand(draw, shape, dtype), operand(draw, shape, dtype)), {"dim": -1})


def cdist(draw: Draw) -> Call:
    batch, n, m, k = _batch(draw), draw.small(), draw.small(), draw.small()
    dtype = _dtype(draw, ("float32", "float64"))
    shapes = (*batch, n, k), (*batch, m, k)
    p = {"p": draw.one((0, 1, 2, 3, 0.5, float("inf")))} if draw.has("option", 0.6) else {}
    return Call(tuple(operand(draw, s, dtype) for s in shapes), p)


# ------------------------------------------------------------------------------- matrices to solve


def _random(draw: Draw, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    made = draw.rng.normal(size=shape)
    return (
        (made + 1j * draw.rng.normal(size=shape)).astype(dtype)
        if dtype.kind == "c"
        else made.astype(dtype)
    )


def regular(draw: Draw, dtype: np.dtype, n: int, batch: tuple[int, ...] = ()) -> np.ndarray:
    """Matrices far from singular ones."""
    return (_random(draw, (*batch, n, n), dtype) + 3 * n * np.eye(n)).astype(dtype)


def _order(draw: Draw) -> int:
    return 0 if draw.has("empty", 0.05) else draw.one((1, 2, 3, 4, 5, 8, 11))


def square(draw: Draw) -> Call:
    dtype = _dtype(draw, SOLVED)
    return Call((with_values(draw, regular(draw, dtype, _order(draw), _batch(draw))),), {})


def definite(draw: Draw) -> Call:
    dtype, n = _dtype(draw, SOLVED), _order(draw)
    x = _random(draw, (*_batch(draw), n, n), dtype)
    made = x @ np.conj(np.swapaxes(x, -1, -2)) + n * np.eye(n)
    return Call((with_values(draw, made.astype(dtype)),), {})


def matrix(draw: Draw) -> Call:
    dtype = _dtype(draw, SOLVED)
    shape = (*_batch(draw), _order(draw), _order(draw))
    return Call((with_values(draw, _random(draw, shape, dtype)),), {})


def power(draw: Draw) -> Call:
    (x,), _ = square(draw)
    return Call((x, draw.integer(-2, 4)), {})


def small_square(draw: Draw) -> Call:
    dtype = _dtype(draw, SOLVED)
    n = _order(draw)
    return Call((with_values(draw, _random(draw, (*_batch(draw), n, n), dtype) / max(n, 1)),), {})


def solve(draw: Draw) -> Call:
    dtype, n, batch = _dtype(draw, SOLVED), _order(draw), _batch(draw)
    b = _random(draw, (*batch, n, draw.small()), dtype)
    return Call((with_values(draw, regular(draw, dtype, n, batch)), with_values(draw, b)), {})


def triangular(draw: Draw) -> Call:
    (a, b), _ = solve(draw)
    return Call((a, b), {"upper": draw.chance(0.5)})


def old_triangular(draw: Draw) -> Call:
    (a, b), _ = solve(draw)
    return Call((b, a), {"upper": draw.chance(0.5)})


def cholesky_solve(draw: Draw) -> Call:
    (a, b), _ = solve(draw)
    lower = with_values(draw, np.tril(a.array))
    return Call((b, lower), {})


def cholesky_inverse(draw: Draw) -> Call:
    (a,), _ = square(draw)
    return Call((with_values(draw, np.tril(a.array)),), {})


def lstsq(draw: Draw) -> Call:
    dtype, batch, n = _dtype(draw, SOLVED), _batch(draw), draw.integer(1, 5)
    m, k = n + draw.integer(0, 4), draw.integer(1, 3)
    shapes = (*batch, m, n), (*batch, m, k)
    return Call(tuple(with_values(draw, _random(draw, s, dtype)) for s in shapes), {})


def vector_norm(draw: Draw) -> Call:
    d = Drawn(draw, Hint((*SOLVED, "float16", "bfloat16")))
    x = d.begin()
    orders = (0, 1, 2, 3, 0.5, -1, float("inf"), -float("inf"))
    options = (
        {"dim": draw.dims(d.ndim), "keepdim": draw.chance(0.5)} if draw.has("option", 0.5) else {}
    )
    return Call((x, draw.one(orders)), options)


def matrix_norm(draw: Draw) -> Call:
    (x,), _ = matrix(draw)
    return Call((x, draw.one(("fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf")))), {})


def renorm(draw: Draw) -> Call:
    d = Drawn(draw, Hint(SOLVED, least=2))
    x = d.begin()
    return Call((x, draw.one((1, 2, 3)), draw.dim(d.ndim), draw.one((0.5, 1.0, 5.0))), {})


def tensorinv(draw: Draw) -> Call:
    dtype = _dtype(draw, SOLVED)
    made = regular(draw, dtype, 6).reshape(2, 3, 6)
    return Call((with_values(draw, made),), {"ind": 2})


def tensorsolve(draw: Draw) -> Call:
    dtype = _dtype(draw, SOLVED)
    made = regular(draw, dtype, 6).reshape(2, 3, 6)
    return Call((with_values(draw, made), with_values(draw, _random(draw, (2, 3), dtype))), {})


def factored(draw: Draw) -> Call:
    """A right-hand side, an LU decomposition and its pivots."""
    dtype, n = _dtype(draw, SOLVED), draw.integer(1, 6)
    lu = regular(draw, dtype, n)
    pivots = np.arange(1, n + 1, dtype=np.int32)
    b = _random(draw, (n, draw.integer(1, 3)), dtype)
    return Call(tuple(with_values(draw, a) for a in (b, lu, pivots)), {})


def lu_solve(draw: Draw) -> Call:
    (b, lu, pivots), _ = factored(draw)
    return Call((lu, pivots, b), {})


def lu_unpack(draw: Draw) -> Call:
    (_, lu, pivots), _ = factored(draw)
    return Call((lu, pivots), {})


def householder(draw: Draw) -> Call:
    dtype, n = _dtype(draw, SOLVED), draw.integer(1, 5)
    m = n + draw.integer(0, 3)
    shapes = (m, n), (n,)
    return Call(tuple(with_values(draw, _random(draw, s, dtype)) for s in shapes), {})


def ormqr(draw: Draw) -> Call:
    (a, tau), _ = householder(draw)
    c = _random(draw, (a.shape[0], draw.integer(1, 3)), a.dtype)
    return Call((a, tau, with_values(draw, c)), {})


def vander(draw: Draw) -> Call:
    x = operand(draw, (draw.integer(1, 6),), _dtype(draw, ANY))
    return Call((x, draw.integer(1, 5)) if draw.chance(0.5) else (x,), {})


def cov(draw: Draw) -> Call:
    d = Drawn(draw, Hint((*SOLVED,), most=2, limit=400))
    return Call((d.begin(),), {})


def vecdot(draw: Draw) -> Call:
    d = Drawn(draw, Hint(("float32", "float64", *COMPLEX), "eighths", least=1))
    x = d.begin()
    return Call((x, d.tensor()), {"dim": draw.integer(-d.ndim, d.ndim - 1)})


RECIPES = {
    "mm": mm, "mv": mv, "dot vdot": dot, "bmm": bmm, "matmul linalg.matmul": matmul,
    "addmm": addmm, "addmv": addmv, "addr": addr, "addbmm": addbmm, "baddbmm": baddbmm,
    "outer ger": outer, "chain_matmul": chain, "linalg.multi_dot": multi_dot, "einsum": einsum,
    "tensordot": tensordot, "nn.functional.linear": linear, "bilinear nn.functional.bilinear": bilinear,
    "kron": kron, "cross linalg.cross": cross, "cdist": cdist, "inner": dot,
    "inverse linalg.inv linalg.inv_ex linalg.det det logdet slogdet linalg.slogdet lu linalg.lu "
    "linalg.lu_factor linalg.lu_factor_ex": square,
    "linalg.eigvals linalg.eig": small_square,
    "cholesky linalg.cholesky linalg.cholesky_ex linalg.eigh linalg.eigvalsh linalg.ldl_factor "
    "linalg.ldl_factor_ex": definite,
    "linalg.svd linalg.svdvals svd linalg.qr qr geqrf linalg.pinv pinverse linalg.matrix_rank "
    "linalg.cond pca_lowrank svd_lowrank": matrix,
    "matrix_exp linalg.matrix_exp": small_square, "matrix_power linalg.matrix_power": power,
    "linalg.solve linalg.solve_ex": solve, "linalg.solve_triangular": triangular,
    "triangular_solve": old_triangular, "cholesky_solve": cholesky_solve,
    "cholesky_inverse": cholesky_inverse, "linalg.lstsq": lstsq,
    "linalg.vector_norm linalg.norm norm": vector_norm, "linalg.matrix_norm": matrix_norm,
    "renorm": renorm, "linalg.tensorinv": tensorinv, "linalg.tensorsolve": tensorsolve,
    "lu_solve": factored, "linalg.lu_solve linalg.ldl_solve": lu_solve, "lu_unpack": lu_unpack,
    "linalg.householder_product orgqr": householder, "ormqr": ormqr, "vander linalg.vander": vander,
    "cov corrcoef": cov, "linalg.vecdot": vecdot,
}  # fmt: skip
