"""Complex tensors from their parts: real and imaginary, or length and angle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ... import kernels
from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.dtype import BY_NUMPY
from ...core.tensor import Tensor
from ...dispatch.registry import NAMESPACES, public
from ...dispatch.remembered import Finding, keep
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import write_out
from ...formula.dimensions import broadcast_shapes


@operation(operands="real imag", label="Complex")
def complex_(real: Any, imag: Any) -> Any:
    """real + i imag."""
    shape = real.shape if real.shape == imag.shape else broadcast_shapes(real.shape, imag.shape)
    target = BY_NUMPY[real.dtype].to_complex().numpy
    if target.kind == "c":
        made = np.empty(shape, target)
        made.real, made.imag = real, imag
        return made
    pairs = np.empty((*shape, 2), real.dtype)
    pairs[..., 0], pairs[..., 1] = real, imag
    return pairs.view(target)[..., 0]


@complex_.gradient
def _(g: Tensor) -> tuple:
    return g.real, g.imag  # the engine sums them back to their shapes


def _check_parts(name: str, first: str, second: str, x: Any, y: Any) -> None:
    if x.__class__ is Tensor is y.__class__ and x._kind is y._kind:
        own = x._kind.dtype
        if own.is_floating_point and not own.is_extension:
            return
    for position, (argument, value) in enumerate(((first, x), (second, y)), 1):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name}(): argument '{argument}' (position {position}) must be Tensor, "
                f"not {type(value).__name__}"
            )
    if any(not d.is_floating_point or d.is_extension for d in (x.dtype, y.dtype)):
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {x.dtype.legacy} and "
            f"{y.dtype.legacy}"
        )
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {x.dtype.legacy} but got scalar type {y.dtype.legacy} for "
            f"second argument: {name}() takes two of one dtype"
        )


def _written(name: str, out: Tensor | None, result: Tensor) -> Tensor:
    if out is None:
        return result
    if isinstance(out, Tensor) and out.dtype is not result.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {result.dtype.legacy} but got scalar type "
            f"{out.dtype.legacy} for argument 'out'"
        )
    return write_out(out, result, name)


_PARTS, _LENGTHS = Finding(), Finding()


def _are_plain(x: Any, y: Any) -> bool:
    """Two tensors whose operation is not recorded?"""
    if x.__class__ is not Tensor or y.__class__ is not Tensor:
        return False
    return (x._node is None and y._node is None) or not mode.recording


def _as_known(known: Finding, x: Any, y: Any) -> Tensor | None:
    """The complex numbers of two tensors like others before, if nothing is recorded."""
    if not _are_plain(x, y):
        return None
    found = known.find(known.token, x, y)
    if found is None:
        return None
    make, kind = found
    return handle.make(make(x._array, y._array), kind, None, [0], None)


def _learn(known: Finding, x: Tensor, y: Tensor, made: Tensor, lengths: bool = False) -> None:
    array = made._array
    if not _are_plain(x, y) or array.__class__ is not ndarray or array.dtype.kind != "c":
        return
    if kernels.enabled():
        make = kernels.array.pair.like(x._array, y._array, array.dtype, lengths)
        if make is not None:
            keep(known.token, (x, y), (make, made._kind))


def _joined(real: Tensor, imag: Tensor) -> Tensor:
    """`complex_`, by what is known of tensors like these."""
    made = _as_known(_PARTS, real, imag)
    if made is None:
        made = complex_(real, imag)
        _learn(_PARTS, real, imag, made)
    return made


@public("complex")
def complex_tensor(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A complex tensor of its real and imaginary parts.

    Args:
        real: The real part, float32 or float64.
        imag: The imaginary part, of the same dtype.
        out: Write there.

    Shape:
        Parts that broadcast, and what they broadcast to.

    Raises:
        TypeError: A part is no tensor.
        RuntimeError: The dtypes differ or are not floating.

    Source: torch.complex

    Example:
        >>> import flambeau as torch
        >>> torch.complex(torch.ones(2), torch.zeros(2))
        tensor([1.+0.j, 1.+0.j])
    """
    made = None if out is not None else _as_known(_PARTS, real, imag)
    if made is not None:
        return made
    _check_parts("complex", "real", "imag", real, imag)
    return _written("complex", out, _joined(real, imag))


@public()
def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A complex tensor of its lengths and angles.

    Args:
        abs: The length, float32 or float64.
        angle: The angle in radians, of the same dtype.
        out: Write there.

    Shape:
        Parts that broadcast, and what they broadcast to.

    Raises:
        TypeError: A part is no tensor.
        RuntimeError: The dtypes differ or are not floating.

    Source: torch.polar

    Example:
        >>> import flambeau as torch
        >>> torch.polar(torch.ones(1), torch.zeros(1))
        tensor([1.+0.j])
    """
    made = None if out is not None else _as_known(_LENGTHS, abs, angle)
    if made is not None:
        return made
    _check_parts("polar", "abs", "angle", abs, angle)
    if abs.dtype.is_reduced:
        raise NotImplementedError(
            f"\"polar_cpu\" not implemented for '{abs.dtype.legacy}': convert with .float() first"
        )
    cos, sin = NAMESPACES["torch"]["cos"], NAMESPACES["torch"]["sin"]
    made = _joined(abs * cos(angle), abs * sin(angle))
    _learn(_LENGTHS, abs, angle, made, lengths=True)
    return _written("polar", out, made)
