"""Classes as vectors: one_hot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ... import kernels
from ...core.tensor import Tensor, wrap
from ...core.twin import of_arrays
from ...dispatch.registry import public
from ...kernels.gather.plan import Along


@public("nn.functional.one_hot")
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Ones at the classes, as a new last dimension.

    Source: torch.nn.functional.one_hot
    """
    array = tensor._array
    fits = array.__class__ is ndarray and array.dtype == np.int64 and num_classes > 0
    if fits and array.size and kernels.enabled():
        given = array if array.flags.carray else array.copy()
        made = kernels.array.hot.vectors(given, num_classes)
        if made is not None:
            return wrap(made, tensor._kind)
    if tensor.dtype.name != "int64":
        raise RuntimeError("one_hot is only applicable to index tensor.")
    looks = tensor._kind.backend.can_look()
    largest = int(array.max()) if num_classes == -1 or (looks and array.size) else -1
    if looks and array.size and array.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    count = largest + 1 if num_classes == -1 else num_classes
    if looks and largest >= count:
        raise RuntimeError("Class values must be smaller than num_classes.")
    if num_classes == -1:
        tensor._kind.check_elements("one_hot")
    return wrap(_hot(array, count), tensor._kind)


@of_arrays
def _hot(index: Any, count: int) -> Any:
    """Ones at the indices, along a new last dimension."""
    places = index.reshape(*index.shape, 1)
    return _put(np.ones(places.shape, np.int64), index.ndim, count, places)


def _put_by_index(ones: Any, dim: int, count: int, places: Any) -> Any:
    shape = (*places.shape[:dim], count)
    return kernels.gather.indexed.spread(shape, Along(places, dim), np.ones((), np.int64))


_put = kernels.Native("array.few", "put_back", _put_by_index)
