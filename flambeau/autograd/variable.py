"""What differentiation gives a tensor: requires_grad, backward, hooks, detach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.tensor import Tensor, wrap
from . import engine
from .mode import mode
from .node import Leaf, Port


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
            self._node = Leaf(self, self._array.shape)
    elif type(self._node) is Leaf:
        if not requires_grad:
            self._node = None
    elif not requires_grad:
        raise RuntimeError(
            "you can only change requires_grad flags of leaf variables. If you want to use a "
            "computed variable in a subgraph that doesn't require differentiation use "
            "var_no_grad = var.detach()."
        )
    return self


def _set_requires_grad(self: Tensor, value: bool) -> None:
    requires_grad_(self, value)


Tensor.requires_grad_ = requires_grad_  # type: ignore[attr-defined]
Tensor.requires_grad = Tensor.requires_grad.setter(_set_requires_grad)  # type: ignore[assignment,attr-defined]


def edge_of(tensor: Tensor) -> Any:
    """The node or port of a tensor that requires grad."""
    return tensor._node


def seeds(outputs: Sequence[Tensor], grads: Sequence[Tensor | None]) -> list[Tensor]:
    """The gradients that backward starts with: ones for a single value, else what was given.

    Raises:
        RuntimeError: An output has several elements and no gradient, needs none, or shapes differ.
    """
    made = []
    for output, grad in zip(outputs, grads):
        if output._node is None:
            raise RuntimeError(
                "element 0 of tensors does not require grad and does not have a grad_fn: no input of "
                "it requires grad, or it was computed under no_grad or from a detached tensor"
            )
        if grad is None:
            if output._array.size != 1:
                raise RuntimeError(
                    f"grad can be implicitly created only for scalar outputs, not for shape "
                    f"{list(output.shape)}: reduce it first (sum, mean) or pass gradient="
                )
            if output._kind.dtype.is_complex:
                raise RuntimeError(
                    "grad can be implicitly created only for real scalar outputs but got "
                    f"{output.dtype}"
                )
            grad = wrap(output._kind.one().reshape(output._array.shape), output._kind)
        elif grad._array.shape != output._array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[0] has a shape of {grad.shape} and output[0] has a "
                f"shape of {output.shape}."
            )
        made.append(grad)
    return made


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
        from . import backward as run

        run(self, gradient, retain_graph, create_graph, inputs=inputs)
        return
    retain = create_graph if retain_graph is None else retain_graph
    engine.run((self._node,), seeds((self,), (gradient,)), retain, create_graph)


Tensor.backward = backward  # type: ignore[attr-defined]


__all__ = ["Port", "engine", "mode"]
