"""Views, their copies, and functions that rearrange."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arguments import Call, Drawn, DType, Hint, _broadcast_shape, _other_shape
from ..draw import Draw
from ..operand import ANY, COMPLEX, INTEGER, REAL, Operand, operand, with_values


def _begun(draw: Draw, least: int = 0, most: int = 4) -> tuple[Drawn, Operand]:
    d = Drawn(draw, Hint(least=least, most=most))
    return d, d.begin()


def _length(d: Drawn, dim: int) -> int:
    return d.shape[dim] if d.shape and -d.ndim <= dim < d.ndim else 1


def alone(draw: Draw) -> Call:
    return Call((_begun(draw)[1],), {})


def of_shape(draw: Draw) -> Call:
    d, x = _begun(draw)
    return Call((x, _other_shape(d)), {})


def sized_like(draw: Draw) -> Call:
    d, x = _begun(draw)
    return Call((x, d.tensor(tuple(abs(n) for n in d.shape[::-1]))), {})


def expand(draw: Draw) -> Call:
    d, x = _begun(draw)
    return Call((x, _broadcast_shape(d)), {})


def expand_as(draw: Draw) -> Call:
    d, x = _begun(draw)
    shape = _broadcast_shape(d)
    small = all(n >= 0 for n in shape) and math.prod(shape) <= 1 << 20  # its elements are made
    return Call((x, d.tensor(shape if small else d.shape)), {})


def sum_to_size(draw: Draw) -> Call:
    d, x = _begun(draw)
    return Call((x, draw.narrower(d.shape)), {})


def permute(draw: Draw) -> Call:
    d, x = _begun(draw)
    return Call((x, tuple(int(i) for i in draw.rng.permutation(d.ndim))), {})


def movedim(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    count = draw.integer(1, d.ndim)
    places = [tuple(int(i) for i in draw.rng.permutation(d.ndim)[:count]) for _ in range(2)]
    return Call((x, *places), {})


def two_dims(draw: Draw) -> Call:
    d, x = _begun(draw)
    return Call((x, draw.dim(d.ndim), draw.dim(d.ndim)), {})


def one_dim(draw: Draw) -> Call:
    d, x = _begun(draw)
    return Call((x, draw.dim(d.ndim)), {})


def narrow(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    dim = draw.dim(d.ndim)
    start = draw.integer(0, _length(d, dim))
    return Call((x, dim, start, draw.integer(0, _length(d, dim) - start)), {})


def select(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    dim = draw.dim(d.ndim)
    n = max(_length(d, dim), 1)
    return Call((x, dim, draw.integer(-n, n - 1)), {})


def sliced(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    dim = draw.integer(-d.ndim, d.ndim - 1)
    return Call((x, dim, *_cut(draw, d.shape[dim])), {})


def _cut(draw: Draw, n: int) -> tuple[Any, Any, int]:
    start, end = (draw.one((None, draw.integer(-n - 1, n + 1))) for _ in range(2))
    return start, end, draw.integer(1, 3)


def slice_scatter(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    dim = draw.integer(-d.ndim, d.ndim - 1)
    cut = _cut(draw, d.shape[dim])
    shape = list(d.shape)
    shape[dim] = len(range(*slice(*cut).indices(d.shape[dim])))
    return Call((x, d.tensor(tuple(shape)), dim, *cut), {})


def select_scatter(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    dim = draw.integer(0, d.ndim - 1)
    n = max(d.shape[dim], 1)
    return Call((x, d.tensor(d.shape[:dim] + d.shape[dim + 1 :]), dim, draw.integer(-n, n - 1)), {})


def diagonal(draw: Draw) -> Call:
    d, x = _begun(draw, 2)
    a, b = (int(i) for i in draw.rng.permutation(d.ndim)[:2])
    return Call((x, draw.integer(-3, 3), a, b), {})


def matrix_diagonal(draw: Draw) -> Call:
    (x, offset, a, b), _ = diagonal(draw)
    return Call((x,), {"offset": offset, "dim1": a, "dim2": b})


def diagonal_scatter(draw: Draw) -> Call:
    (x, offset, a, b), _ = diagonal(draw)
    shape = np.diagonal(x.array, offset, a, b).shape
    return Call((x, Drawn(draw, Hint((x.dtype.name,))).tensor(shape), offset, a, b), {})


def unfold(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    dim = draw.integer(-d.ndim, d.ndim - 1)
    return Call((x, dim, draw.integer(0, d.shape[dim]), draw.integer(1, 3)), {})


def as_strided(draw: Draw) -> Call:
    """Within the memory that the tensor begins at."""
    x = _begun(draw, 1, 3)[1]
    shape = tuple(draw.integer(0, 3) for _ in range(draw.integer(0, 3)))
    room = max(x.block.size - 1, 0)
    strides = []
    for n in shape:
        strides.append(draw.integer(0, room // max(n - 1, 1)) if n > 1 else draw.integer(0, 3))
        room -= strides[-1] * max(n - 1, 0)
    return Call((x, shape, tuple(strides), draw.integer(0, room)), {})


def as_strided_scatter(draw: Draw) -> Call:
    d, x = _begun(draw, 1, 3)
    n = int(np.prod(d.shape, dtype=int))
    count = draw.integer(0, max(n, 0))
    return Call((x, d.tensor((count,)), (count,), (1,), 0), {})


def split_sizes(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    dim = draw.integer(-d.ndim, d.ndim - 1)
    rest, sizes = d.shape[dim], []
    while rest:
        sizes.append(draw.integer(0, rest))
        rest -= sizes[-1]
        if len(sizes) == 4:
            sizes.append(rest)
            break
    return Call((x, tuple(sizes), dim), {})


def split(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    return Call((x, draw.integer(1, 5), draw.dim(d.ndim)), {})


def half_split(draw: Draw) -> Call:
    x = _begun(draw, 3)[1]
    return Call((x, tuple(sorted(draw.integer(0, 5) for _ in range(2)))), {})


def tensor_split(draw: Draw) -> Call:
    (x, indices), _ = half_split(draw)
    return Call((x, draw.one((indices, draw.integer(1, 5)))), {"dim": draw.integer(-3, 2)})


def cat(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    dim = draw.integer(-d.ndim, d.ndim - 1)
    parts: list[Operand] = [x]
    for _ in range(draw.integer(0, 4)):
        shape = list(d.shape)
        shape[dim] = draw.small()
        dtype = draw.one(ANY) if draw.has("mixed", 0.15) else d.dtype
        parts.append(d.tensor(tuple(shape), dtype))
    return Call((parts, dim), {})


def stack(draw: Draw) -> Call:
    d, x = _begun(draw, 0, 3)
    parts = [x, *(d.tensor() for _ in range(draw.integer(0, 3)))]
    return Call((parts, draw.integer(-d.ndim - 1, d.ndim)), {})


def several(draw: Draw) -> Call:
    d, x = _begun(draw, 0, 3)
    return Call(([x, *(d.tensor() for _ in range(draw.integer(0, 3)))],), {})


def vectors(draw: Draw) -> Call:
    d = Drawn(draw, Hint())
    return Call(tuple(d.tensor((draw.small(),)) for _ in range(draw.integer(1, 3))), {})


def broadcast_tensors(draw: Draw) -> Call:
    d, x = _begun(draw, 0, 4)
    return Call((x, *(d.tensor(draw.narrower(d.shape)) for _ in range(draw.integer(0, 2)))), {})


def unflatten(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    dim = draw.integer(-d.ndim, d.ndim - 1)
    n = d.shape[dim]
    k = draw.one([k for k in range(1, n + 1) if n % k == 0] or [0])
    return Call((x, dim, (k, -1) if k else (0, 1)), {})


def repeats(draw: Draw) -> Call:
    d, x = _begun(draw, 0, 3)
    counts = [draw.integer(0, 3) if draw.chance(0.5) or d.ndim < 4 else 1 for _ in d.shape]
    several = [i for i, n in enumerate(counts) if n > 1]
    for i in several[3:]:
        counts[i] = 1
    return Call((x, tuple(([draw.integer(1, 2)] if draw.chance(0.4) else []) + counts)), {})


def roll(draw: Draw) -> Call:
    d, x = _begun(draw)
    dims = draw.dims(d.ndim)
    return Call((x, tuple(draw.integer(-5, 5) for _ in dims), dims), {})


def flip(draw: Draw) -> Call:
    d, x = _begun(draw, 1)
    return Call((x, draw.dims(d.ndim)), {})


def rot90(draw: Draw) -> Call:
    d, x = _begun(draw, 2)
    dims = tuple(int(i) for i in draw.rng.permutation(d.ndim)[:2])
    return Call((x, draw.integer(-5, 5), dims), {})


def of_parts(draw: Draw) -> Call:
    d = Drawn(draw, Hint(("float32", "float64")))
    d.shape = (*draw.shape(most=3), 2)
    return Call((d.tensor(),), {})


def of_complex(draw: Draw) -> Call:
    return Call((Drawn(draw, Hint(COMPLEX)).begin(),), {})


def shuffle(draw: Draw) -> Call:
    groups = draw.integer(1, 4)
    shape = (draw.small(), groups * draw.integer(1, 4), *(draw.small() for _ in range(2)))
    return Call((Drawn(draw, Hint()).tensor(shape), groups), {})


def pixel_shuffle(draw: Draw) -> Call:
    r = draw.integer(1, 3)
    shape = (draw.small(), r * r * draw.integer(1, 3), draw.small(), draw.small())
    return Call((Drawn(draw, Hint()).tensor(shape), r), {})


def pixel_unshuffle(draw: Draw) -> Call:
    r = draw.integer(1, 3)
    shape = (draw.small(), draw.small(), r * draw.integer(1, 4), r * draw.integer(1, 4))
    return Call((Drawn(draw, Hint()).tensor(shape), r), {})


def pad(draw: Draw) -> Call:
    mode = draw.one(("constant", "constant", "reflect", "replicate", "circular"))
    d, x = _begun(draw, 1) if mode == "constant" else _begun(draw, 2, 5)
    count = draw.integer(1, d.ndim) if mode == "constant" else max(d.ndim - 2, 1)
    widths = tuple(draw.integer(-1, 3) for _ in range(2 * count))
    if mode == "constant" and draw.chance(0.5):
        return Call((x, widths, mode, draw.number()), {})
    return Call((x, widths, mode), {})


def copy_(draw: Draw) -> Call:
    d = Drawn(draw, Hint())
    d.shape = draw.shape()
    target = operand(draw, d.shape, d.dtype, own=not draw.has("overlap", 0.03))
    return Call((target, d.tensor(draw.narrower(d.shape), draw.one(ANY))), {})


def to(draw: Draw) -> Call:
    dtype = DType(draw.one((*ANY, "uint16", "uint32", "uint64")))
    return Call((_begun(draw)[1], dtype), {"copy": True} if draw.has("option", 0.3) else {})


def view_dtype(draw: Draw) -> Call:
    return Call((_begun(draw)[1], DType(draw.one(ANY))), {})


def view(draw: Draw) -> Call:
    return view_dtype(draw) if draw.chance(0.3) else of_shape(draw)


def triangle(draw: Draw) -> Call:
    return Call((_begun(draw, 2)[1], draw.integer(-4, 4)), {})


def repeat_interleave(draw: Draw) -> Call:
    d, x = _begun(draw, 1, 3)
    dim = draw.integer(-d.ndim, d.ndim - 1)
    counts = draw.rng.integers(0, 4, d.shape[dim])
    return Call((x, draw.one((with_values(draw, counts), draw.integer(0, 3))), dim), {})


def gradient(draw: Draw) -> Call:
    d = Drawn(draw, Hint(("float32", "float64"), least=1, most=3))
    x = d.begin()
    return Call((x,), {"edge_order": draw.integer(1, 2)} if draw.has("option", 0.4) else {})


def histc(draw: Draw) -> Call:
    x = Drawn(draw, Hint((*REAL, *INTEGER), limit=500)).begin()
    low = draw.integer(-3, 0)
    return Call((x,), {"bins": draw.integer(1, 12), "min": low, "max": low + draw.integer(0, 5)})


def histogramdd(draw: Draw) -> Call:
    x = Drawn(draw, Hint(("float32", "float64"))).tensor((draw.integer(1, 60), draw.integer(1, 3)))
    return Call((x, draw.integer(1, 5)), {})


RECIPES = {
    "alias_copy detach_copy Tensor.contiguous Tensor.is_contiguous clone": alone,
    "reshape view_copy": of_shape, "Tensor.view": view, "Tensor.view_as Tensor.reshape_as": sized_like,
    "Tensor.expand expand_copy broadcast_to": expand, "Tensor.expand_as": expand_as,
    "Tensor.sum_to_size": sum_to_size, "permute permute_copy": permute,
    "movedim moveaxis": movedim, "transpose transpose_copy swapaxes swapdims": two_dims,
    "unsqueeze unsqueeze_copy squeeze_copy unbind unbind_copy": one_dim,
    "narrow narrow_copy": narrow, "select select_copy": select, "slice_copy": sliced,
    "slice_scatter": slice_scatter, "select_scatter": select_scatter,
    "diagonal diagonal_copy": diagonal, "diagonal_scatter": diagonal_scatter, "linalg.diagonal": matrix_diagonal,
    "unfold_copy Tensor.unfold": unfold, "as_strided as_strided_copy": as_strided,
    "as_strided_scatter": as_strided_scatter,
    "split_with_sizes split_with_sizes_copy unsafe_split_with_sizes": split_sizes,
    "split split_copy unsafe_split chunk unsafe_chunk": split, "dsplit hsplit vsplit": half_split,
    "tensor_split": tensor_split, "cat concat concatenate": cat, "stack": stack,
    "hstack vstack dstack column_stack row_stack": several,
    "cartesian_prod meshgrid": vectors, "broadcast_tensors": broadcast_tensors,
    "unflatten": unflatten, "tile Tensor.repeat": repeats, "roll": roll, "flip": flip,
    "rot90": rot90, "view_as_complex view_as_complex_copy": of_parts,
    "view_as_real view_as_real_copy real imag": of_complex,
    "channel_shuffle native_channel_shuffle nn.functional.channel_shuffle "
    "nn.functional.native_channel_shuffle": shuffle,
    "pixel_shuffle nn.functional.pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle nn.functional.pixel_unshuffle": pixel_unshuffle, "nn.functional.pad": pad,
    "Tensor.copy_": copy_, "Tensor.to": to, "tril triu": triangle,
    "repeat_interleave": repeat_interleave, "gradient": gradient, "histc": histc,
    "histogramdd": histogramdd,
}  # fmt: skip
