"""Sums, extremes and order along dimensions."""

from __future__ import annotations

from typing import Any

from ..builder import BOOL, INT64, Builder, Unsupported, Value, translates


def axes_of(dim: Any) -> list[int] | None:
    if dim is None or dim == () or dim == []:
        return None
    return list(dim) if isinstance(dim, (tuple, list)) else [dim]


def reduced(b: Builder, operator: str, x: Value, dim: Any, keepdim: bool) -> Value:
    """A reduction; its dimensions are an input or, in older forms, an attribute."""
    axes = axes_of(dim)
    inputs = [x] if axes is None else [x, b.ints(axes)]
    return b.emit(operator, *inputs, keepdims=int(keepdim))


def _simple(operator: str) -> Any:
    def write(
        b: Builder, input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
    ) -> Value:
        return reduced(b, operator, b.tensor(input, b.out[0].dtype), dim, keepdim)

    return write


for _name, _operator in {
    "sum": "ReduceSum", "mean": "ReduceMean", "prod": "ReduceProd", "amax": "ReduceMax", "amin": "ReduceMin",
    "logsumexp": "ReduceLogSumExp",
}.items():  # fmt: skip
    translates(_name)(_simple(_operator))


def _extreme(operator: str, chosen: str, pairwise: str) -> Any:
    def write(b: Builder, input: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if isinstance(dim, Value) and not isinstance(dim.example, int):
            kind = b.out[0].dtype
            return b.emit(pairwise, b.tensor(input, kind), b.tensor(dim, kind))
        values = reduced(b, operator, input, dim, keepdim)
        if dim is None:
            return values
        places = b.emit(chosen, input, kind=INT64, axis=dim, keepdims=int(keepdim))
        return [values, places]

    return write


translates("max")(_extreme("ReduceMax", "ArgMax", "Max"))
translates("min")(_extreme("ReduceMin", "ArgMin", "Min"))


def _argument(operator: str) -> Any:
    def write(b: Builder, input: Any, dim: int | None = None, keepdim: bool = False) -> Value:
        if dim is None:
            input, dim = b.emit("Reshape", input, b.ints([-1])), 0
        return b.emit(operator, input, kind=INT64, axis=dim, keepdims=int(keepdim))

    return write


translates("argmax")(_argument("ArgMax"))
translates("argmin")(_argument("ArgMin"))


def _of_bools(operator: str) -> Any:
    def write(b: Builder, input: Any, dim: Any = None, keepdim: bool = False) -> Value:
        whole = b.emit("Cast", b.tensor(input, BOOL), kind=INT64, to=7)
        return b.cast(reduced(b, operator, whole, dim, keepdim), BOOL)

    return write


translates("any")(_of_bools("ReduceMax"))
translates("all")(_of_bools("ReduceMin"))


def _moments(b: Builder, x: Value, dim: Any, correction: float, keepdim: bool) -> Value:
    axes = axes_of(dim)
    mean = reduced(b, "ReduceMean", x, axes, True)
    gap = b.emit("Sub", x, mean)
    total = reduced(b, "ReduceSum", b.emit("Mul", gap, gap), axes, keepdim)
    count: Any = 1
    for d in range(x.rank) if axes is None else axes:
        n = x.shape[d]
        if n is None:
            raise Unsupported("a variance over a dimension whose size stays open")
        count *= n
    return b.emit("Div", total, b.constant(max(count - correction, 0), x.type))


@translates("var")
def var(
    b: Builder,
    input: Any,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Value:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    correction = correction if correction is not None else 1 if unbiased is None else int(unbiased)
    return _moments(b, input, dim, correction, keepdim)


@translates("std")
def std(b: Builder, input: Any, *args: Any, **options: Any) -> Value:
    return b.emit("Sqrt", var(b, input, *args, **options))


@translates("norm", "vector_norm", "linalg_vector_norm")
def norm(
    b: Builder, input: Any, p: Any = 2, dim: Any = None, keepdim: bool = False, **options: Any
) -> Value:
    p = options.get("ord", p)
    if p in (2, 2.0, "fro", None):
        return reduced(b, "ReduceL2", input, dim, keepdim)
    if p in (1, 1.0):
        return reduced(b, "ReduceL1", input, dim, keepdim)
    if p == float("inf"):
        return reduced(b, "ReduceMax", b.emit("Abs", input), dim, keepdim)
    powers = b.emit("Pow", b.emit("Abs", input), b.constant(p, input.type))
    total = reduced(b, "ReduceSum", powers, dim, keepdim)
    return b.emit("Pow", total, b.constant(1 / p, input.type))


@translates("normalize")
def normalize(b: Builder, input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Value:
    length = b.emit("Max", norm(b, input, p, dim, True), b.constant(eps, input.type))
    return b.emit("Div", input, length)


@translates("cumsum")
def cumsum(b: Builder, input: Any, dim: int, *, dtype: Any = None) -> Value:
    return b.emit("CumSum", b.tensor(input, b.out[0].dtype), b.constant(dim))


@translates("diff")
def diff(
    b: Builder, input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None
) -> Value:
    dim %= input.rank
    parts = [x for x in (prepend, input, append) if x is not None]
    x = parts[0] if len(parts) == 1 else b.emit("Concat", *parts, axis=dim)
    for _ in range(n):
        later = b.emit("Slice", x, b.ints([1]), b.ints([2**62]), b.ints([dim]))
        x = b.emit("Sub", later, b.emit("Slice", x, b.ints([0]), b.ints([-1]), b.ints([dim])))
    return x


@translates("topk")
def topk(
    b: Builder, input: Any, k: Any, dim: int = -1, largest: bool = True, sorted: bool = True
) -> list[Value]:
    return _top(b, input, b.ints([k]), dim, largest, sorted)


def _top(b: Builder, x: Value, k: Value, dim: int, largest: bool, ordered: bool) -> list[Value]:
    values, places = b.emit(
        "TopK", x, k, outputs=2, axis=dim, largest=int(largest), sorted=int(ordered)
    )
    places.type = INT64
    return [values, places]


@translates("sort")
def sort(
    b: Builder, input: Any, dim: int = -1, descending: bool = False, stable: bool = False
) -> list[Value]:
    return _top(b, input, b.ints([b.size(input, dim)]), dim, descending, True)


@translates("argsort")
def argsort(
    b: Builder, input: Any, dim: int = -1, descending: bool = False, stable: bool = False
) -> Value:
    return sort(b, input, dim, descending)[1]


@translates("count_nonzero")
def count_nonzero(b: Builder, input: Any, dim: Any = None) -> Value:
    return reduced(
        b, "ReduceSum", b.emit("Cast", b.tensor(input, BOOL), kind=INT64, to=7), dim, False
    )
