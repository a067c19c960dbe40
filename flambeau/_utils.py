"""Helpers of PyTorch's own that packages use: tensors from their parts, numbers of devices, exceptions of workers.

Source: torch._utils
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pickle
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ._failure import Failure
from .core.accelerator import _get_all_device_indices as _get_all_device_indices
from .core.accelerator import _get_available_device_type as _get_available_device_type
from .core.accelerator import _get_device_index as _get_device_index
from .core.device import device as Device
from .core.dtype import dtype as DType
from .core.tensor import Tensor

# ------------------------------------------------------------------------------------ devices


def get_device_module(device: Any = None) -> Any:
    """The module of a type of device: `torch.cpu`, `torch.cuda`; by default of the accelerator, or the CPU.

    Raises:
        RuntimeError: There is no such type, or it has no module.

    Source: torch.get_device_module

    Example:
        >>> import flambeau as torch
        >>> torch.get_device_module("cpu") is torch.cpu
        True
    """
    if isinstance(device, Device):
        kind = device.type
    elif device is None:
        kind = _get_available_device_type() or "cpu"
    else:
        kind = Device(device).type
    try:
        return importlib.import_module(f"{__package__}.{kind}")
    except ModuleNotFoundError:
        raise RuntimeError(
            f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'."
        ) from None


def _get_device_module(device_type: str) -> Any:
    return get_device_module(device_type)


# --------------------------------------------------------------------------- tensors from parts


def _rebuild_tensor(
    storage: Any, storage_offset: int, size: Sequence[int], stride: Sequence[int]
) -> Tensor:
    """A tensor at a place in a typed storage."""
    from . import empty  # type: ignore[attr-defined]

    made = empty(0, dtype=storage.dtype, device=storage.untyped().device)
    return made.set_(storage.untyped(), storage_offset, tuple(size), tuple(stride))


def _rebuild_tensor_v2(
    storage: Any,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
    backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:
    """The same, as files call it: with requires_grad and hooks."""
    made = _rebuild_tensor(storage, storage_offset, size, stride)
    return _completed(made, requires_grad, backward_hooks, metadata)


def _rebuild_tensor_v3(
    storage: Any,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
    backward_hooks: Any,
    dtype: DType,
    metadata: Any = None,
) -> Tensor:
    """The same, of an untyped storage."""
    from . import empty  # type: ignore[attr-defined]

    made = empty(0, dtype=dtype).set_(storage.untyped(), storage_offset, tuple(size), tuple(stride))
    return _completed(made, requires_grad, backward_hooks, metadata)


def _completed(made: Any, requires_grad: bool, hooks: Any, metadata: Any) -> Tensor:
    if metadata and metadata.get("conj"):
        made = made.conj().resolve_conj()
    if metadata and metadata.get("neg"):
        made = made.neg()
    made.requires_grad_(requires_grad)
    for hook in (hooks or {}).values():
        made.register_hook(hook)
    return made


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Any:
    """A Parameter of a tensor."""
    from .nn import Parameter

    made: Any = Parameter(data, requires_grad)
    for hook in (backward_hooks or {}).values():
        made.register_hook(hook)
    return made


def _rebuild_parameter_with_state(
    data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any
) -> Any:
    """The same, with attributes."""
    return _set_obj_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _get_obj_state(obj: Any) -> Any:
    """An object's attributes, as pickle takes them: what `__getstate__` gives, or `__dict__`."""
    getstate = getattr(type(obj), "__getstate__", None)
    return obj.__dict__ if getstate is None or isinstance(obj, Tensor) else obj.__getstate__()


def _set_obj_state(obj: Any, state: Any) -> Any:
    """Set them.

    Raises:
        RuntimeError: They are neither a dict nor a pair of them.
    """
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes is not None and not isinstance(attributes, dict):
        raise RuntimeError(f"Invalid serialized state: {state}")
    for name, value in {**(attributes or {}), **(slots or {})}.items():
        setattr(obj, name, value)
    return obj


def _element_size(dtype: DType) -> int:
    """Bytes of an element.

    Raises:
        RuntimeError: It is no dtype.
    """
    if not isinstance(dtype, DType):
        raise RuntimeError(f"expected torch.dtype, but got {type(dtype)}")
    return dtype.itemsize


