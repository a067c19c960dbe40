"""NumPy, as definitions see it for arrays on a CUDA device: NumPy's names, CuPy's functions.

A function is CuPy's where one of its arguments is a device array, else NumPy's: definitions also compute shapes. Functions
that make arrays make them on the device. What CuPy lacks is computed on the host, with one warning for each name.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ...kernels.cuda import driver
from ..twin import holds
from .shim import ACCUMULATE, SHIMS, folded

MAKES = frozenset(
    [
        "arange",
        "array",
        "asarray",
        "ascontiguousarray",
        "asfortranarray",
        "empty",
        "eye",
        "from_dlpack",
        "full",
        "identity",
        "linspace",
        "logspace",
        "ones",
        "tri",
        "tril_indices",
        "triu_indices",
        "zeros",
    ]
)
"""Functions that make arrays of what is no array."""
SERIES = f"{__name__.partition('.')[0]}.formula.special"
HOST = frozenset(
    [
        "broadcast_shapes",
        "can_cast",
        "dtype",
        "einsum_path",
        "errstate",
        "finfo",
        "iinfo",
        "promote_types",
        "ndim",
    ]
)
"""Those that are about shapes and dtypes alone."""
REDUCE = {
    "add": "sum", "multiply": "prod", "maximum": "amax", "minimum": "amin", "logical_and": "all", "logical_or": "any",
}  # fmt: skip
"""CuPy's functions for NumPy's reductions by universal functions."""


class Functions:
    """A module of NumPy's, or part of one, with CuPy's functions for device arrays.

    Args:
        cupy: CuPy.
        exchanged: Makes a function of NumPy's arrays one of device arrays.
        device, host: The part of CuPy, and that of NumPy.
    """

    def __init__(
        self, cupy: Any, exchanged: Callable, device: Any = None, host: Any = np, path: str = ""
    ):
        self._cupy, self._exchanged = cupy, exchanged
        self._device, self._host, self._path = cupy if device is None else device, host, path
        if not path:
            self.__name__, self.ndarray = "cuda", cupy.ndarray

    def own(self, function: Callable, reduces: bool) -> Any:
        """A function of NumPy's arrays that a formula calls, for device arrays.

        Those of `formula/special/` are series that end where all elements are right: each step would wait for the device.
        """
        if function.__module__.startswith(SERIES):
            return on_host(function, function.__name__, self._cupy)
        return self._exchanged(function)

    def __getattr__(self, name: str) -> Any:
        made = self._found(name)
        setattr(self, name, made)
        return made

    def _found(self, name: str) -> Any:
        host, device = getattr(self._host, name), getattr(self._device, name, None)
        path = f"{self._path}{name}"
        if isinstance(host, ModuleType):
            return Functions(self._cupy, self._exchanged, device, host, f"{path}.")
        if name in HOST or isinstance(host, type) or not callable(host):
            return host
        if path in SHIMS:
            device = functools.partial(SHIMS[path], self._cupy)
        if device is None:
            return on_host(host, f"np.{path}", self._cupy)
        if self._path == "linalg.":
            device = looked_at(device)
        if name in MAKES:
            return device
        if isinstance(host, np.ufunc):
            return Universal(host, device, name, self._cupy)
        return chosen(host, device, self._cupy.ndarray)


class Universal:
    """A universal function and its methods."""

    def __init__(self, host: np.ufunc, device: Any, name: str, cupy: Any):
        self.host, self.device, self.name, self.cupy = host, device, name, cupy
        self.nin, self.nout = host.nin, host.nout
        self.__name__ = name

    def __call__(self, *given: Any, **options: Any) -> Any:
        if self.name.startswith("logical_"):
            given = tuple(
                x != 0 if getattr(x, "dtype", None) is not None and x.dtype.kind == "c" else x
                for x in given
            )
        if holds(self.cupy.ndarray, given) or "out" in options:
            return self.device(*given, **options)
        return self.host(*given, **options)

    def reduce(
        self, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        if x.__class__ is not self.cupy.ndarray:
            return self.host.reduce(x, axis, dtype, out, keepdims)  # type: ignore[call-arg]
        if self.name not in REDUCE:
            return folded(self.device, x, axis, keepdims)
        function = getattr(self.cupy, REDUCE[self.name])
        more = {} if dtype is None else {"dtype": dtype}
        return function(x, axis=axis, out=out, keepdims=keepdims, **more)

    def accumulate(self, x: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        if x.__class__ is not self.cupy.ndarray:
            return self.host.accumulate(x, axis, dtype, out)
        return ACCUMULATE[self.name](self.cupy, x, axis)

    def outer(self, x: Any, y: Any) -> Any:
        return self.device(x.reshape(*x.shape, *(1,) * y.ndim), y)

    def at(self, x: Any, key: Any, *values: Any) -> None:
        self.device.at(x, key, *values)


def chosen(host: Callable, device: Callable, cls: type) -> Callable:
    """CuPy's function for device arrays, NumPy's for all else."""

    def call(*given: Any, **options: Any) -> Any:
        own = holds(cls, given) or (options and holds(cls, options.values()))
        return (device if own else host)(*given, **options)

    call.__name__ = getattr(host, "__name__", "call")
    return call


def looked_at(function: Callable) -> Callable:
    """A function of linear algebra that raises where there is no result. CuPy does not look unless it is told to."""

    def call(*given: Any, **options: Any) -> Any:
        with driver.cupyx().errstate(linalg="raise"):
            return function(*given, **options)

    return call


def on_host(function: Callable, name: str, cupy: Any) -> Callable:
    """A function that CuPy lacks: device arrays are brought to the host and the results back."""
    warned: list[bool] = []

    def call(*given: Any, **options: Any) -> Any:
        if not (holds(cupy.ndarray, given) or holds(cupy.ndarray, options.values())):
            return function(*given, **options)
        if not warned:
            warned.append(True)
            warnings.warn(
                f"{name} has no CUDA form: it runs on the CPU, with copies there and back",
                stacklevel=3,
            )
        values = function(
            *fetched(given, cupy), **{k: fetched((v,), cupy)[0] for k, v in options.items()}
        )
        return sent(values, cupy)

    return call


def fetched(given: Any, cupy: Any) -> list[Any]:
    """Arguments, with device arrays on the host."""
    return [
        x.get(order="A") if x.__class__ is cupy.ndarray
        else type(x)(fetched(x, cupy)) if x.__class__ in (list, tuple)
        else x
        for x in given
    ]  # fmt: skip


def sent(values: Any, cupy: Any) -> Any:
    """Results, with arrays on the device."""
    if isinstance(values, (np.ndarray, np.generic)):
        return cupy.asarray(values)
    if isinstance(values, tuple) and hasattr(values, "_fields"):
        return type(values)(*(sent(x, cupy) for x in values))
    return (
        type(values)(sent(x, cupy) for x in values) if isinstance(values, (list, tuple)) else values
    )


class Within:
    """A function, and its methods, that run with a device as the current one."""

    def __init__(self, device: Any, function: Callable):
        self._device, self._function = device, function
        self.__name__ = getattr(function, "__name__", "")

    def __call__(self, *given: Any, **options: Any) -> Any:
        with self._device:
            return self._function(*given, **options)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._function, name)
        return Within(self._device, found) if callable(found) else found


class OnDevice:
    """The same functions, with one of several devices as the current one while they run."""

    def __init__(self, functions: Functions, device: Any):
        self._functions, self._device = functions, device
        self.__name__, self.ndarray = "cuda", functions.ndarray

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._functions, name)
        is_function = callable(found) and not isinstance(found, type)
        made = Within(self._device, found) if is_function else found
        setattr(self, name, made)
        return made
