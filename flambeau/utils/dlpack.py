"""torch.utils.dlpack: exchange of memory with other libraries of arrays."""

from ..ops.tensor.dlpack import DLDeviceType, from_dlpack, to_dlpack

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]