def _type(self: Any, dtype: Any = None, non_blocking: bool = False, **kwargs: Any) -> Any:
    """`x.type(dtype)`."""
    return self.type(dtype, non_blocking, **kwargs)


# ------------------------------------------------------------------------ several tensors as one


def _flatten_dense_tensors(tensors: Iterable[Tensor]) -> Tensor:
    """All elements of tensors of one dtype, one after the other."""
    from . import cat  # type: ignore[attr-defined]

    return cat([x.contiguous().view(-1) for x in tensors])


def _unflatten_dense_tensors(flat: Tensor, tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """Parts of such a tensor, in the shapes of others."""
    listed = list(tensors)
    parts = flat.split([x.numel() for x in listed])
    return tuple(part.view(x.shape) for part, x in zip(parts, listed))


def _reorder_tensors_as(tensors: Iterable[Tensor], ordered_tensors: Iterable[Tensor]) -> tuple:
    """Tensors in the order in which their types come in others."""
    by_type: defaultdict[str, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        by_type[tensor.type()].append(tensor)
    queues = {name: iter(found) for name, found in by_type.items()}
    return tuple(next(queues[tensor.type()]) for tensor in ordered_tensors)


def _take_tensors(tensors: Iterable[Tensor], size_limit: int) -> Any:
    """Tensors in groups of one type and at most so many bytes."""
    waiting: defaultdict[str, tuple[list[Tensor], int]] = defaultdict(lambda: ([], 0))
    for tensor in tensors:
        name, size = tensor.type(), tensor.nbytes
        group, taken = waiting[name]
        if group and taken + size > size_limit:
            yield group
            group, taken = [], 0
        waiting[name] = [*group, tensor], taken + size
    for group, _ in waiting.values():
        if group:
            yield group


# ----------------------------------------------------------------------------------- exceptions


class KeyErrorMessage(str):
    """A string that KeyError shows as it is, line breaks and all."""

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper(Failure):
    """An exception and its traceback, on the way to another thread or process.

    Args:
        exc_info: What `sys.exc_info` gives; by default the exception being handled.
        where: Where it happened, for the message.

    Source: torch._utils.ExceptionWrapper

    Example:
        >>> import flambeau as torch
        >>> try:
        ...     1 / 0
        ... except ZeroDivisionError:
        ...     wrapped = torch._utils.ExceptionWrapper(where="in thread 3")
        >>> wrapped.exc_type
        <class 'ZeroDivisionError'>
    """

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        super().__init__(where, exc_info)

    @property
    def exc_type(self) -> type:
        """The exception's class; RuntimeError where that cannot be found here."""
        try:
            return pickle.loads(self.kind)
        except Exception:
            return RuntimeError

    @property
    def exc_msg(self) -> str:
        """Its traceback."""
        return self.text


# --------------------------------------------------------------------------------------- Python


class _ClassPropertyDescriptor:
    """A property of a class."""

    def __init__(self, fget: Any) -> None:
        self.fget = fget

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self.fget.__get__(instance, type(instance) if owner is None else owner)()


def classproperty(func: Callable) -> Any:
    """Decorator: the result of a method of a class, as an attribute of the class.

    Source: torch._utils.classproperty
    """
    return _ClassPropertyDescriptor(
        func if isinstance(func, (classmethod, staticmethod)) else classmethod(func)
    )


def _import_dotted_name(name: str) -> Any:
    """What a dotted name stands for: a module that is imported, then attributes."""
    first, *rest = name.split(".")
    return functools.reduce(getattr, rest, importlib.import_module(first))


def try_import(module_name: str) -> Any:
    """A module, or None where there is none."""
    if module_name in sys.modules:
        return sys.modules[module_name]
    if importlib.util.find_spec(module_name) is None:
        return None
    return importlib.import_module(module_name)


class CallbackRegistry:
    """Functions that are called together.

    Args:
        name: For messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.callback_list: list[Callable] = []

    def add_callback(self, cb: Callable) -> None:
        """One more."""
        self.callback_list.append(cb)

    def fire_callbacks(self, *args: Any, **kwargs: Any) -> None:
        """Call all of them."""
        for callback in self.callback_list:
            callback(*args, **kwargs)


def render_call(fn: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """A call as text: ``torch.add(tensor([...]), alpha=2)``."""
    from .overrides import resolve_name

    name = resolve_name(fn) or str(fn)
    given = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
    return f"{name}({', '.join(given)})"
