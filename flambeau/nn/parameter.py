"""Parameter and Buffer: tensors that a Module finds among its attributes."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor, wrap

_SLOTS = ("_array", "_kind", "_node", "_cell", "_base")


def _remade(cls: type, data: Tensor | None) -> Any:
    """A tensor of class `cls` on the memory of `data`."""
    if data is None:
        import numpy as np

        from ..core.tensor import wrap_numpy

        data = wrap_numpy(np.empty(0, np.float32))
    result = object.__new__(cls)  # type: ignore[var-annotated]
    fresh = wrap(data._array, data._kind)
    for slot in _SLOTS:
        setattr(result, slot, getattr(fresh, slot))
    return result


class Parameter(Tensor):
    """A tensor that requires grad and that a Module registers when it is assigned.

    Source: torch.nn.Parameter

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Parameter(torch.ones(2))
        Parameter containing:
        tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        result = _remade(cls, data)
        return result.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + Tensor.__repr__(self)


class Buffer(Tensor):
    """A tensor that a Module registers as a buffer when it is assigned.

    Source: torch.nn.Buffer
    """

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        result = _remade(cls, data)
        result.persistent = persistent
        return result
