"""Copies of tensors among accelerators; they can be differentiated, as copies, sums and parts of tensors can.

Source: torch.nn.parallel.comm
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.accelerator import _get_available_device_type, _get_device_index
from ...core.device import device as Device
from ...ops.join.cat import cat


def device_at(index: Any) -> Any:
    """An accelerator, of what names it.

    Raises:
        ValueError: It is a CPU.
    """
    number = _get_device_index(index)
    return Device(_get_available_device_type() or "cuda", number)


def _check(what: str, tensors: Sequence[Any]) -> None:
    """Raises AssertionError: a tensor is on the CPU."""
    if any(tensor.device.type == "cpu" for tensor in tensors):
        raise AssertionError(
            f"{what} function not implemented for CPU tensors: move them to an accelerator first"
        )


def scatter(
    tensor: Any,
    devices: Any = None,
    chunk_sizes: Any = None,
    dim: int = 0,
    streams: Any = None,
    *,
    out: Any = None,
) -> Any:
    """A tensor's parts, on devices.

    Args:
        tensor: What is divided.
        devices: Where the parts go.
        chunk_sizes: Their sizes; None for equal ones.
        dim: Along which dimension.
        streams: In which streams they are copied; None for the current ones.
        out: Where the parts are written, instead of new tensors on `devices`.

    Raises:
        ValueError: One of the devices is a CPU.
        RuntimeError: Both `devices` and `out` are given.

    Source: torch.nn.parallel.comm.scatter
    """
    if out is not None:
        if devices is not None or chunk_sizes is not None:
            raise RuntimeError(
                f"'devices' and 'chunk_sizes' must not be specified when 'out' is specified, but got devices={devices}"
            )
        parts = tensor.split([part.shape[dim] for part in out], dim)
        return tuple(part.copy_(given) for part, given in zip(out, parts))
    places = [device_at(given) for given in devices or ()]
    if not places:
        raise RuntimeError("Expected at least one device to scatter to")
    parts = (
        tensor.chunk(len(places), dim) if chunk_sizes is None else tensor.split(chunk_sizes, dim)
    )
    return tuple(
        _sent(part, place, None if streams is None else streams[i])
        for i, (part, place) in enumerate(zip(parts, places))
    )


def _sent(part: Any, place: Any, stream: Any) -> Any:
    if stream is None:
        return part.to(place, non_blocking=True)
    with stream:
        return part.to(place, non_blocking=True)


def gather(
    tensors: Sequence[Any], dim: int = 0, destination: Any = None, *, out: Any = None
) -> Any:
    """Tensors of devices, joined on one.

    Args:
        tensors: What is joined.
        dim: Along which dimension.
        destination: Where; "cpu", an accelerator, or None for the current one.
        out: Where it is written, instead of `destination`.

    Raises:
        AssertionError: They are on the CPU.
        RuntimeError: Both `destination` and `out` are given.

    Source: torch.nn.parallel.comm.gather
    """
    _check("Gather", tensors)
    if out is not None:
        if destination is not None:
            raise RuntimeError(
                f"'destination' must not be specified when 'out' is specified, but got destination={destination}"
            )
        return out.copy_(gather(tensors, dim, out.device))
    number = _get_device_index(destination, optional=True, allow_cpu=True)
    place = Device("cpu") if number == -1 else device_at(number)
    return cat([tensor.to(place, non_blocking=number != -1) for tensor in tensors], dim)


def broadcast(tensor: Any, devices: Any = None, *, out: Any = None) -> Any:
    """Copies of a tensor on devices.

    Args:
        tensor: What is copied.
        devices: Where.
        out: Where the copies are written, instead of new tensors on `devices`.

    Raises:
        RuntimeError: Neither or both of `devices` and `out` are given.

    Source: torch.nn.parallel.comm.broadcast
    """
    if (devices is None) == (out is None):
        raise RuntimeError(
            f"Exactly one of 'devices' and 'out' must be specified, but got devices={devices} and out={out}"
        )
    if out is not None:
        return tuple(copy.copy_(tensor) for copy in out)
    return tuple(tensor.to(device_at(given), non_blocking=True) for given in devices)


def broadcast_coalesced(tensors: Any, devices: Any, buffer_size: int = 10485760) -> Any:
    """For each device, copies of tensors.

    Raises:
        AssertionError: They are on the CPU.

    Source: torch.nn.parallel.comm.broadcast_coalesced
    """
    _check("Broadcast", tensors)
    return [[broadcast(tensor, [given])[0] for tensor in tensors] for given in devices]


def reduce_add(inputs: Sequence[Any], destination: Any = None) -> Any:
    """The sum of tensors of devices, on the device of one of them; always in the same order.

    Args:
        inputs: What is added.
        destination: Where; None for the current accelerator.

    Raises:
        AssertionError: They are on the CPU.
        ValueError: Their shapes differ.
        RuntimeError: None of them is there.

    Source: torch.nn.parallel.comm.reduce_add
    """
    _check("reduce_add", inputs)
    shape = inputs[0].shape
    for i, given in enumerate(inputs):
        if given.shape != shape:
            got, expected = ("x".join(map(str, sizes)) for sizes in (given.shape, shape))
            raise ValueError(f"input {i} has invalid size: got {got}, but expected {expected}")
    number = _get_device_index(destination, optional=True)
    if all(given.get_device() != number for given in inputs):
        raise RuntimeError(
            "reduce_add expects destination to be on the same GPU with one of the tensors"
        )
    place = device_at(number)
    total = inputs[0].to(place, non_blocking=True)
    for other in inputs[1:]:
        total = total + other.to(place, non_blocking=True)
    return total


def reduce_add_coalesced(inputs: Any, destination: Any = None, buffer_size: int = 10485760) -> Any:
    """The sums of lists of tensors of devices, on one.

    Raises:
        AssertionError: They are on the CPU.

    Source: torch.nn.parallel.comm.reduce_add_coalesced
    """
    return tuple(reduce_add(tensors, destination) for tensors in zip(*inputs, strict=True))


__all__ = [
    "broadcast",
    "broadcast_coalesced",
    "gather",
    "reduce_add",
    "reduce_add_coalesced",
    "scatter",
]
