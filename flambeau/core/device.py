"""Devices: the names of places where tensors live, the table of what is there, and the default.

A `device` is interned, so fast code compares with `is`. What can be done on a type of device is a
`Backend` object in the table `backends`; a new type of device is one `backends.register` call, and
no other code asks which type a device has.
"""

from __future__ import annotations

import operator
import re
from _thread import _local as local  # `threading` loads late
from collections.abc import Callable
from typing import Any, NoReturn

from .backend import Backend, HostBackend
from .dtype import LEGACY, parse_legacy_name, set_default_dtype, state
from .twin import KNOWN

# -- The table of backends -------------------------------------------------------------------------

# Where these are missing, torch blames its build by an AssertionError.
_OPTIONAL_BUILDS = frozenset(("cuda", "xpu", "mtia"))


class Backends(dict[str, Backend]):
    """The device table: `backends["cpu"]`, each loaded when first asked for."""

    def __init__(self) -> None:
        self._loaders: dict[str, Callable[[], Backend | None]] = {}
        self._reasons: dict[str, Callable[[], str]] = {}
        self.followers: dict[str, list[Callable[[], None]]] = {}

    def register(
        self,
        name: str,
        load: Callable[[], Backend | None],
        why_not: Callable[[], str] | None = None,
    ) -> None:
        """Plug in a type of device, or replace it.

        Args:
            name: One of `DEVICE_TYPES`.
            load: Makes the backend, or None if this machine cannot have it; called at each use
                until there is one.
            why_not: Says why it cannot, and what to do.
        """
        _check_type(name, name)
        self._loaders[name] = load
        if why_not is not None:
            self._reasons[name] = why_not
        self.pop(name, None)

    def when_loaded(self, name: str, follow: Callable[[], None]) -> Callable[[], None]:
        """Call a function once the backend of a type of device is first loaded; now, if it is."""
        if name in self:
            follow()
        else:
            self.followers.setdefault(name, []).append(follow)
        return follow

    def find(self, name: str) -> Backend | None:
        """The backend of a type of device, or None where there is none."""
        if name not in self and name in self._loaders:
            backend = self._loaders[name]()
            if backend is not None:
                self[name] = backend
                for follow in self.followers.pop(name, ()):
                    follow()
        return self.get(name)

    def accelerator(self) -> Backend | None:
        """The first available accelerator, or None."""
        for name in self._loaders:
            backend = self.find(name)
            if backend is not None and backend.is_accelerator and backend.is_available():
                return backend
        return None

    def __missing__(self, name: str) -> Backend:
        backend = self.find(name)
        if backend is not None:
            return backend
        usable = ", ".join(repr(known) for known in self._loaders if self.find(known))
        fix = f"devices that can be used here: {usable}"
        if name in self._reasons:
            fix = f"{self._reasons[name]()}; {fix}"
        if name in _OPTIONAL_BUILDS:
            raise AssertionError(f"Torch not compiled with {name.upper()} enabled; {fix}")
        raise NotImplementedError(f"PyTorch is not linked with support for {name} devices; {fix}")


backends = Backends()

# -- Devices ---------------------------------------------------------------------------------------

DEVICE_TYPES = (
    *("cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve"),
    *("fpga", "maia", "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone"),
)
"""Every type of device that torch can name, in the order of its message; few have a backend."""


