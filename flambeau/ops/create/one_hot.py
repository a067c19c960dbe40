"""Classes as vectors: one_hot."""

from __future__ import annotations

import numpy as np

from ...core.tensor import Tensor, wrap
from ...dispatch.registry import public


@public("nn.functional.one_hot")
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Ones at the classes, as a new last dimension.

    Source: torch.nn.functional.one_hot
    """
    if tensor.dtype.name != "int64":
        raise RuntimeError("one_hot is only applicable to index tensor.")
    array = tensor._array
    if array.size and array.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    count = int(array.max()) + 1 if num_classes == -1 else num_classes
    if array.size and array.max() >= count:
        raise RuntimeError("Class values must be smaller than num_classes.")
    if num_classes == -1:
        tensor._kind.check_elements("one_hot")
    return wrap((array[..., None] == np.arange(count)).astype(np.int64), tensor._kind)
