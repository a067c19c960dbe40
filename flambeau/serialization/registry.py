"""Where storages are said to be in files: what packages for other devices register.

Source: torch.serialization.register_package
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.device import resolve

_package_registry: list[tuple[int, Callable[[Any], Any], Callable[[Any, str], Any]]] = []
"""Priority, tagger and deserializer of each, by priority."""


def register_package(
    priority: int,
    tagger: Callable[[Any], str | None],
    deserializer: Callable[[Any, str], Any],
) -> None:
    """Let files name other places of storages.

    Args:
        priority: Lower numbers are asked first; the CPU has 10.
        tagger: Gives a storage's location, or None for those of others.
        deserializer: Gives a storage at a location, or None.

    Source: torch.serialization.register_package
    """
    _package_registry.append((priority, tagger, deserializer))
    _package_registry.sort(key=lambda entry: entry[0])


def location_tag(storage: Any) -> str:
    """What files call a storage's location.

    Raises:
        RuntimeError: Nobody knows it.

    Source: torch.serialization.location_tag
    """
    for _, tagger, _ in _package_registry:
        location = tagger(storage)
        if location:
            return location
    raise RuntimeError(f"don't know how to determine data location of {type(storage).__name__}")


def default_restore_location(storage: Any, location: str) -> Any:
    """A storage at the location that a file names.

    Raises:
        RuntimeError: Nobody knows it, or the device is not there.

    Source: torch.serialization.default_restore_location
    """
    for _, _, deserializer in _package_registry:
        found = deserializer(storage, location)
        if found is not None:
            return found
    raise RuntimeError(
        f"don't know how to restore data location of {type(storage).__name__} (tagged with {location})"
    )


def registered(storage: Any, location: str) -> Any:
    """The same, of what packages have registered; None where they do not know it."""
    for priority, _, deserializer in _package_registry:
        found = None if priority == _OWN else deserializer(storage, location)
        if found is not None:
            return found
    return None


_OWN = 10


def _cpu(storage: Any, location: str) -> Any:
    return storage if resolve(location).type == "cpu" else None


register_package(_OWN, lambda storage: str(storage.device), _cpu)
