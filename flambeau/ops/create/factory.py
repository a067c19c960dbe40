"""What every factory shares: sizes, and the arguments dtype, layout, device, requires_grad, out.

    @factory
    def eye(kind, n, m=None):
        kind = kind()
        return kind.xp.eye(n, m, dtype=kind.numpy)

The decorated function takes the shared arguments; the inner one is called with `kind`, which gives
the `Kind` of the new tensor (`kind(int64)`: of that dtype, if the user named none), and gives an
array.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from typing import Any

import numpy as np
from numpy import ndarray

from ...autograd.variable import requires_grad_
from ...core import tensor as handle
from ...core.accelerator import accelerator
from ...core.device import CPU, default_device, defaults, resolve
from ...core.dtype import PYTHON, dtype, state
from ...core.kind import Kind, kind_of
from ...core.layout import check_memory_format, check_options
from ...core.limit import EXCEEDED, reworded
from ...core.tensor import Tensor, class_name, wrap
from ...core.unset import left
from ...dispatch.remembered import Finding
from ...dispatch.write import write_out
from ...formula.quiet import quiet
from ...kernels.array import zeros as blocks

SHARED_DOC = """        dtype: Default: the default dtype, unless the values say otherwise.
        layout: Only the strided one.
        device: Default: the default device.
        requires_grad: Is its gradient wanted?
        pin_memory: Put it into page-locked memory, which an accelerator reads by itself."""


def kind_for(dtype: Any, device: Any, default: Any = None) -> Kind:
    """The kind of a new tensor of this dtype on this device; None means the defaults."""
    if dtype is None:
        dtype = state.default if default is None else default
    elif not hasattr(dtype, "category"):
        dtype = named_dtype(dtype)
    return kind_of(dtype, default_device() if device is None else resolve(device))


def named_dtype(given: Any, function: str = "") -> dtype:
    """A dtype, or the one that a Python type stands for.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(given, dtype):
        return given
    if isinstance(given, type) and given in PYTHON:
        return PYTHON[given]
    prefix = f"{function}(): " if function else ""
    raise TypeError(
        f"{prefix}argument 'dtype' must be torch.dtype, not {type(given).__name__}; pass one such "
        "as torch.float32"
    )


def check_placement(
    function: str, layout: Any, pin_memory: Any, memory_format: Any = None, ndim: int | None = None
) -> None:
    """Refuses layouts but the strided one, pinned memory, and formats of another rank.

    Raises:
        TypeError: An argument has another type.
        RuntimeError: Pinned memory was asked for, or the memory format is of another rank.
        NotImplementedError: A layout that flambeau lacks was asked for.
    """
    check_options(function, layout, pin_memory)
    if memory_format is not None:
        check_memory_format(function, memory_format, ndim)


def is_sparse(layout: Any) -> bool:
    """Is it one of the sparse layouts?"""
    return getattr(layout, "name", "").startswith("sparse_")


def sparse_zeros(name: str, layout: Any, shape: tuple[int, ...], kind: Kind, grad: bool) -> Tensor:
    """A sparse tensor without values.

    Raises:
        RuntimeError: Something else than zeros was asked for.
    """
    if name.removesuffix("_like") not in ("zeros", "empty"):
        raise RuntimeError(
            "full(...) is not implemented for sparse layout: call .to_sparse() on the result"
        )
    found = import_module(f"{__package__.split('.')[0]}.sparse.constructor")
    result = found.empty_of(layout, shape, kind.dtype, kind.device)
    return result.requires_grad_() if grad else result


def pinned(array: Any, kind: Kind) -> Any:
    """A new tensor's array in page-locked memory.

    Raises:
        RuntimeError: It is on an accelerator, or there is none.
    """
    if kind.device is not CPU:
        raise RuntimeError("Only dense CPU tensors can be pinned: leave pin_memory or device out")
    return accelerator().pinned(array)


def made(array: Any, kind: Kind, requires_grad: bool = False) -> Tensor:
    """A new tensor on a new array."""
    result = wrap(array, kind)
    return requires_grad_(result) if requires_grad else result


