"""What differentiation gives a tensor: requires_grad, backward, hooks, detach."""

from __future__ import annotations

from typing import Any

from ..core.tensor import UNVERSIONED, Tensor
from . import engine
from .gradient import backward as run
from .gradient import seed
from .mode import mode
from .node import Leaf


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Ask for the tensor's gradient, or stop asking; gives the tensor itself.

    Raises:
        RuntimeError: The dtype has no gradients, or the tensor is a result of recorded operations.

    Source: torch.Tensor.requires_grad_

    Example:
        >>> import flambeau as torch
        >>> torch.ones(2).requires_grad_()
        tensor([1., 1.], requires_grad=True)
    """
    if requires_grad and self._kind.dtype.category < 2:
        raise RuntimeError(
            f"only Tensors of floating point and complex dtype can require gradients, not "
            f"{self.dtype}: convert with .float() first"
        )
    if self._node is None:
        if requires_grad:
            if self._cell[0] is UNVERSIONED and not mode.inference:
                raise RuntimeError(
                    "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed: "
                    "clone() it first"
                )
            self._node = Leaf(self, self._array.shape)
    elif type(self._node) is Leaf:
        if not requires_grad:
            self._node = None
    elif not self._node.reverse:
        if requires_grad:
            _leaf_with_tangents(self)
    elif not requires_grad:
        raise RuntimeError(
            "you can only change requires_grad flags of leaf variables. If you want to use a "
            "computed variable in a subgraph that doesn't require differentiation use "
            "var_no_grad = var.detach()."
        )
    return self


def _leaf_with_tangents(tensor: Tensor) -> None:
    """Ask for the gradient of a tensor that has tangents."""
    leaf = Leaf(tensor, tensor._array.shape)
    for level in mode.levels:
        tangent = level.of(tensor._node)
        if tangent is not None:
            level.keep(leaf, 0, tangent)
    tensor._node = leaf


def _set_requires_grad(self: Tensor, value: bool) -> None:
    requires_grad_(self, value)


Tensor.requires_grad_ = requires_grad_  # type: ignore[attr-defined]
Tensor.requires_grad = Tensor.requires_grad.setter(_set_requires_grad)  # type: ignore[assignment,attr-defined]


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradient of this tensor to the ``.grad`` of every leaf it was computed from.

    Args:
        gradient: What arrives at this tensor; may be left out if it has one element.
        retain_graph: Keep what was saved, to go back again. Default: `create_graph`.
        create_graph: Record the computation of the gradients, to differentiate them.
        inputs: Only these leaves' ``.grad`` is added to.

    Raises:
        RuntimeError: Nothing here requires grad, the graph was freed, or a saved value was modified.

    Source: torch.Tensor.backward

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([3.], requires_grad=True)
        >>> (x * x).backward()
        >>> x.grad
        tensor([6.])
    """
    if inputs is not None:
        run(self, gradient, retain_graph, create_graph, inputs=inputs)
        return
    retain = create_graph if retain_graph is None else retain_graph
    node = self._node
    engine.run((node,), (seed(0, node, gradient),), retain, create_graph)


Tensor.backward = backward  # type: ignore[attr-defined]


class _Meta(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor)


class Variable(metaclass=_Meta):
    """The tensor of old programs: ``Variable(x, requires_grad)`` gives a tensor on the memory of x.

    Source: torch.autograd.Variable

    Example:
        >>> import flambeau as torch
        >>> torch.autograd.Variable(torch.ones(1), requires_grad=True)
        tensor([1.], requires_grad=True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False) -> Any:
        made = Tensor() if data is None else data.detach()
        return requires_grad_(made, requires_grad)
