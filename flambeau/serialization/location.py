"""Where loaded tensors go: what map_location says, or the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.device import backends, device, resolve
from .error import SerializationError
from .registry import registered

Place = tuple[np.ndarray, device]  # a storage's bytes on the host, and where they are to go

ABSENT = (
    "Attempting to deserialize object on a {} device but torch.{}.is_available() is False. If you are running on a CPU-only "
    "machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
)
TOO_FEW = (
    "Attempting to deserialize object on {} device {} but torch.{}.device_count() is {}. Please use torch.load with "
    "map_location to map your storages to an existing device."
)
"""PyTorch's messages for devices that are not there."""


def placer(map_location: Any) -> Callable[[np.ndarray, str], Place]:
    """A function of a storage's bytes and of the location that the file names.

    Args:
        map_location: None, a device or its name, a dict of such by the file's names, or a function of
            a storage and the file's name that gives a storage, or None for what the file says.

    Raises:
        TypeError: It is nothing of these.
    """
    if map_location is None:
        return _placed
    if isinstance(map_location, dict):
        return lambda held, location: (held, _as_saved(map_location.get(location, location)))
    if callable(map_location):
        return lambda held, location: _asked(map_location, held, location)
    if isinstance(map_location, (str, device)):
        return lambda held, location: (held, _as_saved(map_location))
    raise TypeError(
        f"map_location must be a device, a string, a dict or a function, not "
        f"{type(map_location).__name__}"
    )


def _asked(function: Callable[[Any, str], Any], held: np.ndarray, location: str) -> Place:
    from ..core.storage import UntypedStorage

    storage = UntypedStorage()
    storage._bytes = held
    answer = function(storage, location)
    if answer is None:
        return held, _as_saved(location)
    if isinstance(answer, (str, device)):
        return held, _as_saved(answer)
    return _answered(answer, held)


def _placed(held: np.ndarray, location: Any) -> Place:
    """Where the file says; packages may know places that we do not."""
    if location not in ("cpu", "meta") and isinstance(location, str):
        from ..core.storage import UntypedStorage

        storage = UntypedStorage()
        storage._bytes = held
        found = registered(storage, location)
        if found is not None:
            return _answered(found, held)
    return held, _as_saved(location)


def _answered(answer: Any, held: np.ndarray) -> Place:
    """The bytes of a storage that a function has given for another, and where that is.

    Raises:
        SerializationError: It is none, or of another size.
    """
    from ..core.storage import UntypedStorage

    untyped = answer.untyped() if hasattr(answer, "untyped") else answer
    if not isinstance(untyped, UntypedStorage) or untyped._bytes.nbytes != held.nbytes:
        raise SerializationError(
            f"map_location answered {type(answer).__name__}; it has to give the storage, a device or None"
        )
    return untyped.cpu()._bytes, untyped.device


def _as_saved(location: Any) -> device:
    place = device(location)
    backend = backends.find(place.type)
    if place.type in ("cuda", "xpu") and (backend is None or not backend.is_available()):
        raise SerializationError(ABSENT.format(place.type.upper(), place.type))
    if backend is not None and (place.index or 0) >= (count := backend.device_count()) > 0:
        raise SerializationError(TOO_FEW.format(place.type.upper(), place.index, place.type, count))
    try:
        return resolve(location)
    except (RuntimeError, AssertionError) as error:
        raise SerializationError(
            f"Attempting to deserialize object on device {location!r}, which is not there: {error}. "
            "Please use torch.load with map_location='cpu' to map your storages to the CPU."
        ) from None
