"""Forward-mode differentiation: dual tensors, which carry a tangent through every operation.

    with forward_ad.dual_level():
        x = forward_ad.make_dual(primal, tangent)
        value, derivative = forward_ad.unpack_dual(f(x))

`derivative` is the Jacobian of f times `tangent`; the work is some twice that of f, whatever the number of
outputs. Tangents are differentiable: forward over reverse gives products with a Hessian.

Source: torch.autograd.forward_ad
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.dtype import FLOAT
from ..core.tensor import Tensor
from .forward import Level, alias, only
from .mode import _Switch, mode, recording

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]

_NESTED = "Nested forward mode AD is not supported at the moment"


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` gives: the value, and its tangent (None: it has none).

    Source: torch.autograd.forward_ad.UnpackedDualTensor
    """

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Open a level: from now on dual tensors can be made. Gives its number, 0.

    Raises:
        RuntimeError: One is open. `func.jvp` nests.

    Source: torch.autograd.forward_ad.enter_dual_level
    """
    if mode.dual is not None:
        raise RuntimeError(f"{_NESTED}: nest func.jvp instead")
    mode.dual = Level()
    mode.dual.open()
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the level: its tangents are gone, and what was computed stays as plain tensors.

    Raises:
        RuntimeError: None is open, or it is another one.

    Source: torch.autograd.forward_ad.exit_dual_level
    """
    if mode.dual is None:
        raise RuntimeError("Dual level must be a positive number: there is no level to exit.")
    if level not in (None, 0):
        raise RuntimeError(
            f"Trying to exit a forward AD level that was not the last one that was created: {level}."
        )
    mode.dual.close()
    mode.dual = None


class dual_level(_Switch):
    """Context manager and decorator: a level in which dual tensors can be made.

    Source: torch.autograd.forward_ad.dual_level

    Example:
        >>> import flambeau as torch
        >>> import flambeau.autograd.forward_ad as fwAD
        >>> with fwAD.dual_level():
        ...     x = fwAD.make_dual(torch.tensor([1., 2.]), torch.tensor([1., 0.]))
        ...     fwAD.unpack_dual(x * x)
        UnpackedDualTensor(primal=tensor([1., 4.]), tangent=tensor([2., 0.]))
    """

    def __enter__(self) -> int:  # type: ignore[override]
        return enter_dual_level()

    def __exit__(self, *exception: object) -> None:
        exit_dual_level(level=0)


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """The same values with a tangent. A gradient that arrives at the result goes on to `tensor`.

    Args:
        tensor: The value; floating or complex.
        tangent: The direction, of the same shape.
        level: Must be None or 0.

    Raises:
        RuntimeError: No level is open, the shapes differ, or `tensor` has a tangent.
        ValueError: One is neither floating nor complex.
        TypeError: One is no tensor.

    Source: torch.autograd.forward_ad.make_dual
    """
    at = _open_level(
        level, "make_dual", "Trying to create a dual Tensor for forward AD but no level exists"
    )
    for what, x in (("primal", tensor), ("tangent", tangent)):
        if not isinstance(x, Tensor):
            raise TypeError(f"make_dual(): {what} must be Tensor, not {type(x).__name__}")
        if x._kind.dtype.category < FLOAT:
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {x.dtype}")
    check_size(tensor, tangent)
    if at.of(tensor._node) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 "
            "is not supported."
        )
    return alias(tensor, at, tangent)


def check_size(tensor: Tensor, tangent: Tensor) -> None:
    """Raises RuntimeError for a tangent of another shape."""
    if tensor._array.shape != tangent._array.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, "
            f"this is not supported. Tensor is of size {list(tensor.shape)} while the given forward gradient "
            f"is of size {list(tangent.shape)}."
        )


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The value of a dual tensor, without its tangent, and the tangent.

    Raises:
        TypeError: It is no tensor.

    Source: torch.autograd.forward_ad.unpack_dual
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"_unpack_dual(): argument 'dual' (position 1) must be Tensor, not {type(tensor).__name__}"
        )
    at = mode.dual
    if at is None or level not in (None, 0):
        return UnpackedDualTensor(tensor, None)
    tangent = at.of(tensor._node)
    if tangent is None:
        return UnpackedDualTensor(tensor, None)
    with only(tuple([other for other in mode.levels if other is not at])):
        return UnpackedDualTensor(alias(tensor), tangent)


def _open_level(number: int | None, name: str, message: str) -> Level:
    if mode.dual is None:
        raise RuntimeError(f"{message}, make sure to enter_dual_level() first.")
    if number not in (None, 0):
        raise RuntimeError(f"Invalid level given to _{name}")
    return mode.dual


def _is_fwd_grad_enabled() -> bool:
    return mode.masked is None


def _enable(value: bool) -> tuple:
    """Turn tangents on or off; gives what was."""
    before = mode.levels, mode.masked, mode.recording
    if value and mode.masked is not None:
        mode.levels, mode.masked = mode.masked, None
    elif not value and mode.masked is None:
        mode.levels, mode.masked = (), mode.levels
    mode.recording = recording(mode.recording is True)
    return before


class _set_fwd_grad_enabled(_Switch):
    """Turns tangents off, or on again, at once as a function or for the duration of a `with`."""

    def __init__(self, mode: bool) -> None:
        self.value = bool(mode)
        self.before = _enable(self.value)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        mode.levels, mode.masked, mode.recording = self.before

    def clone(self) -> _Switch:
        return _set_fwd_grad_enabled(self.value)


def __getattr__(name: str) -> int:
    if name == "_current_level":  # as PyTorch counts: -1 where none is open
        return -1 if mode.dual is None else 0
    raise AttributeError(f"module 'torch.autograd.forward_ad' has no attribute '{name}'")
