"""DataParallel: a module whose batches are split among devices.

Source: torch.nn.parallel.data_parallel
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.accelerator import _get_all_device_indices
from ..module import Module
from . import comm
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter_kwargs


def _devices(given: Sequence[Any] | None) -> list[Any]:
    """The accelerators to use: none on a machine without."""
    found = _get_all_device_indices()
    return list(given) if found and given is not None else found


class DataParallel(Module):
    """A module whose batches are split among accelerators; without any, it runs the module.

    With one accelerator the module is moved there; with several it has to be on the first.

    Args:
        module: What runs; its parameters are named ``module.*`` here.
        device_ids: The accelerators; all by default.
        output_device: Where the results go; the first by default.
        dim: The dimension of batches.

    Raises:
        RuntimeError: When called; a parameter or a buffer is not on the first accelerator.

    Source: torch.nn.DataParallel

    Example:
        >>> import flambeau as torch
        >>> model = torch.nn.DataParallel(torch.nn.Linear(2, 1))
        >>> model(torch.ones(3, 2)).shape, list(model.state_dict())
        (torch.Size([3, 1]), ['module.weight', 'module.bias'])
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.module, self.dim = module, dim
        self.device_ids = _devices(device_ids)
        if self.device_ids:
            self.output_device = self.device_ids[0] if output_device is None else output_device
            self.src_device_obj = comm.device_at(self.device_ids[0])
        if len(self.device_ids) == 1:
            self.module.to(self.src_device_obj)

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        for x in (*self.module.parameters(), *self.module.buffers()):
            if x.device != self.src_device_obj:
                raise RuntimeError(
                    f"module must have its parameters and buffers on device {self.src_device_obj} (device_ids[0]) but "
                    f"found one of them on device: {x.device}; move it with module.to({str(self.src_device_obj)!r})"
                )
        parts, keywords = self.scatter(inputs, kwargs, self.device_ids)
        if len(self.device_ids) == 1:
            return self.module(*parts[0], **keywords[0])
        replicas = self.replicate(self.module, self.device_ids[: len(parts)])
        return self.gather(self.parallel_apply(replicas, parts, keywords), self.output_device)

    def replicate(self, module: Module, device_ids: Sequence[Any]) -> list[Module]:
        """Copies of a module on devices."""
        return replicate(module, device_ids)

    def scatter(self, inputs: Any, kwargs: Any, device_ids: Sequence[Any]) -> Any:
        """Arguments, split for devices."""
        return scatter_kwargs(inputs, kwargs, device_ids, dim=self.dim)

    def parallel_apply(self, replicas: Sequence[Module], inputs: Any, kwargs: Any) -> list[Any]:
        """Results of copies."""
        return parallel_apply(replicas, inputs, kwargs, self.device_ids[: len(replicas)])

    def gather(self, outputs: Any, output_device: Any) -> Any:
        """Results, joined on one device."""
        return gather(outputs, output_device, dim=self.dim)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[Any] | None = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """What `DataParallel` computes, as a function.

    Raises:
        RuntimeError: There is no accelerator.

    Source: torch.nn.parallel.data_parallel
    """
    if not _devices(device_ids):
        raise RuntimeError(
            "device type could not be determined: there is no accelerator, so call the module itself"
        )
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    parallel = DataParallel(module, device_ids, output_device, dim)
    return parallel(*given, **(module_kwargs or {}))


__all__ = ["DataParallel", "data_parallel"]
