"""max and min: of all elements, along a dimension with its place, or of two tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.dtype import bool_, int64, uint8
from ...core.result import named_result
from ...core.tensor import Tensor, class_name, wrap, wrap_dim
from ...dispatch.formula.rowwise import one_dim
from ...dispatch.out import write_results
from ...dispatch.registry import public
from ..elementwise.comparison import maximum, minimum
from .extreme import argmax, argmin, max_, min_, not_empty
from .sort import take_along


def _at_zero(input: Tensor) -> Tensor:
    """Where the element of a 0-d tensor stands."""
    return wrap(np.zeros((), np.int64), input._kind.with_dtype(int64))


def _extreme(name: str, of_all: Any, where: Any, of_two: Any) -> Any:
    values_indices: Any = named_result(name, "values indices")

    def function(
        input: Tensor,
        dim: Any = None,
        keepdim: bool = False,
        *,
        other: Tensor | None = None,
        out: Any = None,
    ) -> Any:
        if isinstance(dim, Tensor) or other is not None:
            return of_two(input, other if other is not None else dim, out=out)
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{name}(): argument 'input' (position 1) must be Tensor, not {class_name(input)}"
            )
        if dim is None:
            not_empty(name, input, ())
            return of_all(input, out=out)
        result = along(input, dim, keepdim)
        return result if out is None else write_results(out, result, name)

    def along(input: Tensor, dim: int, keepdim: bool) -> Any:
        one_dim(name, dim)
        if input.dtype.is_complex:
            raise RuntimeError(f"{name}(): does not support complex input")
        not_empty(name, input, dim)
        at = wrap_dim(dim, input.ndim)
        if input.ndim == 0:
            return values_indices((input.clone(), _at_zero(input)))
        index = where(input.to(uint8) if input.dtype is bool_ else input, at, True)
        values = take_along(input, index, at)
        if keepdim:
            return values_indices((values, index))
        return values_indices((values.squeeze(at), index.squeeze(at)))

    function.__name__ = function.__qualname__ = name
    size = "largest" if name == "max" else "smallest"
    function.__doc__ = (
        f"The {size} element; with a dimension, (values, indices) along it; of two tensors, element by element.\n\n"
        f"    Source: torch.{name}\n    "
    )
    return public(name, method=name)(function)


max = _extreme("max", max_, argmax, maximum)
min = _extreme("min", min_, argmin, minimum)
