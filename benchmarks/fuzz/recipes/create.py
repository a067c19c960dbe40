"""Functions that make tensors of sizes, numbers and draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arguments import Call, Drawn, DType, Hint
from ..draw import Draw
from ..operand import ANY, REAL, operand, with_values

FLOATS = ("float32", "float64", "float16", "bfloat16")


def _dtype(draw: Draw, names: tuple[str, ...] = ANY) -> dict[str, Any]:
    return {"dtype": DType(draw.one(names))} if draw.has("option", 0.5) else {}


def sized(draw: Draw) -> Call:
    return Call((draw.shape(),), _dtype(draw))


def random(draw: Draw) -> Call:
    return Call((draw.shape(),), _dtype(draw, FLOATS))


def full(draw: Draw) -> Call:
    return Call((draw.shape(), draw.number()), _dtype(draw))


def new_sized(draw: Draw) -> Call:
    return Call((Drawn(draw, Hint()).begin(), draw.shape()), {})


def new_full(draw: Draw) -> Call:
    return Call((Drawn(draw, Hint()).begin(), draw.shape(), draw.number()), {})


def arange(draw: Draw) -> Call:
    start, step = draw.one((0, 1, -3, 0.5, 2.25)), draw.one((1, 2, 0.5, 0.1, -1, -0.3))
    end = start + step * draw.integer(0, 40)
    return Call((start, end, step), _dtype(draw, (*FLOATS, "int64", "int32")))


def linspace(draw: Draw) -> Call:
    ends = draw.one((0, -2.5, 3)), draw.one((1, 4.5, -7))
    return Call((*ends, draw.integer(0, 70)), _dtype(draw, (*FLOATS, "int64", "complex64")))


def logspace(draw: Draw) -> Call:
    (start, end, steps), kwargs = linspace(draw)
    return Call((start, end, min(steps, 9)), kwargs)


def randint(draw: Draw) -> Call:
    return Call((draw.integer(-5, 0), draw.integer(1, 100), draw.shape()), _dtype(draw))


def randint_like(draw: Draw) -> Call:
    return Call((Drawn(draw, Hint()).begin(), draw.integer(-5, 0), draw.integer(1, 100)), {})


def count(draw: Draw) -> Call:
    return Call((draw.integer(0, 200),), _dtype(draw, ("int64", "int32", "float32")))


def triangle(draw: Draw) -> Call:
    return Call((draw.integer(0, 9), draw.integer(0, 9), draw.integer(-4, 4)), {})


def window(draw: Draw) -> Call:
    return Call((draw.integer(0, 70),), _dtype(draw, FLOATS))


def shapes(draw: Draw) -> Call:
    shape = draw.shape()
    return Call((shape, draw.narrower(shape)), {})


def multinomial(draw: Draw) -> Call:
    d = Drawn(draw, Hint(REAL, "positive", 1, 2))
    x = d.begin()
    replacement = draw.chance(0.5)
    most = max(d.shape[-1], 1)
    return Call((x, draw.integer(1, most), replacement), {})


def binomial(draw: Draw) -> Call:
    shape = draw.shape(most=2)
    dtype = np.dtype(draw.one(("float32", "float64")))
    trials = with_values(draw, draw.rng.integers(0, 30, shape).astype(dtype))
    return Call((trials, operand(draw, shape, dtype, "unit")), {})


def normal(draw: Draw) -> Call:
    d = Drawn(draw, Hint(("float32", "float64"), "positive"))
    x = d.begin()
    return Call((x, d.tensor()), {})


def gamma(draw: Draw) -> Call:
    return Call((Drawn(draw, Hint(("float32", "float64"), "positive")).begin(),), {})


def probability(draw: Draw) -> Call:
    d = Drawn(draw, Hint(REAL, "unit"))
    return Call((d.begin(), draw.one((0.1, 0.5, 0.9))), {})


def scalar(draw: Draw) -> Call:
    return Call((draw.number(),), _dtype(draw))


def data(draw: Draw) -> Call:
    values = Drawn(draw, Hint(("float64", "int64", "bool"), limit=60)).begin().array.tolist()
    return Call((values,), _dtype(draw))


RECIPES = {
    "zeros ones": sized, "full": full, "rand randn": random, "Tensor.new_ones Tensor.new_zeros": new_sized,
    "Tensor.new_full": new_full, "arange range": arange, "linspace": linspace, "logspace": logspace,
    "randint": randint, "randint_like": randint_like, "randperm eye": count,
    "tril_indices triu_indices": triangle,
    "bartlett_window blackman_window hamming_window hann_window kaiser_window": window,
    "broadcast_shapes": shapes, "multinomial": multinomial, "binomial": binomial, "normal": normal,
    "_standard_gamma poisson": gamma, "Tensor.geometric_": probability, "scalar_tensor": scalar,
    "tensor as_tensor asarray": data,
}  # fmt: skip
