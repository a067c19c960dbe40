"""Other shapes of the same elements, and elements side by side."""

from __future__ import annotations

from typing import Any

from ..builder import INT64, Builder, Unsupported, Value, translates


def listed(sizes: tuple) -> list[Any]:
    """Sizes that are given one by one, or as one list."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        return list(sizes[0])
    return list(sizes)


def reshaped(b: Builder, x: Value, sizes: list[Any]) -> Value:
    """The elements in another shape."""
    return b.emit("Reshape", x, b.ints(sizes), allowzero=int(0 in sizes) or None)


@translates("reshape", "view", "_unsafe_view")
def reshape(b: Builder, input: Any, *shape: Any, **options: Any) -> Value:
    sizes = listed(shape or tuple(options.values()))
    if len(sizes) == 1 and not isinstance(sizes[0], (int, Value)):
        raise Unsupported("view(dtype) reads other numbers from the same bytes")
    return reshaped(b, input, sizes)


@translates("reshape_as", "view_as")
def reshape_as(b: Builder, input: Any, other: Any) -> Value:
    return b.emit("Reshape", input, b.emit("Shape", other, kind=INT64))


@translates("expand_as")
def expand_as(b: Builder, input: Any, other: Any) -> Value:
    return b.emit("Expand", input, b.emit("Shape", other, kind=INT64))


@translates("flatten")
def flatten(b: Builder, input: Any, start_dim: int = 0, end_dim: int = -1) -> Value:
    rank = input.rank
    start, end = start_dim % max(rank, 1), end_dim % max(rank, 1)
    if rank == 0:
        return reshaped(b, input, [1])
    sizes = [b.size(input, i) for i in range(rank) if not start <= i <= end]
    sizes.insert(start, -1)
    return reshaped(b, input, sizes)


@translates("unflatten")
def unflatten(b: Builder, input: Any, dim: int, sizes: Any) -> Value:
    dim %= input.rank
    kept = [b.size(input, i) for i in range(input.rank)]
    return reshaped(b, input, [*kept[:dim], *sizes, *kept[dim + 1 :]])


def permuted(b: Builder, x: Value, order: list[int]) -> Value:
    """The dimensions in another order."""
    return b.emit("Transpose", x, perm=order)


@translates("permute")
def permute(b: Builder, input: Any, *dims: Any) -> Value:
    return permuted(b, input, [d % input.rank for d in listed(dims)])


@translates("transpose", "swapaxes", "swapdims")
def transpose(b: Builder, input: Any, dim0: int, dim1: int) -> Value:
    order = list(range(input.rank))
    if not order:
        return b.emit("Identity", input)
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permuted(b, input, order)


@translates("t", "mT", "T", "adjoint", "mH", "H")
def turned(b: Builder, input: Any) -> Value:
    order = list(range(input.rank))
    return permuted(b, input, [*order[:-2], *order[-2:][::-1]])


@translates("movedim", "moveaxis")
def movedim(b: Builder, input: Any, source: Any, destination: Any) -> Value:
    n = input.rank
    sources = [d % n for d in (source if isinstance(source, (tuple, list)) else [source])]
    targets = [
        d % n for d in (destination if isinstance(destination, (tuple, list)) else [destination])
    ]
    rest = [d for d in range(n) if d not in sources]
    for place, d in sorted(zip(targets, sources)):
        rest.insert(place, d)
    return permuted(b, input, rest)


@translates("squeeze")
def squeeze(b: Builder, input: Any, dim: Any = None) -> Value:
    if dim is None:
        dims = [i for i, n in enumerate(input.shape) if n == 1]
    else:
        dims = [d % input.rank for d in (dim if isinstance(dim, (tuple, list)) else [dim])]
        dims = [d for d in dims if input.shape[d] == 1]
    return b.emit("Squeeze", input, b.ints(dims)) if dims else b.emit("Identity", input)


@translates("unsqueeze")
def unsqueeze(b: Builder, input: Any, dim: int) -> Value:
    return b.emit("Unsqueeze", input, b.ints([dim]))


@translates("expand", "broadcast_to")
def expand(b: Builder, input: Any, *sizes: Any, **options: Any) -> Value:
    wanted = [
        1 if isinstance(n, int) and n == -1 else n for n in listed(sizes or tuple(options.values()))
    ]
    return b.emit("Expand", input, b.ints(wanted))


@translates("repeat", "tile")
def repeat(b: Builder, input: Any, *repeats: Any) -> Value:
    times = listed(repeats)
    if len(times) > input.rank:
        front = list(range(len(times) - input.rank))
        input = b.emit("Unsqueeze", input, b.ints(front)) if front else input
    elif len(times) < input.rank:
        times = [1] * (input.rank - len(times)) + times
    return b.emit("Tile", input, b.ints(times))


@translates("repeat_interleave")
def repeat_interleave(
    b: Builder, input: Any, repeats: Any, dim: int | None = None, *, output_size: Any = None
) -> Value:
    if not isinstance(repeats, int):
        raise Unsupported("repeat_interleave by a tensor gives as many elements as that says")
    if dim is None:
        sizes, dim = [b.emit("Size", input, kind=INT64)], 0
        input = reshaped(b, input, [-1])
        wide = b.emit("Tile", b.emit("Unsqueeze", input, b.ints([1])), b.ints([1, repeats]))
        return reshaped(b, wide, [-1])
    dim %= input.rank
    sizes = [b.size(input, i) for i in range(input.rank)]
    wide = b.emit("Unsqueeze", input, b.ints([dim + 1]))
    wide = b.emit("Tile", wide, b.ints([1] * (dim + 1) + [repeats] + [1] * (input.rank - dim - 1)))
    return reshaped(b, wide, [*sizes[:dim], -1, *sizes[dim + 1 :]])


@translates("cat", "concat", "concatenate")
def cat(b: Builder, tensors: Any, dim: int = 0) -> Value:
    kind = b.out[0].dtype
    parts = [b.tensor(x, kind) for x in tensors if not (x.rank == 1 and x.shape[0] == 0)]
    return b.emit("Concat", *parts, axis=dim)


@translates("stack")
def stack(b: Builder, tensors: Any, dim: int = 0) -> Value:
    kind = b.out[0].dtype
    place = b.ints([dim])
    return b.emit(
        "Concat", *(b.emit("Unsqueeze", b.tensor(x, kind), place) for x in tensors), axis=dim
    )


def _split(b: Builder, input: Value, sizes: list[int], dim: int) -> list[Value]:
    if len(sizes) == 1:
        return [b.emit("Identity", input)]
    return b.emit("Split", input, b.ints(sizes), outputs=len(sizes), axis=dim)


@translates("split", "chunk", "split_with_sizes", "tensor_split", "unsafe_chunk", "unsafe_split")
def split(b: Builder, input: Any, *args: Any, **options: Any) -> list[Value]:
    dim = options.get("dim", args[1] if len(args) > 1 else 0)
    sizes = [part.shape[dim] for part in b.out[0]]
    if b.out[1] is not None and sizes != [part.shape[dim] for part in b.out[1]]:
        raise Unsupported("split along a dimension whose size stays open")
    return _split(b, input, sizes, dim)


@translates("unbind")
def unbind(b: Builder, input: Any, dim: int = 0) -> list[Value]:
    parts = _split(b, input, [1] * len(b.out[0]), dim)
    return [b.emit("Squeeze", part, b.ints([dim])) for part in parts]


@translates("roll")
def roll(b: Builder, input: Any, shifts: Any, dims: Any = None) -> Value:
    shifts = list(shifts) if isinstance(shifts, (tuple, list)) else [shifts]
    if dims is None:
        raise Unsupported("roll over all dimensions at once: give dims")
    for shift, dim in zip(shifts, dims if isinstance(dims, (tuple, list)) else [dims]):
        if not shift:
            continue
        far = 2**62
        last = b.emit("Slice", input, b.ints([-shift]), b.ints([far]), b.ints([dim]))
        first = b.emit("Slice", input, b.ints([0]), b.ints([-shift]), b.ints([dim]))
        input = b.keep(b.emit("Concat", last, first, axis=dim), input)
    return b.emit("Identity", input)


@translates("flip")
def flip(b: Builder, input: Any, *dims: Any) -> Value:
    axes = [d % input.rank for d in listed(dims)]
    n = len(axes)
    ends = b.ints([-(2**62)] * n)
    return b.emit("Slice", input, b.ints([-1] * n), ends, b.ints(axes), b.ints([-1] * n))


@translates("tril")
def tril(b: Builder, input: Any, diagonal: int = 0) -> Value:
    return b.emit("Trilu", input, b.constant(diagonal), upper=0)


@translates("triu")
def triu(b: Builder, input: Any, diagonal: int = 0) -> Value:
    return b.emit("Trilu", input, b.constant(diagonal), upper=1)


@translates("pad")
def pad(
    b: Builder, input: Any, pad: Any, mode: str = "constant", value: float | None = None
) -> Value:
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    axes = list(range(input.rank - len(pairs), input.rank))
    kinds = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    if mode == "circular" and b.opset < 19:
        raise Unsupported("circular padding is in ONNX since opset 19: give opset_version=19")
    fill = b.constant(value or 0, input.type) if mode == "constant" else None
    amounts = b.ints([p[0] for p in pairs] + [p[1] for p in pairs])
    return b.emit("Pad", input, amounts, fill, b.ints(axes), mode=kinds[mode])


@translates("pixel_shuffle")
def pixel_shuffle(b: Builder, input: Any, upscale_factor: int) -> Value:
    if input.rank != 4:
        raise Unsupported("pixel_shuffle of other than four dimensions")
    return b.emit("DepthToSpace", input, blocksize=upscale_factor, mode="CRD")


@translates("pixel_unshuffle")
def pixel_unshuffle(b: Builder, input: Any, downscale_factor: int) -> Value:
    n, c, h, w = (b.size(input, i) for i in range(4))
    r = downscale_factor
    if isinstance(h, Value) or isinstance(w, Value):
        raise Unsupported("pixel_unshuffle of images whose size stays open")
    x = reshaped(b, input, [n, c, h // r, r, w // r, r])
    x = permuted(b, x, [0, 1, 3, 5, 2, 4])
    return reshaped(b, x, [n, c * r * r, h // r, w // r])


@translates("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(b: Builder, input: Any, groups: int) -> Value:
    sizes = [b.size(input, i) for i in range(input.rank)]
    x = reshaped(b, input, [sizes[0], groups, sizes[1] // groups, *sizes[2:]])
    x = permuted(b, x, [0, 2, 1, *range(3, input.rank + 1)])
    return reshaped(b, x, sizes)
