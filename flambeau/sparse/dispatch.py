"""Who does what a function means for sparse tensors: one table, and one refusal for all that is not in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from ..autograd.mode import mode
from ..core.device import CPU
from ..core.sparse import COO, TITLES, SparseTensor
from ..core.tensor import Tensor, wrap_numpy
from ..dispatch.registry import method, public
from ..dispatch.torch_function import EVERY_LAYOUT, full_name, guards
from ..dispatch.write import check_history, write_out

TABLE: dict[str, Callable] = {}
"""By the name of a function, or method: what does it where an operand is sparse."""

IN_PLACE: set[str] = set()
"""Names whose form with "_" writes the result into the first operand."""

COMPOSED = frozenset(("svd_lowrank",))
"""Functions that ask for nothing but products with the operand."""

_FAMILIES = ("convert", "copying", "elementwise", "handle", "product", "reduction", "shape")


def meaning(*names: str, inplace: bool = False) -> Callable:
    """Decorator: what does these functions and methods of Tensor for sparse tensors.

    Args:
        names: Of the functions, without "torch."; the function's own if empty.
        inplace: Have they a form that writes into the first operand, as ``x.mul_(y)`` does?
    """

    def register(function: Callable) -> Callable:
        for name in names or (function.__name__,):
            TABLE[name] = function
            if inplace:
                IN_PLACE.add(name)
        return function

    return register


def own(*places: str) -> Callable:
    """Decorator: a method of every tensor, sparse or not, and a public function at these places."""

    def register(function: Callable) -> Callable:
        meaning(function.__name__)(function)
        if places:
            return public(*places, method=True)(function)
        return method()(function)

    return register


@cache
def _load() -> None:
    for family in _FAMILIES:
        import_module(f"{__package__}.{family}")


@cache
def _name(function: Callable) -> str:
    """What the table calls a function; the setter of an attribute is "name="."""
    name = full_name(function).removeprefix("torch.").removeprefix("Tensor.")
    name = name.removesuffix(".__get__").replace(".__set__", "=")
    return name.removeprefix("special.").removeprefix("nn.functional.")


def _original(function: Any) -> tuple[Callable, Any]:
    """A function without its guard, and the guard."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, property):
        function = owner.fset if function.__name__ == "__set__" else owner.fget
    guard = guards.table.get(id(function))
    return (function if guard is None else guard.original), guard


def call(function: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
    """Do what a function means for sparse tensors.

    Raises:
        NotImplementedError: It means nothing for them.
    """
    if types:
        return NotImplemented  # a user's class comes first
    _load()
    name = _name(function)
    plain, guard = _original(function)
    if guard is not None and kwargs:
        args, kwargs = guard.settled(args, kwargs)
    found = TABLE.get(name)
    if found is None:
        if name.removesuffix("=") in EVERY_LAYOUT or name in COMPOSED:
            return plain(*args, **kwargs)
        if name.endswith("_") and name[:-1] in IN_PLACE:
            return write(args[0], TABLE[name[:-1]](*args, **kwargs), name)
        raise refusal(name, args, kwargs)
    found, _ = _original(found)  # it may be public too, and would ask again
    args = tuple([wrap_numpy(x) if isinstance(x, np.ndarray) else x for x in args])
    _expect_one_device(args)
    out = kwargs.pop("out", None)
    result = found(*args, **kwargs)
    return result if out is None else give(out, result, name)


def _expect_one_device(args: tuple) -> None:
    """Raises RuntimeError where one operand is sparse, so on the CPU, and another elsewhere."""
    for x in args:
        if isinstance(x, Tensor) and x._kind.device is not CPU and any(map(is_sparse, args)):
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{x._kind.device} and cpu! (sparse tensors are on the CPU: call .cpu() on the others)"
            )


def refusal(name: str, args: tuple, kwargs: dict) -> NotImplementedError:
    """That a function has no meaning for the layouts that it was given."""
    found = [x for x in (*args, *kwargs.values()) if isinstance(x, SparseTensor)]
    found += [x for a in args if isinstance(a, (tuple, list)) for x in a if is_sparse(x)]
    title = TITLES[found[0].layout if found else COO]
    return NotImplementedError(
        f"Could not run 'aten::{name}' with arguments from the '{title}CPU' backend: {name}() has no "
        "meaning for sparse tensors, or would make them dense. Call .to_dense() first, or compute with "
        ".values()"
    )


def is_sparse(x: Any) -> bool:
    return isinstance(x, SparseTensor)


def write(target: Tensor, result: Tensor, name: str) -> Tensor:
    """Make a result what a tensor is from now on, with its history.

    Raises:
        RuntimeError: The tensor has another shape or layout, or is a leaf that requires grad.
    """
    if not is_sparse(target):
        if is_sparse(result):
            result = result.to_dense()
        return target.copy_(result)
    if not is_sparse(result) or result.layout is not target.layout:
        raise RuntimeError(
            f"{name}(): the result would be of layout {result.layout}, and the tensor that is written to is "
            f"of layout {target.layout}: use the out-of-place form"
        )
    if result._array.shape != target._array.shape:
        raise RuntimeError(
            f"{name}(): output with shape {list(target.shape)} doesn't match the shape of the result "
            f"{list(result.shape)}"
        )
    recorded = mode.recording
    if recorded:
        check_history(target, result._node is not None)
    if result.dtype is not target.dtype:
        result = result.to(target.dtype)
    target._array = result._array
    if recorded:
        target._node = result._node
    target._cell[0] += 1
    return target


def give(out: Any, result: Any, name: str) -> Any:
    """The form with ``out=``."""
    if is_sparse(out):
        target = out
        if is_sparse(result) and result._array.shape != out._array.shape:
            target._array = result._array
            return target
        return write(target, result, name)
    return write_out(out, result.to_dense() if is_sparse(result) else result, name)
