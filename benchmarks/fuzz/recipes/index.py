"""Gather, scatter, masks and places."""

from __future__ import annotations

import numpy as np

from ..arguments import Call, Drawn, Hint
from ..draw import Draw
from ..operand import ANY, DTYPES, INTEGER, REAL, Operand, operand, with_values

REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def _begun(draw: Draw, hint: Hint) -> tuple[Drawn, Operand, int]:
    """The arguments, the first tensor and a dimension of it."""
    d = Drawn(draw, hint)
    x = d.begin()
    return d, x, draw.dim(d.ndim)


def _length(d: Drawn, dim: int) -> int:
    return d.shape[dim] if d.shape and -d.ndim <= dim < d.ndim else 1


def _smaller(d: Drawn, dim: int) -> tuple[int, ...]:
    """The shape of an index for gather and scatter: along dim of any length, elsewhere no longer."""
    draw = d.draw
    shape = [draw.integer(0, n) if draw.chance(0.2) else n for n in d.shape]
    if shape and -d.ndim <= dim < d.ndim:
        shape[dim] = draw.small()
    return tuple(shape)


def gather(draw: Draw) -> Call:
    d, x, dim = _begun(draw, Hint())
    return Call((x, dim, d.index(_smaller(d, dim), _length(d, dim), negative=False)), {})


def take_along_dim(draw: Draw) -> Call:
    d, x, dim = _begun(draw, Hint())
    return Call((x, d.index(_smaller(d, dim), _length(d, dim), negative=False), dim), {})


def scatter(draw: Draw) -> Call:
    d, x, dim = _begun(draw, Hint())
    shape = _smaller(d, dim)
    index = d.index(shape, _length(d, dim), negative=False)
    source = draw.number() if draw.has("number", 0.2) else d.tensor(shape)
    options = {"reduce": draw.one(("add", "multiply"))} if draw.has("option", 0.2) else {}
    return Call((x, dim, index, source), options)


def scatter_add(draw: Draw) -> Call:
    d, x, dim = _begun(draw, Hint(kind="eighths"))
    shape = _smaller(d, dim)
    return Call((x, dim, d.index(shape, _length(d, dim), negative=False), d.tensor(shape)), {})


def scatter_reduce(draw: Draw) -> Call:
    args, _ = scatter_add(draw)
    options = {"include_self": draw.chance(0.5)} if draw.has("option", 0.4) else {}
    return Call((*args, draw.one(REDUCTIONS)), options)


def _rows(draw: Draw, hint: Hint) -> tuple[Drawn, Operand, int, Operand, Operand]:
    """A tensor, a dimension, an index of it and a tensor of so many rows."""
    d, x, dim = _begun(draw, hint)
    count = draw.small() if d.shape else 1
    index = d.index((count,) if d.shape or draw.chance(0.5) else (), _length(d, dim), False)
    shape = list(d.shape)
    if shape and -d.ndim <= dim < d.ndim:
        shape[dim] = count
    return d, x, dim, index, d.tensor(tuple(shape))


def index_add(draw: Draw) -> Call:
    _, x, dim, index, source = _rows(draw, Hint(kind="eighths"))
    options = {"alpha": draw.one((2, -1, 0))} if draw.has("option", 0.3) else {}
    return Call((x, dim, index, source), options)


def index_copy(draw: Draw) -> Call:
    _, x, dim, index, source = _rows(draw, Hint())
    return Call((x, dim, index, source), {})


def index_reduce(draw: Draw) -> Call:
    _, x, dim, index, source = _rows(draw, Hint(kind="eighths"))
    options = {"include_self": draw.chance(0.5)} if draw.has("option", 0.4) else {}
    return Call((x, dim, index, source, draw.one(("prod", "mean", "amax", "amin"))), options)


def index_fill(draw: Draw) -> Call:
    d, x, dim, index, _ = _rows(draw, Hint())
    value = draw.number() if draw.chance(0.7) else d.tensor(())
    return Call((x, dim, index, value), {})


