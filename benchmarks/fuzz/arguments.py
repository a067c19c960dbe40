"""Arguments by the names that they have in signatures: what a call of any function is made of."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .draw import Draw
from .operand import ANY, DTYPES, INTEGER, REAL, SIGNED, Operand, operand, with_values

if TYPE_CHECKING:
    from .registry import Entry

REQUIRED = Parameter.empty


class Call(NamedTuple):
    """What a function is called with: tensors are `Operand`, dtypes `DType`."""

    args: tuple
    kwargs: dict[str, Any]


class DType(NamedTuple):
    """Stands for a dtype of the library that is called."""

    name: str


class Drawn:
    """The arguments of one call while they are drawn.

    Attributes:
        shape, dtype: Of the first tensor.
    """

    def __init__(self, draw: Draw, hint: Hint):
        self.draw, self.hint = draw, hint
        self.shape: tuple[int, ...] = ()
        self.dtype = DTYPES[draw.one(hint.dtypes)]
        self.first: Operand | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def begin(self) -> Operand:
        hint = self.hint
        self.shape = self.draw.shape(hint.least, hint.most, hint.limit)
        self.first = operand(self.draw, self.shape, self.dtype, hint.kind)
        return self.first

    def tensor(
        self, shape: tuple[int, ...] | None = None, dtype: Any = None, kind: str | None = None
    ) -> Operand:
        """A tensor like the first, or of another shape or dtype."""
        draw = self.draw
        shape = self.shape if shape is None else shape
        dtype = self.dtype if dtype is None else DTYPES[dtype] if isinstance(dtype, str) else dtype
        return operand(draw, shape, dtype, kind or self.hint.kind)

    def other(self) -> Any:
        """A second operand: of the first one's shape, one that broadcasts, another dtype, a number."""
        draw = self.draw
        if draw.has("number", 0.15):
            return draw.number()
        dtype = DTYPES[draw.one(self.hint.dtypes)] if draw.has("mixed", 0.15) else self.dtype
        return self.tensor(draw.narrower(self.shape), dtype)

    def index(self, shape: tuple[int, ...], bound: int, negative: bool = True) -> Operand:
        """Places along a dimension, few of them out of range."""
        draw = self.draw
        low = -bound if negative and draw.chance(0.3) else 0
        high = max(bound, 1) + (1 if draw.has("invalid", 0.03) else 0)
        places = draw.rng.integers(low, max(high, low + 1), shape)
        return with_values(draw, places.astype(np.int64))


class Hint(NamedTuple):
    """What a function's tensors should be, so that it does not refuse most of them."""

    dtypes: tuple[str, ...] = ANY
    kind: str = "normal"
    least: int = 0
    most: int = 4
    limit: int = 4096


UNIT, POSITIVE = Hint(REAL, "unit"), Hint(REAL, "positive")
HINTS = {
    "acos asin atanh erfinv logit ndtri i0e bernoulli": UNIT,
    "log log2 log10 log1p sqrt rsqrt lgamma digamma polygamma mvlgamma igamma igammac zeta acosh "
    "gammaln multigammaln gammainc gammaincc entr xlogy xlog1py poisson": POSITIVE,
    "bitwise_and bitwise_or bitwise_xor bitwise_not gcd lcm": Hint((*INTEGER, *INTEGER, "bool")),
    "bitwise_left_shift bitwise_right_shift": Hint(INTEGER, "positive"),
    "softmax log_softmax layer_norm logsumexp mean var std quantile nanquantile softmin "
    "median nanmedian logcumsumexp normalize": Hint((*REAL, *REAL, "complex64", "int64")),
    "cumsum cumprod sum prod nansum": Hint((*ANY,), "eighths"),
    "tril triu fliplr rot90 vsplit t matrix_exp": Hint(ANY, least=2, most=3),
    "quantile nanquantile": Hint(REAL, most=2, limit=1000),
    "combinations": Hint(ANY, least=1, most=1, limit=20),
    "pdist": Hint(REAL, least=2, most=2, limit=400),
}
BY_NAME = {name: hint for names, hint in HINTS.items() for name in names.split()}


def _dim(d: Drawn) -> Any:
    return d.draw.dim(d.ndim)


def _dims(d: Drawn) -> Any:
    return d.draw.dims(d.ndim)


def _flag(d: Drawn) -> Any:
    return d.draw.chance(0.5)


def _size_of(d: Drawn, dim: int = 0) -> int:
    return d.shape[dim] if d.shape else 1


def _dtype(d: Drawn) -> Any:
    return DType(d.draw.one((*ANY, "uint16")))


def _other_shape(d: Drawn) -> tuple[int, ...]:
    """Another shape of as many elements."""
    draw, rest, made = d.draw, int(np.prod(d.shape, dtype=int)), []
    while rest > 1 and len(made) < 5:
        n = draw.one([k for k in range(1, min(rest, 64) + 1) if rest % k == 0])
        made.append(n)
        rest //= n
    made += [rest] if rest != 1 else []
    if made and 0 not in made and draw.chance(0.2):
        made[draw.integer(0, len(made) - 1)] = -1
    return tuple(made)


def _broadcast_shape(d: Drawn) -> tuple[int, ...]:
    draw = d.draw
    wider = [draw.size() if n == 1 and draw.chance(0.5) else n for n in d.shape]
    return (*(draw.small() for _ in range(draw.integer(0, 2))), *wider)


def _like_dim(d: Drawn) -> Operand:
    return d.tensor(tuple(d.draw.one((n, 1)) for n in d.shape))