class device:
    """A place where tensors live: a type of device and, where there are several, a number.

    As a context manager it is the device of what factories make inside when none is asked for.

    Args:
        type: "cpu", "cuda", "cuda:1"; a device; or an int, the accelerator's device number.
        index: The number, if `type` does not hold it.
        device: `type`, by torch's other name.

    Attributes:
        type: The type of device.
        index: The number, or None for the current device of the type.

    Raises:
        RuntimeError: There is no such type, the string is malformed, the number is negative, or an
            int was passed and there is no accelerator.
        TypeError: The arguments have other types.

    Source: torch.device

    Example:
        >>> import flambeau as torch
        >>> torch.device("cuda", 1)
        device(type='cuda', index=1)
        >>> with torch.device("cpu"):
        ...     torch.zeros(2).device
        device(type='cpu')
    """

    __slots__ = ("__weakref__", "index", "type")

    type: str
    index: int | None

    def __new__(cls, type: Any = None, index: Any = None, *, device: Any = None) -> device:
        if device is not None:
            if type is not None or index is not None:
                raise _refusal(type, index, device)
            return _make(device, None)
        known = _KNOWN.get(type) if index is None and type.__class__ is str else None
        return known or _make(type, index)

    def __init_subclass__(cls, **kwargs: object) -> NoReturn:
        raise TypeError("type 'torch.device' is not an acceptable base type")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        verdict = "is not writable" if name in self.__slots__ else "does not exist"
        raise AttributeError(f"attribute {name!r} of 'torch.device' objects {verdict}")

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    @property
    def backend(self) -> Backend:
        """What can be done on the device; raises where the type has none (see `Backends`)."""
        return backends[self.type]

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple[Any, tuple[str] | tuple[str, int]]:
        return device, (self.type,) if self.index is None else (self.type, self.index)

    def __copy__(self) -> device:
        return self

    def __deepcopy__(self, memo: object) -> device:
        return self

    def __enter__(self) -> device:
        state.devices_differ()
        defaults.outer.append(defaults.current)
        defaults.current = self
        return self

    def __exit__(self, *error: object) -> None:
        if not defaults.outer:
            raise RuntimeError("trying to leave a torch.device that was not entered in this thread")
        defaults.current = defaults.outer.pop()


_KNOWN: dict[str, device] = {}
"""Every device made so far, by its string."""

_SPELLING = re.compile(r"([a-zA-Z_]+)(?::(0|[1-9][0-9]*))?", re.ASCII)


def _make(spec: Any, index: Any) -> device:
    """What `device(spec, index)` means, where it is not known at once."""
    if isinstance(spec, device) and index is None:
        return spec
    if isinstance(spec, str):
        return _interned(*_parse(spec, index))
    if index is None and _is_index(spec):
        return _of_accelerator(_natural(spec))
    raise _refusal(spec, index)


def _refusal(*arguments: Any) -> TypeError:
    given = ", ".join(type(item).__name__ for item in arguments if item is not None)
    return TypeError(
        f"device() received an invalid combination of arguments - got ({given}), but expected a "
        f"torch.device, a str with an optional int index, or an int"
    )


