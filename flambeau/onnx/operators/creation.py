"""Tensors of numbers."""

from __future__ import annotations

from typing import Any

from ..builder import INT64, Builder, Unsupported, Value, translates
from .shape import listed


def filled(b: Builder, sizes: list[Any], value: Any) -> Value:
    """A tensor of one number, of the type that the result has."""
    kind = b.out[0].dtype
    one = b.tensor(value, kind)
    return b.emit("Expand", one, b.ints(sizes), kind=kind) if sizes else one


def _of(value: Any) -> tuple[Any, Any, Any]:
    def plain(b: Builder, *size: Any, **options: Any) -> Value:
        return filled(b, listed(size or (options["size"],)), value)

    def like(b: Builder, input: Any, **options: Any) -> Value:
        kind = b.out[0].dtype
        return b.emit(
            "Expand", b.constant(value, kind), b.emit("Shape", input, kind=INT64), kind=kind
        )

    def new(b: Builder, input: Any, *size: Any, **options: Any) -> Value:
        return filled(b, listed(size or (options["size"],)), value)

    return plain, like, new


for _name, _value in (("zeros", 0), ("ones", 1), ("empty", 0)):
    for _key, _function in zip((_name, f"{_name}_like", f"new_{_name}"), _of(_value)):
        translates(_key)(_function)


@translates("full")
def full(b: Builder, size: Any, fill_value: Any, **options: Any) -> Value:
    return filled(b, list(size), fill_value)


@translates("new_full")
def new_full(b: Builder, input: Any, size: Any, fill_value: Any, **options: Any) -> Value:
    return filled(b, list(size), fill_value)


@translates("full_like", "fill")
def full_like(b: Builder, input: Any, fill_value: Any, **options: Any) -> Value:
    kind = b.out[0].dtype
    return b.emit(
        "Expand", b.tensor(fill_value, kind), b.emit("Shape", input, kind=INT64), kind=kind
    )


@translates("zero")
def zero(b: Builder, input: Any) -> Value:
    return full_like(b, input, 0)


@translates("arange")
def arange(b: Builder, *ends: Any, **options: Any) -> Value:
    kind = b.out[0].dtype
    start, end, step = {1: (0, *ends, 1), 2: (*ends, 1), 3: ends}[len(ends)]
    made = b.emit(
        "Range", b.tensor(start, kind), b.tensor(end, kind), b.tensor(step, kind), kind=kind
    )
    return made


@translates("eye")
def eye(b: Builder, n: Any, m: Any = None, **options: Any) -> Value:
    kind = b.out[0].dtype
    from ..builder import number_of

    shape = filled_zeros(b, [n, n if m is None else m])
    return b.emit("EyeLike", shape, kind=kind, dtype=number_of(kind))


def filled_zeros(b: Builder, sizes: list[Any]) -> Value:
    """Whole zeros of a shape."""
    return b.emit("Expand", b.constant(0), b.ints(sizes))


@translates("tensor", "scalar_tensor", "as_tensor", "asarray")
def tensor(b: Builder, data: Any, **options: Any) -> Value:
    if isinstance(data, (list, tuple)):
        raise Unsupported("torch.tensor of a list of what is computed")
    return b.tensor(data, b.out[0].dtype)