def place(function: str, out: Any, dtype: Any, device: Any, default: Any = None) -> Kind:
    """The kind of what a factory makes: as asked, or as ``out=`` is.

    Raises:
        TypeError: An argument has another type.
        RuntimeError: What was asked for and ``out=`` differ.
    """
    if dtype is not None and not hasattr(dtype, "category"):
        dtype = named_dtype(dtype, function)
    if out is None:
        return kind_for(dtype, device, default)
    if not isinstance(out, Tensor):
        raise TypeError(f"{function}(): argument 'out' must be Tensor, not {class_name(out)}")
    kind = out._kind
    if dtype is not None and dtype is not kind.dtype:
        raise RuntimeError(
            f"dtype {dtype.legacy} does not match dtype of out parameter ({kind.dtype.legacy}): "
            f"{function}() writes into out as it is; leave dtype out"
        )
    if device is not None and resolve(device) is not kind.device:
        raise RuntimeError(
            f"device type {device} does not match device type of out parameter ({kind.device}): "
            f"{function}() writes into out where it is; leave device out"
        )
    return kind


def finish(
    function: str,
    array: Any,
    kind: Kind,
    out: Tensor | None,
    requires_grad: Any,
    pin_memory: bool = False,
) -> Tensor:
    """The new tensor, or ``out=`` with the values written to it."""
    if requires_grad.__class__ is not bool:
        raise TypeError(
            f"{function}(): argument 'requires_grad' must be bool, "
            f"not {type(requires_grad).__name__}"
        )
    result = wrap(pinned(array, kind) if pin_memory else array, kind)
    if out is not None:
        result = write_out(out, result, function, warns=False)
    return requires_grad_(result) if requires_grad else result


def scratch(kind: Kind, shape: tuple[int, ...]) -> Any:
    """An array to draw random numbers in."""
    if kind.xp is np:
        return blocks.fresh(shape, kind.numpy)
    return kind.xp.empty(shape, kind.numpy)


def scratch_like(x: Tensor) -> Any:
    """An array of the shape of a tensor, to draw in."""
    array = x._array
    return np.empty_like(array) if x._kind.xp is np else x._kind.xp.empty_like(array)


def new_array(function: str, kind: Kind, shape: tuple[int, ...], value: Any = None) -> Any:
    """An array with one value everywhere; None leaves it as the memory was.

    Raises:
        RuntimeError: The memory cannot be had.
    """
    try:
        if kind.xp is np:
            if value is None:
                return left(blocks.fresh(shape, kind.numpy))
            if value.__class__ is int and value == 0:
                return blocks.zeros(shape, kind.numpy)
            with quiet():
                return blocks.full(shape, kind.numpy, value)
        if value is None:
            return left(kind.xp.empty(shape, kind.numpy))
        if value.__class__ is int and value == 0:
            return kind.xp.zeros(shape, kind.numpy)
        array = kind.xp.empty(shape, kind.numpy)
        with quiet(), kind.backend.on(kind.device.index):
            array.fill(value)
        return array
    except (MemoryError, ValueError) as error:
        raise RuntimeError(
            f"{function}(): can't allocate memory for a {kind.dtype} tensor of sizes {list(shape)}: "
            f"{error}"
        ) from None


def into(out: Tensor | None, result: Tensor, name: str) -> Tensor:
    """A result, written to ``out=`` if that was given."""
    return result if out is None else write_out(out, result, name)


_FILLING = frozenset(("arange", "range", "linspace", "logspace"))
"""They fill an ``out=`` of as many elements whatever its shape, as PyTorch's do."""
_SHARED = frozenset(("out", "dtype", "layout", "device", "requires_grad", "pin_memory"))


def _default(dtype: Any = None) -> Kind:
    """The kind of a tensor for which the user named neither dtype nor device."""
    return kind_of(state.default if dtype is None else dtype, default_device())


