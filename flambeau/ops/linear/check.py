"""What the linear algebra functions share: how they are made public, and the checks at their edge."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.result import NamedResult
from ...core.tensor import Tensor
from ..registry import override, public
from ..write import write_out

TITLES = {
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "float32": "Float",
    "float64": "Double",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
    "bool": "Bool",
}
"""How messages call the dtypes."""


class LinAlgError(RuntimeError):
    """A matrix that a method cannot work on: singular, not positive-definite, not finite.

    Source: torch.linalg.LinAlgError
    """


def title(x: Tensor) -> str:
    """The dtype as messages call it."""
    return TITLES.get(x.dtype.name, x.dtype.name)


def call_name(place: str) -> str:
    """What error messages of arguments call a function: linalg_inv()."""
    return place.replace(".", "_") + "()"


def exported(*places: str, method: bool | str = False, tensors: str = "") -> Callable:
    """`public`, for functions of tensors with ``out=`` and for tensor subclasses.

    The function itself takes no ``out``; what it returns is written there.

    Args:
        places: As for `public`.
        method: As for `public`.
        tensors: The names of the arguments that must be tensors, from the first on.
    """

    def register(function: Callable) -> Callable:
        place = (places or (function.__name__,))[0]
        needed = tuple(tensors.split())

        @functools.wraps(function)
        def called(*args: Any, out: Any = None, **kwargs: Any) -> Any:
            for position, name in enumerate(needed):
                if position >= len(args):
                    break
                x = args[position]
                if not isinstance(x, Tensor):
                    if hasattr(type(x), "__torch_function__"):
                        return override(called, args, args, _with(kwargs, out))
                    raise TypeError(
                        f"{call_name(place)}: argument '{name}' (position {position + 1}) must be "
                        f"Tensor, not {type(x).__name__}"
                    )
            result = function(*args, **kwargs)
            return result if out is None else given(out, result, place)

        called.__name__ = called.__qualname__ = place.rpartition(".")[2]
        return public(*places or (function.__name__,), method=method)(called)

    return register


def _with(kwargs: dict, out: Any) -> dict:
    return kwargs if out is None else {**kwargs, "out": out}


def given(out: Any, result: Any, name: str) -> Any:
    """Write a result, or each of several, into ``out``."""
    if not isinstance(result, tuple):
        return write_out(out, result, name)
    if not isinstance(out, (tuple, list)) or len(out) != len(result):
        raise TypeError(
            f"{name}(): argument 'out' must be a tuple of {len(result)} Tensors, not "
            f"{type(out).__name__}"
        )
    for target, value in zip(out, result):
        write_out(target, value, name)
    return type(result)(out) if isinstance(result, NamedResult) else tuple(out)


def matrices(name: str, x: Tensor, argument: str = "A") -> None:
    """Raises RuntimeError for a tensor of fewer than two dimensions."""
    if x.ndim < 2:
        raise RuntimeError(
            f"{name}: The input tensor {argument} must have at least 2 dimensions, got a tensor of "
            f"shape {list(x.shape)}."
        )


def square(name: str, x: Tensor, argument: str = "A") -> None:
    """Raises RuntimeError for a tensor that is not one of square matrices."""
    matrices(name, x, argument)
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {x.shape[-2]} by "
            f"{x.shape[-1]} matrices"
        )


def floating(name: str, x: Tensor, kernel: str = "") -> None:
    """Raises RuntimeError for integers and, as LAPACK has no such types, for the half types.

    Args:
        name: The function.
        x: Its operand.
        kernel: The kernel that PyTorch says is not implemented (NotImplementedError), where it does.
    """
    dtype = x.dtype
    if dtype.category < 2:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {title(x)}"
        )
    if dtype.name in ("float16", "bfloat16"):
        if kernel:
            raise NotImplementedError(
                f"\"{kernel}\" not implemented for '{title(x)}': convert to float32 first"
            )
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {title(x)}")


def implemented(kernel: str, x: Tensor) -> None:
    """Raises NotImplementedError for dtypes that LAPACK does not have."""
    if x.dtype.category < 2 or x.dtype.name in ("float16", "bfloat16"):
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{title(x)}': convert to float32 or float64 first"
        )


def same_dtype(name: str, a: Tensor, b: Tensor, names: tuple[str, str] = ("A", "B")) -> None:
    """Raises RuntimeError where the dtypes of two operands differ."""
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"{name}: Expected {names[0]} and {names[1]} to have the same dtype, but found "
            f"{names[0]} of type {title(a)} and {names[1]} of type {title(b)} instead"
        )


def at(batch: tuple[int, ...]) -> str:
    """Which matrix of a batch, in an error message; nothing where there is one only."""
    return f"(Batch element {batch[0]}): " if batch else ""


def first_failure(info: np.ndarray) -> tuple[str, int] | None:
    """Where the first matrix failed and with which code; None if none did."""
    flat = info.reshape(-1)
    failed = np.flatnonzero(flat)
    if not failed.size:
        return None
    i = int(failed[0])
    return at((i,) if info.ndim else ()), int(flat[i])


def flat(x: np.ndarray, kept: int) -> np.ndarray:
    """The leading dimensions as one, before the last `kept`; there may be no elements."""
    lead = x.shape[: x.ndim - kept]
    return x.reshape(int(np.prod(lead, dtype=np.int64)), *x.shape[x.ndim - kept :])


def identity(n: int, like: Tensor) -> Tensor:
    """The n x n identity in the dtype and on the device of `like`."""
    from ..matrix_creation import eye

    return eye(n, dtype=like.dtype, device=like.device)


def conjugated(x: Tensor) -> Tensor:
    """The complex conjugate; real tensors as they are."""
    return x.conj() if x.dtype.is_complex else x