Maker = Callable[[Drawn], Any]
MAKERS: dict[str, Maker] = {
    "other exponent value_ values tensor1 tensor2 end weight_ end_ input2 x2 target var": lambda d: d.other(),
    "dim dim0 dim1 dim2 axis0 axis1 start_dim end_dim": _dim,
    "dims": _dims,
    "keepdim largest sorted descending stable upper right invert assume_unique out_int32 equal_nan "
    "accumulate periodic as_tuple include_self return_inverse return_counts increasing density "
    "hermitian check_errors some left unitriangular transpose with_replacement log_target "
    "full log_input swap training ceil_mode count_include_pad align_corners": _flag,
    "dtype": _dtype,
    "correction": lambda d: d.draw.one((0, 1, 2, 0.5)),
    "alpha": lambda d: d.draw.one((1, 2, -1, 0, 3)),
    "beta": lambda d: d.draw.one((1, 0.5, 2)),
    "p": lambda d: d.draw.one((1, 2, 0.5, 3, 0, float("inf"))),
    "ord": lambda d: d.draw.one((0, 1, 2, 3, float("inf"), -float("inf"), -1, 0.5)),
    "n": lambda d: d.draw.integer(0, 6),
    "r": lambda d: d.draw.integer(0, 3),
    "k": lambda d: d.draw.integer(1, max(1, _size_of(d))),
    "decimals": lambda d: d.draw.integer(-2, 3),
    "diagonal offset": lambda d: d.draw.integer(-3, 3),
    "shifts": lambda d: d.draw.integer(-5, 5),
    "repeats": lambda d: d.draw.integer(0, 3),
    "chunks split_size_or_sections split_size": lambda d: d.draw.integer(1, 5),
    "bins num_samples": lambda d: d.draw.integer(1, 12),
    "min max": lambda d: d.draw.one((None, 0, 1, -1, 0.5, -0.5)),
    "shape": _other_shape,
    "size": _broadcast_shape,
    "fill_value value": lambda d: d.draw.number(),
    "rounding_mode": lambda d: d.draw.one((None, "trunc", "floor")),
    "reduction": lambda d: d.draw.one(("none", "mean", "sum")),
    "norm": lambda d: d.draw.one(("forward", "backward", "ortho")),
    "q": lambda d: d.draw.one((0.0, 0.25, 0.5, 0.7, 1.0)),
    "interpolation": lambda d: d.draw.one(("linear", "lower", "higher", "midpoint", "nearest")),
    "nan posinf neginf": lambda d: d.draw.one((None, 0.0, 1.5, -2)),
    "mask condition": lambda d: d.tensor(d.draw.narrower(d.shape), "bool"),
    "threshold lambd negative_slope eps margin delta": lambda d: d.draw.one((0.01, 0.5, 1.0, 0.1)),
    "min_val lower": lambda d: d.draw.one((-1.0, -0.5, 0.125)),
    "max_val": lambda d: d.draw.one((1.0, 0.5)),
    "approximate": lambda d: d.draw.one(("none", "tanh")),
    "memory_format": lambda d: None,
}  # fmt: skip
BY_ARGUMENT = {name: maker for names, maker in MAKERS.items() for name in names.split()}
TENSORS = frozenset(
    name
    for names in (
        "input self A x L LU_data input1 x1 tensor abs real mat vec vec1 vec2 batch1 batch2 a b B y",
        "source src elements test_elements tau tensor obj theta LD LU data weight prob count mean",
        "imag angle logits anchor positive negative boundaries sorted_sequence",
    )
    for name in names.split()
)
REPEATED = frozenset(("*tensors", "tensors", "*matrices"))


def hint_of(entry: Entry) -> Hint:
    return BY_NAME.get(entry.name.rstrip("_"), Hint())


def by_signature(entry: Entry, draw: Draw) -> Call:
    """A call whose arguments follow from their names."""
    d = Drawn(draw, hint_of(entry))
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    optional = draw.has("option", 0.6)
    for name, default in entry.parameters.items():
        if name in REPEATED:
            several = tuple(d.tensor() if d.first else d.begin() for _ in range(draw.integer(1, 3)))
            args.extend(several if name[0] == "*" else [several])
        elif name in TENSORS and (default is REQUIRED or (optional and draw.chance(0.5))):
            value = d.tensor(draw.narrower(d.shape)) if d.first else d.begin()
            _add(args, kwargs, name, default, value)
        elif name in BY_ARGUMENT and (default is REQUIRED or (optional and draw.chance(0.4))):
            _add(args, kwargs, name, default, BY_ARGUMENT[name](d))
        elif default is REQUIRED and not name.startswith("*"):
            args.append(draw.number())
    return Call(tuple(args), kwargs)


def foreach(entry: Entry, draw: Draw) -> Call:
    """A call of a function of lists of tensors, which takes them one by one."""
    d = Drawn(draw, Hint(REAL))
    count, args = draw.integer(1, 3), []
    shapes = [draw.shape(most=3, limit=400) for _ in range(count)]
    for name, default in entry.parameters.items():
        if name in (
            "self",
            "other",
            "tensor1",
            "tensor2",
            "src",
            "tensors1",
            "weights",
            "exponent",
        ):
            args.append([operand(draw, s, d.dtype, own=name == "self") for s in shapes])
        elif default is REQUIRED:
            args.append(draw.number())
    return Call(tuple(args), {})


def _add(args: list, kwargs: dict, name: str, default: Any, value: Any) -> None:
    if default is REQUIRED:
        args.append(value)
    else:
        kwargs[name] = value


def integers(draw: Draw) -> np.dtype:
    return DTYPES[draw.one(SIGNED)]
