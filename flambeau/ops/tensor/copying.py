"""Copies of tensors as Python objects: copy, deepcopy and pickle.

Copies and pickles are made of the memory, not of the values: tensors that share memory share it
afterwards too, and a view keeps its place in it.
"""

from __future__ import annotations

from typing import Any

from ...autograd.hook import warn_if_has_hooks
from ...core.dtype import dtype
from ...core.kind import kind_of
from ...core.memory import at, keep_alive, owner
from ...core.tensor import Tensor, become, wrap
from ...dispatch.registry import method


def parts_of(x: Tensor) -> tuple[Any, tuple]:
    """A tensor's storage, and where it lies in it: dtype, offset, shape, strides.

    Raises:
        NotImplementedError: The tensor has no elements.
    """
    from ...core.storage import storage_of  # rare, so not loaded with the library

    if not x._kind.has_elements:
        raise NotImplementedError(
            f"a tensor on {x._kind.device} has no storage: make one with elements, torch.empty_like(x, device='cpu')"
        )
    place = (x._kind.dtype, Tensor.storage_offset(x), x._array.shape, Tensor.stride(x))
    return storage_of(x._array, x._kind.device), place


def of_parts(storage: Any, kept: dtype, offset: int, shape: tuple, strides: tuple) -> Tensor:
    """The inverse of `parts_of`: a new tensor there."""
    kind = kind_of(kept, storage.device)
    return wrap(at(storage._bytes, kept.numpy, offset, shape, strides, kind.xp), kind)


def rebuild(cls: type, storage: Any, place: tuple, requires_grad: bool) -> Tensor:
    """What a pickle of a tensor calls."""
    result = of_parts(storage, *place)
    if requires_grad:
        result.requires_grad_()
    return result if cls is Tensor else become(result, cls)


@method()
def __reduce_ex__(self: Tensor, protocol: Any) -> tuple:
    warn_if_has_hooks(self)
    storage, place = parts_of(self)
    arguments = (type(self), storage, place, self._node is not None)
    attributes = self.__dict__
    return (rebuild, arguments, dict(attributes)) if attributes else (rebuild, arguments)


@method()
def __setstate__(self: Tensor, attributes: dict) -> None:
    self.__dict__.update(attributes)


@method()
def __deepcopy__(self: Tensor, memo: dict) -> Tensor:
    found = memo.get(id(self))
    if found is not None:
        return found
    if not Tensor.is_leaf.__get__(self):
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
            "the moment.  If you were attempting to deepcopy a module, this may be because of a computed "
            "tensor kept as an attribute: detach() it."
        )
    result: Any = become(_copied(self, memo), type(self))
    memo[id(self)] = result
    keep_alive(self, memo)
    if self._node is not None:
        result.requires_grad_()
    grad = getattr(self, "_grad", None)
    if grad is not None:
        result._grad = _deepcopy(grad, memo)
    result.__dict__.update(_deepcopy(self.__dict__, memo))
    return result


def _deepcopy(item: Any, memo: dict) -> Any:
    from copy import deepcopy  # who is here has loaded it, and who imports flambeau need not

    return deepcopy(item, memo)


def _copied(x: Tensor, memo: dict) -> Tensor:
    """A copy of the tensor in a copy of its memory, which other tensors in `memo` may share."""
    if not x._kind.has_elements:
        return wrap(x._array.copy(order="K"), x._kind)
    memory = owner(x._array)
    key = "memory", id(memory)
    storage, place = parts_of(x)
    if key not in memo:
        memo[key] = _deepcopy(storage, memo)
        keep_alive(memory, memo)
    return of_parts(memo[key], *place)
