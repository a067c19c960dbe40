"""Modules that run at the same time on devices.

Source: torch.nn.parallel.parallel_apply
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...autograd.mode import is_grad_enabled, set_grad_enabled
from ...core.accelerator import _get_available_device_type


def parallel_apply(
    modules: Sequence[Any],
    inputs: Sequence[Any],
    kwargs_tup: Sequence[dict[str, Any]] | None = None,
    devices: Sequence[Any] | None = None,
) -> list[Any]:
    """The result of each module for its own arguments, each in a thread.

    Raises:
        RuntimeError: There is no accelerator.

    Source: torch.nn.parallel.parallel_apply
    """
    if _get_available_device_type() is None:
        raise RuntimeError("Cannot access accelerator device when none is available.")
    keywords = kwargs_tup or [{}] * len(modules)
    recording = is_grad_enabled()

    def run(module: Any, given: Any, named: dict[str, Any]) -> Any:
        with set_grad_enabled(recording):
            return module(*(given if isinstance(given, (tuple, list)) else (given,)), **named)

    with ThreadPoolExecutor(len(modules)) as pool:
        return list(pool.map(run, modules, inputs, keywords))


__all__ = ["parallel_apply"]
