"""Elementwise functions, as `cupy.ufunc`: of arrays on the device and numbers, never of host arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import signatures
from .array import SCALARS, computed, ndarray, operand
from .call import call
from .capture import run
from .elementwise import OWN


class ufunc:
    """An elementwise function of arrays on the device."""

    def __init__(self, name: str, function: Any, nin: int, nout: int):
        self.__name__ = name
        self.name = f"cupy_{name}"
        self.nin, self.nout, self.nargs = nin, nout, nin + nout
        self._function = function
        self._compute = OWN.get(name, function)

    def __repr__(self) -> str:
        return f"<ufunc '{self.name}'>"

    def __reduce__(self) -> Any:
        return self.__name__

    @property
    def types(self) -> list[str]:
        return [t for t in getattr(self._function, "types", ()) if not set(t) & set("gGOMm")]

    def __call__(self, *args: Any, **options: Any) -> Any:
        if not self.nin <= len(args) <= self.nargs:
            raise TypeError(f"Wrong number of arguments for {self!r}")
        outs: tuple = args[self.nin :]
        if "out" in options:
            out = options.pop("out")
            outs = outs or (out if out.__class__ is tuple else () if out is None else (out,))
        for name in options:
            if name not in ("dtype", "casting", "where"):
                raise TypeError(f"Wrong arguments {options}")
        if "where" in options:
            if not outs:
                raise TypeError(
                    "CuPy leaves memory as it was found where `where` is false: give out="
                )
            options["where"] = operand(options["where"])
        hosts = [operand(x) for x in args[: self.nin]]
        for out in outs:
            if out.__class__ is not ndarray:
                raise TypeError("return arrays must be of ArrayType")
            options["out"] = tuple(operand(x) for x in outs)
        function = self._compute
        if outs:
            run(lambda: function(*hosts, **options))
            return outs[0] if self.nout == 1 else outs
        return computed(lambda: function(*hosts, **options))

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        """Combine elements in place, with every element that an index names more than once."""
        if self.__name__ not in (
            "add",
            "subtract",
            "maximum",
            "minimum",
            "bitwise_and",
            "bitwise_or",
            "bitwise_xor",
        ):
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        key = tuple(map(operand, indices)) if indices.__class__ is tuple else operand(indices)
        target, source = operand(a), operand(b)
        run(lambda: self._function.at(target, key, source))

    def outer(self, A: Any, B: Any, **kwargs: Any) -> Any:
        if A.__class__ is ndarray and B.__class__ is ndarray:
            A = A[(..., *(None,) * B.ndim)]
        return self(A, B, **kwargs)

    def reduce(
        self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        if self.__name__ not in ("add", "multiply"):
            raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")
        return self._along("reduce", array, out, axis=axis, dtype=dtype, keepdims=keepdims)

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        if self.__name__ not in ("add", "multiply"):
            raise NotImplementedError(f"`{self.name}.accumulate` is not supported yet")
        return self._along("accumulate", array, out, axis=axis, dtype=dtype)

    def reduceat(
        self, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
    ) -> Any:
        if self.__name__ != "add":
            raise NotImplementedError(f"`{self.name}.reduceat` is not supported yet")
        return self._along("reduceat", array, out, indices=operand(indices), axis=axis, dtype=dtype)

    def _along(self, method: str, array: Any, out: Any, **options: Any) -> Any:
        along = getattr(self._function, method)
        return call(along, array, out=out, **options)


_OUTPUTS = {"divmod": 2, "frexp": 2, "modf": 2}
_ONE = "fix i0 sinc"
"""Functions of one array that are no ufuncs in NumPy."""


def _ufunc(name: str) -> ufunc:
    function = getattr(np, name)
    nin = 1 if name in _ONE.split() else function.nin
    return ufunc(name, function, nin, _OUTPUTS.get(name, 1))


UFUNCS = {name: _ufunc(name) for name in signatures.UFUNCS.split()}

_OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "divmod": "divmod",
    "pow": "power",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
}
_COMPARISONS = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
_SIGNS = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}


def _operators() -> None:
    """Give arrays the operators that are elementwise functions."""
    for name, function in (_OPERATORS | _COMPARISONS).items():
        setattr(ndarray, f"__{name}__", _operator(UFUNCS[function]))
    for name, function in _OPERATORS.items():
        setattr(ndarray, f"__r{name}__", _reflected(UFUNCS[function]))
        if name != "divmod":
            setattr(ndarray, f"__i{name}__", _inplace(UFUNCS[function]))
    for name, function in _SIGNS.items():
        setattr(ndarray, f"__{name}__", _sign(UFUNCS[function]))


def _operator(function: ufunc) -> Any:
    def operator(self: ndarray, other: Any) -> Any:
        if other.__class__ is not ndarray and not isinstance(other, (*SCALARS, np.ndarray)):
            return NotImplemented
        return function(self, other)

    return operator


def _reflected(function: ufunc) -> Any:
    def operator(self: ndarray, other: Any) -> Any:
        if not isinstance(other, (*SCALARS, np.ndarray)):
            return NotImplemented
        return function(other, self)

    return operator


def _inplace(function: ufunc) -> Any:
    def operator(self: ndarray, other: Any) -> ndarray:
        function(self, other, self)
        return self

    return operator


def _sign(function: ufunc) -> Any:
    def operator(self: ndarray) -> Any:
        return function(self)

    return operator


_operators()

__all__ = ["UFUNCS", "ufunc"]