def index_select(draw: Draw) -> Call:
    _, x, dim, index, _ = _rows(draw, Hint())
    if draw.chance(0.3):
        index = with_values(draw, index.array.astype(np.int32))
    return Call((x, dim, index), {})


def take(draw: Draw) -> Call:
    d = Drawn(draw, Hint())
    x = d.begin()
    return Call((x, d.index(draw.shape(most=2), int(np.prod(d.shape, dtype=int)))), {})


def put(draw: Draw) -> Call:
    (x, index), _ = take(draw)
    source = operand(draw, index.shape, x.dtype, "eighths")
    return Call((x, index, source), {"accumulate": True} if draw.has("option", 0.4) else {})


def _places(d: Drawn) -> tuple[tuple, tuple[int, ...]]:
    """Index tensors for some leading dimensions, and the shape of what they choose."""
    draw = d.draw
    if d.shape and draw.chance(0.2):
        count = draw.integer(1, d.ndim)
        mask = d.tensor(d.shape[:count], "bool")
        return (mask,), (int(mask.array.sum()), *d.shape[count:])
    common = draw.shape(most=2, limit=300)
    count = draw.integer(1, max(1, min(d.ndim, 3)))
    indices = tuple(d.index(draw.narrower(common), n) for n in d.shape[:count])
    if not indices:
        return (d.tensor((), "bool"),), (1,)
    wide = np.broadcast_shapes(*(i.shape for i in indices))
    return indices, (*wide, *d.shape[count:])


def index_put(draw: Draw) -> Call:
    d = Drawn(draw, Hint(kind="eighths"))
    x = d.begin()
    indices, shape = _places(d)
    values = d.tensor(draw.narrower(shape))
    options = {"accumulate": draw.chance(0.5)} if draw.has("option", 0.5) else {}
    return Call((x, indices, values), options)


def masked_fill(draw: Draw) -> Call:
    d = Drawn(draw, Hint())
    x = d.begin()
    mask = d.tensor(draw.narrower(d.shape), "bool")
    return Call((x, mask, draw.number() if draw.chance(0.7) else d.tensor(())), {})


def masked_scatter(draw: Draw) -> Call:
    d = Drawn(draw, Hint())
    x = d.begin()
    count = int(np.prod(d.shape, dtype=int)) + draw.integer(0, 3)
    return Call((x, d.tensor(draw.narrower(d.shape), "bool"), d.tensor((count,))), {})


def where(draw: Draw) -> Call:
    d = Drawn(draw, Hint())
    x = d.begin()
    return Call((d.tensor(draw.narrower(d.shape), "bool"), x, d.other()), {})


def searchsorted(draw: Draw) -> Call:
    d = Drawn(draw, Hint((*REAL, *INTEGER), least=1))
    x = d.begin()
    x = with_values(draw, np.sort(x.array, axis=-1))
    values = d.tensor((*d.shape[:-1], draw.small()))
    return Call((x, values), {"right": draw.chance(0.5)} if draw.has("option", 0.5) else {})


def bucketize(draw: Draw) -> Call:
    d = Drawn(draw, Hint((*REAL, *INTEGER)))
    x = d.begin()
    edges = with_values(draw, np.sort(d.tensor((draw.small(),)).array))
    return Call((x, edges), {"right": draw.chance(0.5)} if draw.has("option", 0.5) else {})


def bincount(draw: Draw) -> Call:
    d = Drawn(draw, Hint(INTEGER, "positive", 1, 1))
    x = d.begin()
    options = {"minlength": draw.integer(0, 20)} if draw.has("option", 0.5) else {}
    if draw.has("option", 0.3):
        options["weights"] = d.tensor(dtype=draw.one(("float32", "float64", "int64")))
    return Call((x,), options)


def embedding(draw: Draw) -> Call:
    d = Drawn(draw, Hint(ANY, least=2, most=2))
    weight = d.begin()
    index = d.index(draw.shape(most=2, limit=400), d.shape[0], negative=False)
    return Call((index, weight), {})


def embedding_of_rows(draw: Draw) -> Call:
    (index, weight), _ = embedding(draw)
    return Call((weight, index), {})


