"""How a function of NumPy's becomes one of the device: its arguments unwrapped, its results in the device's memory."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._source import Source
from .array import computed, ndarray, operand
from .capture import run, synchronizes

_WARNING = ("mean", "std", "var", "median", "quantile", "nan")
"""Functions that NumPy warns of, where there is nothing to take a mean of, and CuPy does not."""
_SYNCHRONOUS = (
    "argwhere",
    "bincount",
    "flatnonzero",
    "histogram",
    "nonzero",
    "setdiff1d",
    "unique",
)
"""Functions that wait for the GPU, because values decide how many elements there are."""


_VIEWS = frozenset(("broadcast_to", "expand_dims", "moveaxis", "squeeze", "swapaxes"))
"""Functions that look at no element: arrays may be on any device."""


def host(x: Any) -> Any:
    """What NumPy gets for an argument: the views in arrays, also in lists of them, and no arrays of the host.

    Raises:
        TypeError: It is a host array.
    """
    cls = x.__class__
    if cls is ndarray:
        return operand(x)
    if cls is list:
        return list(map(host, x))
    if cls is tuple:
        return tuple(map(host, x))
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    return x


def call(function: Callable, *args: Any, out: Any = None, **options: Any) -> Any:
    """A function of NumPy's, of arrays on the device."""
    views = function.__name__ in _VIEWS
    hosts = [x._host if views and x.__class__ is ndarray else host(x) for x in args]
    options = {name: host(value) for name, value in options.items() if value is not None}
    if function.__name__ in _SYNCHRONOUS:
        synchronizes()
    if out is not None:
        options["out"] = operand(out)
        run(lambda: _quietly(function, hosts, options))
        return out
    return computed(lambda: _quietly(function, hosts, options))


def accumulated(
    function: Callable, *args: Any, dtype: Any = None, out: Any = None, **options: Any
) -> Any:
    """A sum or product, which float16 and bfloat16 make in float32 and round once.

    CuPy adds in blocks, and NumPy along most axes number after number: sums of float32 are made in float64 instead.
    """
    hosts = [host(x) for x in args]
    options = {name: host(x) for name, x in options.items() if x is not None}
    kinds = [x.dtype for x in hosts if isinstance(x, np.ndarray | np.generic)]
    kind = kinds[0] if len(kinds) == 1 else np.result_type(*kinds) if kinds else np.dtype(float)
    short = dtype is None and kind.itemsize == 2 and kind.kind not in "iu"
    if dtype is not None:
        options["dtype"] = dtype

    long = dtype is None and kind.char in "fF" and function.__name__ in ("sum", "mean")

    def work() -> Any:
        if long:
            wider = np.result_type(kind, np.float64)
            return np.asarray(_quietly(function, hosts, {**options, "dtype": wider})).astype(kind)
        if not short:
            return _quietly(function, hosts, options)
        wide = [x.astype(np.float32) if isinstance(x, np.ndarray) else x for x in hosts]
        return np.asarray(_quietly(function, wide, options)).astype(kind)

    if out is None:
        return computed(work)
    target = operand(out)
    run(lambda: np.copyto(target, work(), "unsafe"))
    return out


def _quietly(function: Callable, hosts: Any, options: dict[str, Any]) -> Any:
    """A GPU says nothing of means of nothing."""
    if not function.__name__.startswith(_WARNING):
        return function(*hosts, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return function(*hosts, **options)


def ask(function: Callable, *args: Any, **options: Any) -> Any:
    """A question about arrays, which no kernel answers."""
    return function(
        *(x._host if x.__class__ is ndarray else x for x in args),
        **{name: value for name, value in options.items() if value is not None},
    )


def table(text: str) -> dict[str, str]:
    """The lines of a table by the names that they begin with."""
    return {line.partition("(")[0]: line for line in text.strip().splitlines()}


def written(line: str, function: Callable, through: Callable) -> Callable:
    """A function with the name and parameters of a line, which hands `function` what it is given."""
    source = Source(f"simulator.{function.__name__}", function=function, through=through)
    with source.block(f"def {line}:"):
        source(f"return through(function, {', '.join(_handed(line))})")
    return source.function(line.partition("(")[0])


def _handed(line: str) -> Iterator[str]:
    """A line's parameters, as a call hands them on: what must be given by place, the rest by name."""
    parameters = ast.parse(f"def {line}: pass").body[0].args  # type: ignore[attr-defined]
    places = parameters.posonlyargs + parameters.args
    needed = len(places) - len(parameters.defaults)
    for i, one in enumerate(places):
        yield one.arg if i < needed else f"{one.arg}={one.arg}"
    if parameters.vararg:
        yield f"*{parameters.vararg.arg}"
    for one in parameters.kwonlyargs:
        yield f"{one.arg}={one.arg}"
    if parameters.kwarg:
        yield f"**{parameters.kwarg.arg}"


__all__ = ["accumulated", "ask", "call", "host", "table", "written"]
