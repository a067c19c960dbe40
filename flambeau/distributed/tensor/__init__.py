"""Tensors that lie in several processes: what each has of them, and how one lay becomes another.

Source: torch.distributed.tensor
"""

from ..device_mesh import DeviceMesh, init_device_mesh
from . import rules as rules
from .dtensor import DTensor, distribute_module, distribute_tensor
from .make import empty, full, ones, rand, randn, zeros
from .placement_types import Partial, Placement, Replicate, Shard

__all__ = [
    "DTensor",
    "DeviceMesh",
    "Partial",
    "Placement",
    "Replicate",
    "Shard",
    "distribute_module",
    "distribute_tensor",
    "empty",
    "full",
    "init_device_mesh",
    "ones",
    "rand",
    "randn",
    "zeros",
]
