"""max and min: of all elements, along a dimension with its place, or of two tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.dtype import COMPLEX, int64
from ...core.result import named_result
from ...core.tensor import Tensor, class_name, wrap, wrap_dim
from ...dispatch.formula.rowwise import one_dim
from ...dispatch.out import write_results
from ...dispatch.registry import public
from ..elementwise.comparison import maximum, minimum
from .extreme import max_, min_, not_empty
from .selection import extreme, selection


@selection("MaxBackward0")
def max_of_rows(x: Any, dim: int, largest: bool, drop: bool) -> tuple[Any, Any]:
    """The largest of each row."""
    return extreme(x, dim, largest, drop)  # type: ignore[no-any-return]


@selection("MinBackward0")
def min_of_rows(x: Any, dim: int, largest: bool, drop: bool) -> tuple[Any, Any]:
    """The smallest of each row."""
    return extreme(x, dim, largest, drop)  # type: ignore[no-any-return]


def _at_zero(input: Tensor) -> Tensor:
    """Where the element of a 0-d tensor stands."""
    return wrap(np.zeros((), np.int64), input._kind.with_dtype(int64))


def _extreme(name: str, of_all: Any, of_rows: Any, of_two: Any) -> Any:
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
        if dim.__class__ is not int:
            one_dim(name, dim)
        array = input._array
        if input._kind.dtype.category == COMPLEX:
            raise RuntimeError(f"{name}(): does not support complex input")
        if not array.size:
            not_empty(name, input, dim)
        ndim = array.ndim
        at = dim if 0 <= dim < ndim else wrap_dim(dim, ndim)
        if not ndim:
            return values_indices((input.clone(), _at_zero(input)))
        return values_indices.of(of_rows(input, at, name == "max", not keepdim))

    function.__name__ = function.__qualname__ = name
    size = "largest" if name == "max" else "smallest"
    function.__doc__ = (
        f"The {size} element; with a dimension, (values, indices) along it; of two tensors, element by element.\n\n"
        f"    Source: torch.{name}\n    "
    )
    return public(name, method=name)(function)


max = _extreme("max", max_, max_of_rows, maximum)
min = _extreme("min", min_, min_of_rows, minimum)
