"""The tests on another device: ``pytest --device cuda``.

What a test makes without naming a device is made there: the default device is another one, and arrays that a test takes from
NumPy are moved. What it looks at as a NumPy array is brought back. So tests that were written for the CPU say of the other
device what they say of that.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import flambeau as torch
from flambeau.core import printing
from flambeau.core.device import backends, defaults

place = "cpu"
"""The device that the tests run on."""


def use(name: str) -> None:
    """From now on tests run on this device. A GPU that is there is used, else the simulator."""
    if name == "cpu":
        return
    if name.startswith("cuda") and not torch.cuda.is_available():
        os.environ["FLAMBEAU_CUDA_SIMULATOR"] = str((torch.device(name).index or 0) + 1)
        from flambeau.kernels.cuda import driver

        driver.why_not.cache_clear()
    global place
    place = name
    torch.set_default_device(name)
    for function in ("from_numpy", "as_tensor", "frombuffer"):
        _change(torch, function, _moved)
    _change(printing, "format_tensor", _unplaced)
    for method in ("numpy", "__array__"):
        _change(torch.Tensor, method, _fetched)


_changes: list[tuple[Any, str, Callable, Callable]] = []
"""Whose function was exchanged, its name, what it was and what it is."""


def _change(owner: Any, name: str, wrapped: Callable[[Callable], Callable]) -> None:
    plain = getattr(owner, name)
    _changes.append((owner, name, plain, wrapped(plain)))
    setattr(owner, name, _changes[-1][-1])


@contextmanager
def at_home() -> Iterator[None]:
    """A block in which nothing is moved: for tests that say themselves what is where."""
    for owner, name, plain, _ in _changes:
        setattr(owner, name, plain)
    torch.set_default_device("cpu")
    try:
        yield
    finally:
        torch.set_default_device(place)
        for owner, name, _, changed in _changes:
            setattr(owner, name, changed)


def forget_simulator() -> None:
    """There is no GPU after a test that had one simulated for itself."""
    name = "flambeau.kernels.cuda.driver"
    if name not in sys.modules or "FLAMBEAU_CUDA_SIMULATOR" in os.environ:
        return
    driver = sys.modules[name]
    for kept in (driver.why_not, driver.cupy, driver.cupyx):
        kept.cache_clear()
    backends.pop("cuda", None)


def _unplaced(write: Callable) -> Callable:
    """What writes a tensor, without the device that it is on."""

    @functools.wraps(write)
    def written(*given: Any, device: Any = None, **options: Any) -> str:
        return write(*given, **options)

    return written


def _moved(make: Callable) -> Callable:
    """A function that makes tensors of arrays on the host, which go to the device."""

    @functools.wraps(make)
    def made(*given: Any, **options: Any) -> Any:
        result = make(*given, **options)
        if "device" in options or not isinstance(result, torch.Tensor):
            return result
        grad = result.requires_grad and result.is_leaf
        return (
            result.detach().to(defaults.current).requires_grad_(grad)
            if grad
            else result.to(defaults.current)
        )

    return made


def _fetched(look: Callable) -> Callable:
    """A method that shows a tensor to NumPy, of its copy on the host."""

    @functools.wraps(look)
    def fetched(self: Any, *given: Any, **options: Any) -> Any:
        if self.requires_grad and torch.is_grad_enabled() and not options.get("force"):
            return look(self.cpu(), *given, **options)  # refuses
        return look(self.detach().cpu(), *given, **options)

    return fetched
