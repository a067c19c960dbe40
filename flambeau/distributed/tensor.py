"""Tensors whose parts lie in several processes: there are no such processes, so none can be made.

Packages ask of every parameter whether it is a `DTensor`; the class is here, and no tensor is one.

Source: torch.distributed.tensor
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from ..core.tensor import Tensor
from .device_mesh import DeviceMesh, init_device_mesh
from .rendezvous import NO_GROUPS


class DTensor(Tensor):
    """A tensor whose parts lie in several processes.

    Raises:
        RuntimeError: Always, when one is made.

    Source: torch.distributed.tensor.DTensor

    Example:
        >>> import flambeau as torch
        >>> from flambeau.distributed.tensor import DTensor
        >>> isinstance(torch.ones(2), DTensor)
        False
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(f"DTensor: {NO_GROUPS}")

    @classmethod
    def from_local(cls, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises RuntimeError."""
        raise RuntimeError(f"DTensor.from_local: {NO_GROUPS}")


class Placement:
    """How a tensor lies in the processes along one dimension of their mesh.

    Source: torch.distributed.tensor.Placement
    """

    def is_shard(self, dim: int | None = None) -> bool:
        """Does each process have a part, along `dim` if that is given?"""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self) -> bool:
        """Does each process have all of it?"""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """Does each process have a summand, or what `reduce_op` says?"""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)


@dataclass(frozen=True)
class Shard(Placement):
    """Each process has a part.

    Args:
        dim: The dimension along which the tensor is cut.

    Source: torch.distributed.tensor.Shard
    """

    dim: int


@dataclass(frozen=True)
class Replicate(Placement):
    """Each process has all of it.

    Source: torch.distributed.tensor.Replicate
    """


@dataclass(frozen=True)
class Partial(Placement):
    """Each process has a summand.

    Args:
        reduce_op: "sum", or what else joins the parts.

    Source: torch.distributed.tensor.Partial
    """

    reduce_op: str = "sum"


def _refusal(name: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(f"{name}: {NO_GROUPS}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Raises RuntimeError.\n\n    Source: torch.distributed.tensor.{name}"
    return refuse


_MAKERS = (
    "distribute_module",
    "distribute_tensor",
    "empty",
    "full",
    "ones",
    "rand",
    "randn",
    "zeros",
)
for _name in _MAKERS:
    globals()[_name] = _refusal(_name)

__all__ = [
    "DTensor",
    "DeviceMesh",
    "Partial",
    "Placement",
    "Replicate",
    "Shard",
    "init_device_mesh",
    *_MAKERS,
]