def embedding_bag(draw: Draw) -> Call:
    d = Drawn(draw, Hint(REAL, "eighths", 2, 2))
    weight = d.begin()
    options = {"mode": draw.one(("sum", "mean", "max"))} if draw.has("option", 0.7) else {}
    if draw.chance(0.5):
        index = d.index((draw.small(), draw.small()), d.shape[0], negative=False)
        return Call((index, weight), options)
    index = d.index((draw.integer(1, 40),), d.shape[0], negative=False)
    starts = np.sort(draw.rng.integers(0, index.shape[0] + 1, draw.integer(1, 6)))
    starts[0] = 0
    return Call((index, weight, with_values(draw, starts)), options)


def one_hot(draw: Draw) -> Call:
    d = Drawn(draw, Hint(("int64",), "positive", limit=400))
    x = d.begin()
    classes = draw.integer(8, 12)
    return Call((x, classes) if draw.chance(0.5) else (x,), {})


def item(draw: Draw) -> Call:
    return Call((Drawn(draw, Hint(most=0)).begin(),), {})


def nonzero_static(draw: Draw) -> Call:
    x = Drawn(draw, Hint()).begin()
    return Call((x,), {"size": draw.integer(0, 20), "fill_value": draw.integer(-2, 3)})


def unravel_index(draw: Draw) -> Call:
    d = Drawn(draw, Hint())
    shape = tuple(draw.integer(1, 7) for _ in range(draw.integer(1, 4)))
    return Call((d.index(draw.shape(most=2), int(np.prod(shape)), negative=False), shape), {})


def getitem(draw: Draw) -> Call:
    """Any mixture of numbers, slices, None, ellipsis, masks and index tensors."""
    d = Drawn(draw, Hint())
    x = d.begin()
    index: list = []
    for n in d.shape[: draw.integer(0, d.ndim)]:
        start = draw.integer(-n - 1, n + 1)
        index.append(
            draw.one((
                draw.integer(-n, n - 1) if n else slice(None),
                slice(start, draw.integer(-n - 1, n + 1), draw.integer(1, 3)),
                slice(None),
                d.index(draw.one(((), (3,), (2, 1), (2, 3))), n),
                d.tensor((n,), "bool"),
            ))
        )  # fmt: skip
        if draw.chance(0.15):
            index.append(None)
    if draw.chance(0.25):
        index.insert(draw.integer(0, len(index)), Ellipsis)
    return Call((x, tuple(index)), {})


def unsafe_masked_index(draw: Draw) -> Call:
    d = Drawn(draw, Hint(("float32", "float64", "int64"), least=1, most=3))
    x = d.begin()
    shape = draw.shape(least=1, most=2, limit=300)
    indices = tuple(d.index(shape, n, negative=False) for n in d.shape)
    return Call((x, d.tensor(shape, DTYPES["bool"]), indices, draw.number()), {})


def unsafe_masked_index_put(draw: Draw) -> Call:
    (x, mask, indices, _), _ = unsafe_masked_index(draw)
    return Call((x, mask, indices, operand(draw, mask.shape, x.dtype, "eighths")), {})


RECIPES = {
    "gather": gather, "take_along_dim": take_along_dim, "scatter": scatter,
    "scatter_add": scatter_add, "scatter_reduce": scatter_reduce, "index_add": index_add,
    "index_copy": index_copy, "index_reduce": index_reduce, "index_fill": index_fill,
    "index_select": index_select, "take": take, "put": put, "index_put index_put_": index_put,
    "masked_fill": masked_fill, "masked_scatter": masked_scatter, "where": where,
    "searchsorted": searchsorted, "bucketize": bucketize, "bincount": bincount,
    "nn.functional.embedding": embedding, "embedding": embedding_of_rows,
    "nn.functional.embedding_bag": embedding_bag, "nn.functional.one_hot": one_hot,
    "Tensor.item": item, "nonzero_static": nonzero_static, "unravel_index": unravel_index,
    "Tensor.__getitem__": getitem, "_unsafe_masked_index": unsafe_masked_index,
    "_unsafe_masked_index_put_accumulate": unsafe_masked_index_put,
}  # fmt: skip