def _is_index(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _natural(index: Any) -> int:
    if not _is_index(index):
        raise TypeError(f"device(): argument 'index' must be int, not {type(index).__name__}")
    number = operator.index(index)
    if number < 0:
        raise RuntimeError(f"Device index must not be negative, got {number}")
    return number


def _parse(text: str, index: Any) -> tuple[str, int | None]:
    if not text:
        raise RuntimeError("Device string must not be empty; pass one such as 'cpu' or 'cuda:0'")
    match = _SPELLING.fullmatch(text)
    if match is None:
        raise RuntimeError(f"Invalid device string: {text!r}; expected <type> or <type>:<index>")
    name, number = match.groups()
    _check_type(name, text)
    if index is None:
        return name, None if number is None else int(number)
    if number is not None:
        raise RuntimeError(
            f"type (string) must not include an index because index was passed explicitly: {text}"
        )
    return name, _natural(index)


def _check_type(name: str, text: str) -> None:
    if name not in DEVICE_TYPES:
        raise RuntimeError(
            f"Expected one of {', '.join(DEVICE_TYPES)} device type at start of device "
            f"string: {text}"
        )


def _interned(name: str, index: int | None) -> device:
    self: device = object.__new__(device)
    object.__setattr__(self, "type", name)
    object.__setattr__(self, "index", index)
    return _KNOWN.setdefault(str(self), self)


def _of_accelerator(index: int) -> device:
    backend = backends.accelerator()
    if backend is None:
        raise RuntimeError(
            "Cannot access accelerator device when none is available; name the type of "
            "device, as in torch.device('cpu')"
        )
    return _interned(backend.name, index)


# -- The default -----------------------------------------------------------------------------------

CPU: device = device("cpu")
backends.register(CPU.type, HostBackend)


class _Defaults(local):
    """Each thread's device for factories. Fast code reads `defaults.current`."""

    def __init__(self) -> None:
        self.current = CPU
        self.outer: list[device] = []


defaults = _Defaults()


def resolve(spec: Any = None) -> device:
    """The device that a new tensor reports when a factory is given `device=spec`.

    Args:
        spec: A device, what `torch.device` takes, or None for the default.

    Raises:
        TypeError: It is nothing of these.
        AssertionError: Nothing here can use the type of device: CUDA, XPU, MTIA.
        NotImplementedError: The same, for the other types.
    """
    if spec is None:
        return _canonical(defaults.current)
    if not isinstance(spec, (device, str)) and not _is_index(spec):
        raise TypeError(
            f"argument 'device' must be torch.device, not {type(spec).__name__}; pass a "
            f"device, a string such as 'cuda:0', or an int"
        )
    return _canonical(_make(spec, None))


def device_of(array: Any) -> device:
    """Where an array is."""
    found = KNOWN.get(array.__class__)
    return CPU if found is None else device(found.place(array))


def default_device() -> device:
    """The device of factories, as tensors report it."""
    return CPU if defaults.current is CPU else _canonical(defaults.current)


def _canonical(asked: device) -> device:
    if asked is CPU:
        return CPU
    index = asked.backend.canonical_index(asked.index)
    return asked if index == asked.index else _interned(asked.type, index)


def transfer(array: Any, source: device, target: device, non_blocking: bool = False) -> Any:
    """An array that lives on `source`, on `target`; itself if it is there already."""
    origin, goal = source.backend, target.backend
    if origin is not goal:
        array = origin.to_host(array, non_blocking and not goal.is_accelerator)
    return goal.to(array, target.index, non_blocking)


def get_default_device() -> device:
    """The device on which factories make tensors when none is asked for.

    Source: torch.get_default_device

    Example:
        >>> import flambeau as torch
        >>> torch.get_default_device()
        device(type='cpu')
    """
    return defaults.current if defaults.current.index is not None else resolve()


def set_default_device(device: Any) -> None:
    """Set this thread's device for factories, outside of all `with torch.device(...)` blocks.

    Args:
        device: What `torch.device` takes; None means the CPU.

    Raises:
        RuntimeError, TypeError: As `torch.device`.

    Source: torch.set_default_device

    Example:
        >>> import flambeau as torch
        >>> torch.set_default_device("cpu")
    """
    chosen = CPU if device is None else _make(device, None)
    state.devices_differ()
    if defaults.outer:
        defaults.outer[0] = chosen
    else:
        defaults.current = chosen


def set_default_tensor_type(t: Any, /) -> None:
    """Set the default type and device by one of torch's old tensor classes; deprecated there.

    Args:
        t: A name such as "torch.DoubleTensor" or "torch.cuda.FloatTensor", or the class itself.

    Raises:
        TypeError: It is no floating tensor class, or its device cannot be used.
        ValueError: No class has the name.

    Source: torch.set_default_tensor_type
    """
    kind, device_type = parse_legacy_name(t if isinstance(t, str) else _class_name(t))
    if backends.find(device_type) is None:
        raise TypeError(
            f"type {t} not available. Torch not compiled with {device_type.upper()} enabled."
        )
    set_default_dtype(kind)
    set_default_device(device_type)


def _class_name(given: Any) -> str:
    if isinstance(given, type) and given.__name__ in LEGACY:
        return f"{given.__module__}.{given.__name__}"
    raise TypeError(
        f"invalid type object: only floating-point types are supported as the default type, "
        f"not {given!r}; call torch.set_default_dtype instead"
    )
