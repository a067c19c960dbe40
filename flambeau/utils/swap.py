"""Two tensors exchange what they are."""

from __future__ import annotations

import weakref

from ..autograd.node import Leaf
from ..core.tensor import Tensor


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Let two tensors exchange everything: values, history, gradient, attributes and class.

    Whoever holds one sees the other's contents under its own reference.

    Raises:
        RuntimeError: One of them is part of a recorded graph as a leaf that the graph still holds.

    Source: torch.utils.swap_tensors

    Example:
        >>> import flambeau as torch
        >>> x, y = torch.ones(1), torch.zeros(2)
        >>> torch.utils.swap_tensors(x, y)
        >>> x, y
        (tensor([0., 0.]), tensor([1.]))
    """
    for x in (t1, t2):
        if not isinstance(x, Tensor):
            raise TypeError(f"swap_tensors takes two tensors, not {type(x).__name__}")
        if x._node is not None and not isinstance(x._node, Leaf):
            raise RuntimeError("swap_tensors takes leaves: detach() what an operation made")
    first, second = vars(t1).copy(), vars(t2).copy()
    grads = getattr(t1, "_grad", None), getattr(t2, "_grad", None)
    for name in ("_array", "_kind", "_node", "_cell", "_base"):
        one, other = getattr(t1, name), getattr(t2, name)
        setattr(t1, name, other)
        setattr(t2, name, one)
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    for x, attributes, grad in ((t1, second, grads[1]), (t2, first, grads[0])):
        vars(x).clear()
        vars(x).update(attributes)
        x._grad = grad
        if isinstance(x._node, Leaf):
            x._node.tensor = weakref.ref(x)
