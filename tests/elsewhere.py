"""The tests on another device: ``pytest --device cuda``.

What a test makes without naming a device is made there: the default device is another one, and arrays that a test takes from
NumPy are moved. What it looks at as a NumPy array is brought back. So tests that were written for the CPU say of the other
device what they say of that.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import flambeau as torch
from flambeau.core import printing
from flambeau.core.device import defaults


def use(name: str) -> None:
    """From now on tests run on this device. A GPU that is there is used, else the simulator."""
    if name == "cpu":
        return
    if name.startswith("cuda") and not torch.cuda.is_available():
        os.environ["FLAMBEAU_CUDA_SIMULATOR"] = "1"
        from flambeau.kernels.cuda import driver

        driver.why_not.cache_clear()
    torch.set_default_device(name)
    for owner, function in ((torch, "from_numpy"), (torch, "as_tensor"), (torch, "frombuffer")):
        setattr(owner, function, _moved(getattr(owner, function)))
    printing.format_tensor = _unplaced(printing.format_tensor)
    for method in ("numpy", "__array__"):
        setattr(torch.Tensor, method, _fetched(getattr(torch.Tensor, method)))


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