def factory(make: Callable) -> Callable:
    """Decorator: give a function of a kind the arguments that all factories share."""
    name = make.__name__.strip("_")

    def function(*args: Any, **options: Any) -> Tensor:
        if not options or _SHARED.isdisjoint(options):
            try:
                array, kind = make(_default, *args, **options)
            except EXCEEDED as error:
                raise reworded(error) from None
            return handle.make(array, kind, None, [0], None)
        return general(*args, **options)

    def general(
        *args: Any,
        out: Tensor | None = None,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        **options: Any,
    ) -> Tensor:
        if layout is not None or pin_memory is not False:
            if is_sparse(layout):
                raise NotImplementedError(
                    f"{name}(...) is not implemented for sparse layout: call .to_sparse() on the result"
                )
            check_placement(name, layout, pin_memory)
        asked = partial(place, name, out, dtype, device)
        try:
            array, kind = make(asked, *args, **options)
        except EXCEEDED as error:
            raise reworded(error) from None
        if name in _FILLING and out is not None and out._array.size == array.size:
            array = array.reshape(out._array.shape)
        return finish(name, array, kind, out, requires_grad, pin_memory)

    function.__name__ = function.__qualname__ = name
    function.__module__ = make.__module__
    function.__doc__ = _with_shared_doc(make.__doc__ or "")
    own = list(inspect.signature(make).parameters.values())[1:]
    shared = list(inspect.signature(general).parameters.values())[1:-1]
    starred = [p for p in own if p.kind is p.VAR_KEYWORD]
    own = [p for p in own if p.kind is not p.VAR_KEYWORD]
    function.__signature__ = inspect.Signature([*own, *shared, *starred])  # type: ignore[attr-defined]
    return function


_KEPT = 1 << 11
"""Elements of what is kept at most, ..."""
_KEPT_LARGE, _ROOM = 1 << 18, [1 << 24]
"""... but that these many bytes of one array are, as long as there is room for so many in all."""


def of_arguments(function: Callable) -> Callable:
    """Decorator: of a factory whose values depend on its arguments alone. Those of few elements are kept, and copied."""
    cases = Finding()

    @wraps(function)
    def call(*args: Any, **options: Any) -> Tensor:
        if defaults.current is not CPU:
            return function(*args, **options)
        key = (cases.token, state.default, args, *options.items())
        case = cases.find(*key)
        if case is not None:
            array, kind = case
            return handle.make(array.copy(), kind, None, [0], None)
        made = function(*args, **options)
        array = made._array
        if made._node is None and array.__class__ is ndarray and _is_kept(array):
            cases.keep((array.copy(), made._kind), *key[1:])
        return made

    return call


def _is_kept(array: ndarray) -> bool:
    if array.size <= _KEPT:
        return True
    if array.nbytes > min(_KEPT_LARGE, _ROOM[0]):
        return False
    _ROOM[0] -= array.nbytes
    return True


def _with_shared_doc(text: str) -> str:
    """A docstring with the shared arguments after its own."""
    before, heading, after = text.partition("    Args:\n")
    if not heading:
        return text
    own, blank, rest = after.partition("\n\n")
    return f"{before}{heading}{own}\n{SHARED_DOC}{blank}{rest}"


def sizes(size: Any, function: str = "size", argument: str = "size") -> tuple[int, ...]:
    """Sizes given one by one or as a sequence.

    Raises:
        TypeError: One is no integer.
        RuntimeError: One is negative.
    """
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = size[0]
    shape = tuple([n if n.__class__ is int else _size(n, size, function, argument) for n in size])
    if shape and min(shape) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        )
    return shape


def shape_of(size: Any, function: str, argument: str = "size") -> tuple[int, ...]:
    """Sizes given as one sequence, which is what most factories want.

    Raises:
        TypeError: It is no sequence, or holds what is no integer.
        RuntimeError: One is negative.
    """
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            f"{function}(): argument '{argument}' (position 1) must be tuple of ints, "
            f"not {type(size).__name__}; write ({size!r},)"
        )
    return sizes((size,), function, argument)


def _size(n: Any, size: Any, function: str, argument: str) -> int:
    if n.__class__ is not bool:
        try:
            return n.__index__()
        except (AttributeError, TypeError):
            pass
    if len(size) == 1:
        raise TypeError(
            f"{function}(): argument '{argument}' (position 1) must be tuple of ints, "
            f"not {type(n).__name__}"
        )
    raise TypeError(
        f"{function}(): argument '{argument}' must be tuple of ints, but found an element of type "
        f"{type(n).__name__} in {tuple(type(item).__name__ for item in size)}"
    )
