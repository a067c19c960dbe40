"""max and min: of all elements, along a dimension with its place, or of two tensors."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor, wrap_dim
from .comparison import maximum, minimum
from .ordering import ValuesIndices, take_along
from .reduction import amax, amin, argmax, argmin
from .registry import public


def _extreme(name: str, of_all: Any, where: Any, of_two: Any) -> Any:
    def function(
        input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None
    ) -> Any:
        if isinstance(dim, Tensor) or other is not None:
            return of_two(input, other if other is not None else dim)
        if dim is None:
            return of_all(input, ())
        if input.ndim == 0:
            return ValuesIndices(input.clone(), where(input))
        at = wrap_dim(dim, input.ndim)
        index = where(input, at, True)
        values = take_along(input, index, at)
        if keepdim:
            return ValuesIndices(values, index)
        return ValuesIndices(values.squeeze(at), index.squeeze(at))

    function.__name__ = function.__qualname__ = name
    size = "largest" if name == "max" else "smallest"
    function.__doc__ = (
        f"The {size} element; with a dimension, (values, indices) along it; of two tensors, element by element.\n\n"
        f"    Source: torch.{name}\n    "
    )
    return public(name, method=name)(function)


max = _extreme("max", amax, argmax, maximum)
min = _extreme("min", amin, argmin, minimum)
