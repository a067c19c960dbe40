"""Parts of tensors, and elements at indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ..builder import BOOL, INT64, Builder, Unsupported, Value, translates
from .shape import permuted, reshaped

FAR = 2**62


def sliced(b: Builder, x: Value, cuts: list[tuple[int, Any, Any, int]]) -> Value:
    """A part: (dimension, start, end, step) of each cut."""
    if not cuts:
        return x
    dims, starts, ends, steps = zip(*cuts)
    made = b.emit("Slice", x, b.ints(starts), b.ints(ends), b.ints(dims), b.ints(steps))
    return made


@translates("narrow")
def narrow(b: Builder, input: Any, dim: int, start: Any, length: Any) -> Value:
    if isinstance(start, int) and isinstance(length, int):
        return sliced(b, input, [(dim, start, start + length, 1)])
    ends = b.emit("Add", b.ints([start]), b.ints([length]))
    return b.emit("Slice", input, b.ints([start]), ends, b.ints([dim]))


@translates("select")
def select(b: Builder, input: Any, dim: int, index: Any) -> Value:
    return b.emit("Gather", input, b.tensor(index, INT64), kind=input.type, axis=dim)


def _is_index(item: Any) -> bool:
    return isinstance(item, Tensor) or (
        isinstance(item, Value) and not isinstance(item.example, int)
    )


@translates("getitem", "__getitem__")
def getitem(b: Builder, input: Any, key: Any) -> Any:
    if isinstance(input, (tuple, list)):
        return input[key]
    items = list(key) if isinstance(key, (tuple, list)) else [key]
    taken = sum(
        item.rank if _is_mask(item) else item is not None and item is not Ellipsis for item in items
    )
    if Ellipsis not in [x for x in items if not isinstance(x, (Value, Tensor))]:
        items.append(Ellipsis)
    at = next(i for i, x in enumerate(items) if x is Ellipsis)
    items[at : at + 1] = [slice(None)] * (input.rank - taken)
    cuts, dropped, added, indices, dim, place = [], [], [], {}, 0, 0
    for item in items:
        if item is None:
            added.append(place)
            place += 1
        elif isinstance(item, slice):
            start, end = item.start or 0, FAR if item.stop is None else item.stop
            if (item.start, item.stop, item.step) not in ((None, None, None), (0, None, None)):
                cuts.append((dim, start, end, item.step or 1))
            dim, place = dim + 1, place + 1
        elif _is_index(item):
            indices[place] = b.tensor(item)
            dim, place = dim + (item.rank if _is_mask(item) else 1), place + 1
        else:
            end = item + 1 if isinstance(item, int) and item != -1 else FAR
            if isinstance(item, Value):
                end = b.emit("Add", item, b.constant([1]))
            cuts.append((dim, item, end, 1))
            dropped.append(dim)
            dim += 1
    x = sliced(b, input, cuts)
    x = b.emit("Squeeze", x, b.ints(dropped)) if dropped else x
    x = b.emit("Unsqueeze", x, b.ints(added)) if added else x
    rank = input.rank - len(dropped) + len(added)
    if not indices:
        return b.emit("Identity", x) if x is input else x
    return _gathered(b, x, rank, indices)


@translates("setitem", "__setitem__")
def setitem(b: Builder, input: Any, key: Any, value: Any) -> Value:
    """What a tensor holds after an assignment."""
    if _is_mask(key) and not (isinstance(value, Value) and value.rank):
        missing = input.rank - key.rank
        mask = (
            b.emit("Unsqueeze", key, b.ints([-1 - i for i in range(missing)])) if missing else key
        )
        return b.emit("Where", mask, b.tensor(value, input.type), input, kind=input.type)
    items = key if isinstance(key, tuple) else (key,)
    if any(isinstance(x, Value) or _is_index(x) for x in items) or None in input.shape:
        raise Unsupported("an assignment at indices, or in a tensor whose size stays open")
    sizes: Any = input.shape
    places = np.arange(int(np.prod(sizes))).reshape(sizes)[key]
    shape = b.ints(list(places.shape))
    updates = b.emit("Expand", b.tensor(value, input.type), shape, kind=input.type)
    flat = b.emit(
        *("ScatterElements", reshaped(b, input, [-1]), b.constant(places.reshape(-1))),
        reshaped(b, updates, [-1]),
        axis=0,
    )
    return reshaped(b, flat, list(sizes))


def _is_mask(item: Any) -> bool:
    return _is_index(item) and (item.type if isinstance(item, Value) else item.dtype) is BOOL


def _gathered(b: Builder, x: Value, rank: int, indices: dict[int, Value]) -> Value:
    """The elements at index tensors."""
    dims = sorted(indices)
    if len(dims) == 1 and not _is_mask(indices[dims[0]]):
        at = b.cast(indices[dims[0]], INT64)
        return b.emit("Gather", x, at, kind=x.type, axis=dims[0])
    if any(_is_mask(item) for item in indices.values()):
        if len(dims) > 1 or dims[0] != 0:
            raise Unsupported("an index of bools beside other indices")
        places = permuted(b, b.emit("NonZero", indices[0], kind=INT64), [1, 0])
        return b.emit("GatherND", x, places, kind=x.type)
    if dims != list(range(dims[0], dims[0] + len(dims))):
        raise Unsupported("index tensors with slices between them")
    order = [*dims, *(d for d in range(rank) if d not in indices)]
    deepest = max(indices[d].rank for d in dims)
    zero = b.constant(0)
    total = zero
    for d in dims:
        total = b.emit("Add", total, b.emit("Mul", b.cast(indices[d], INT64), zero))
    ends = b.ints([-1])
    parts = [
        b.emit("Unsqueeze", b.emit("Add", b.cast(indices[d], INT64), total), ends) for d in dims
    ]
    found = b.emit(
        "GatherND", permuted(b, x, order), b.emit("Concat", *parts, axis=-1), kind=x.type
    )
    if dims[0] == 0:
        return found
    front, size = dims[0], deepest + rank - len(dims)
    back = [deepest + i for i in range(front)] + list(range(deepest))
    return permuted(b, found, back + [i for i in range(size) if i not in back])


@translates("gather")
def gather(b: Builder, input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Value:
    return b.emit("GatherElements", input, index, axis=dim)


@translates("take_along_dim")
def take_along_dim(b: Builder, input: Any, indices: Any, dim: int) -> Value:
    places = [b.size(input, i) for i in range(input.rank)]
    places[dim] = b.size(indices, dim)
    return b.emit("GatherElements", input, b.emit("Expand", indices, b.ints(places)), axis=dim)


@translates("index_select")
def index_select(b: Builder, input: Any, dim: int, index: Any) -> Value:
    return b.emit("Gather", input, index, axis=dim)


@translates("scatter")
def scatter(
    b: Builder,
    input: Any,
    dim: int,
    index: Any,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Value:
    if reduce is not None:
        raise Unsupported("scatter with reduce: use scatter_add or scatter_reduce")
    updates = src if value is None else value
    if not _is_index(updates):
        shape = b.emit("Shape", index, kind=INT64)
        updates = b.emit("Expand", b.tensor(updates, input.type), shape)
    return b.emit("ScatterElements", input, index, updates, axis=dim)


@translates("scatter_add")
def scatter_add(b: Builder, input: Any, dim: int, index: Any, src: Any) -> Value:
    return b.emit("ScatterElements", input, index, src, axis=dim, reduction="add")


@translates("masked_select")
def masked_select(b: Builder, input: Any, mask: Any) -> Value:
    shape = b.emit("Shape", input, kind=INT64)
    chosen = b.emit("Expand", mask, shape)
    return b.emit("Compress", reshaped(b, input, [-1]), reshaped(b, chosen, [-1]))


@translates("nonzero")
def nonzero(b: Builder, input: Any, as_tuple: bool = False) -> Value:
    if as_tuple:
        raise Unsupported("nonzero(as_tuple=True)")
    return permuted(b, b.emit("NonZero", input, kind=INT64), [1, 0])


@translates("one_hot")
def one_hot(b: Builder, tensor: Any, num_classes: int = -1) -> Value:
    if num_classes < 0:
        raise Unsupported("one_hot without num_classes: their number would depend on the indices")
    return b.emit(
        "OneHot", tensor, b.constant([num_classes]), b.constant([0, 1]), kind=INT64, axis=-1
    )


@translates("embedding")
def embedding(
    b: Builder,
    input: Any,
    weight: Any,
    padding_idx: Any = None,
    max_norm: Any = None,
    *rest: Any,
    **options: Any,
) -> Value:
    if max_norm is not None:
        raise Unsupported("embedding with max_norm writes to its table")
    return b.emit("Gather", weight, b.tensor(input), axis=0)
