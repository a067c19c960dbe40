"""Exchange with NumPy and, by DLPack, with every other library of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd.mode import mode
from ...core.device import CPU
from ...core.memory import address, expose
from ...core.tensor import Tensor, wrap_numpy
from ...dispatch.registry import method


@method()
def numpy(self: Tensor, *, force: bool = False) -> Any:
    """The values as a NumPy array on the same memory: each sees what is written to the other.

    Args:
        force: Detach, and copy from another device, if need be.

    Raises:
        RuntimeError: It requires grad, and operations are recorded.
        TypeError: It is on another device, or of a dtype that NumPy lacks.

    Source: torch.Tensor.numpy

    Example:
        >>> import flambeau as torch
        >>> x = torch.zeros(2)
        >>> x.numpy()[0] = 5
        >>> x
        tensor([5., 0.])
    """
    if force:
        return Tensor.numpy(self.detach().cpu())  # type: ignore[attr-defined]
    kind = self._kind
    if kind.device is not CPU:
        raise TypeError(
            f"can't convert {kind.device} device type tensor to numpy. Use Tensor.cpu() to copy the "
            "tensor to host memory first."
        )
    if self._node is not None and mode.recording is True and self._node.reverse:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if kind.dtype.is_extension:
        raise TypeError(
            f"Got unsupported ScalarType {kind.dtype.legacy}: NumPy has no such type; convert with .float() first"
        )
    return expose(self._array).view()


@method()
def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    array = self.numpy()  # type: ignore[attr-defined]
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError(
                f"Unable to avoid copy while creating a {np.dtype(dtype)} array of a {self.dtype} "
                "tensor as requested: convert the tensor first"
            )
        return array.astype(dtype)
    return array.copy() if copy else array


@method()
def __array_wrap__(
    self: Tensor, array: Any, context: Any = None, return_scalar: bool = False
) -> Tensor:
    # What NumPy's own functions give for a tensor. As in PyTorch a truth value becomes uint8.
    return wrap_numpy(np.asarray(array, np.uint8 if array.dtype == bool else None))


def _cuda_array_interface(self: Tensor) -> dict[str, Any]:
    """Where the memory of a tensor on a GPU is, for other libraries of arrays.

    Raises:
        AttributeError: It is not on a GPU, so that `hasattr` says whether it is.
        RuntimeError: It requires grad.

    Source: torch.Tensor.__cuda_array_interface__
    """
    kind = self._kind
    if kind.device.type != "cuda":
        raise AttributeError(
            f"Can't get __cuda_array_interface__ on non-CUDA tensor type: {self.type()} If CUDA data is "  # type: ignore[attr-defined]
            "required use tensor.cuda() to copy tensor to device memory."
        )
    if self._node is not None:
        raise RuntimeError(
            "Can't get __cuda_array_interface__ on Variable that requires grad. If gradients aren't "
            "required, use var.detach() to get Variable that doesn't require grad."
        )
    array = expose(self._array)
    return {
        "typestr": kind.numpy.str,
        "shape": array.shape,
        "strides": None if array.flags.c_contiguous else array.strides,
        "data": (address(array) if array.size else 0, False),
        "version": 2,
    }


Tensor.__cuda_array_interface__ = property(_cuda_array_interface)  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------- DLPack


@method()
def __dlpack_device__(self: Tensor) -> tuple[Any, int]:
    from .dlpack import DLDeviceType  # loads with the first exchange

    device = self._kind.device
    types = {"cpu": DLDeviceType.kDLCPU, "cuda": DLDeviceType.kDLCUDA}
    if device.type not in types:
        raise ValueError(f"Unknown device type {device.type} for Dlpack: move it with .cpu() first")
    return types[device.type], device.index or 0


@method()
def __dlpack__(
    self: Tensor,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[Any, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A DLPack capsule on the tensor's memory.

    Args:
        stream: The consumer's CUDA stream, -1 for no synchronisation; None or -1 on the CPU.
        max_version: The newest version of the protocol that the consumer understands.
        dl_device: Where the consumer wants the memory.
        copy: True asks for a copy, False for none.

    Raises:
        BufferError: It requires grad.
        AssertionError: A stream is given for a tensor on the CPU.

    Source: torch.Tensor.__dlpack__
    """
    from .dlpack import capsule_of

    return capsule_of(self, stream, max_version, dl_device, copy)
