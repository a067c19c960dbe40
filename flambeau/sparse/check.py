"""gradcheck of functions of sparse tensors: their values are the variables."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.sparse import SparseTensor
from ..core.tensor import Tensor
from . import graph


def sparse_gradcheck(gradcheck: Callable) -> Callable:
    """A checker that gives a function of sparse tensors dense variables."""

    @functools.wraps(gradcheck)
    def check(function: Callable, inputs: Any, **options: Any) -> bool:
        options.pop("masked", None)
        given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        variables = tuple(_variable(x) for x in given)

        def of_values(*found: Tensor) -> Any:
            rebuilt = [
                graph.placed(x._array, value) if isinstance(x, SparseTensor) else value
                for x, value in zip(given, found)
            ]
            result = function(*rebuilt)
            several = isinstance(result, (tuple, list))
            made = tuple(_value(y) for y in (result if several else (result,)))
            return made if several else made[0]

        return gradcheck(of_values, variables, **options)

    return check


def _variable(x: Any) -> Any:
    if not isinstance(x, SparseTensor):
        return x
    values = x._array.values.detach().clone()
    return values.requires_grad_() if x.requires_grad else values


def _value(x: Any) -> Any:
    return graph.values_of(x) if isinstance(x, SparseTensor) else x
