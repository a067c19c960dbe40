"""Copies of a module on devices.

Source: torch.nn.parallel.replicate
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import comm


def replicate(network: Any, devices: Sequence[Any], detach: bool = False) -> list[Any]:
    """A copy of a module on each device, whose parameters are copies of the module's.

    Raises:
        AssertionError: The module's parameters are on the CPU.

    Source: torch.nn.parallel.replicate
    """
    copies = comm.broadcast_coalesced([*network.parameters(), *network.buffers()], devices)
    return [_with(network, iter(tensors)) for tensors in copies]


def _with(network: Any, tensors: Any) -> Any:
    """A replica of a module and those below it, with these tensors."""
    replicas = {module: module._replicate_for_data_parallel() for module in network.modules()}
    for module, replica in replicas.items():
        for name, child in module._modules.items():
            replica._modules[name] = replicas.get(child)
    for kind in ("_parameters", "_buffers"):
        for module, replica in replicas.items():
            for name, value in getattr(module, kind).items():
                if value is not None:
                    setattr(replica, name, next(tensors))
    return replicas[network]


__all__ = ["replicate"]
