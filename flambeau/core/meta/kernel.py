"""What kernels give for arrays without elements: the shapes of their results.

Each function here has the place of a kernel's, by its module and name (`Arrays.install`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .array import FUNCTIONS, MetaArray, _check_fits, ordered_like, without_elements

KERNELS: dict[str, Callable] = {}
"""By module and function, in the package."""


def _made(shape: Any, dtype: Any, *value: Any) -> MetaArray:
    return MetaArray(shape if hasattr(shape, "__iter__") else (shape,), dtype)


MAKES: dict[str, Callable] = {
    "kernels.array.zeros.fresh": _made,
    "kernels.array.zeros.zeros": _made,
    "kernels.array.zeros.full": _made,
    "kernels.runtime.memory.empty": _made,
}
"""Functions without arrays among their arguments, which make arrays."""


def _stands_for(*places: str) -> Callable:
    def register(function: Callable) -> Callable:
        KERNELS.update(dict.fromkeys(places, function))
        return function

    return register


@_stands_for("kernels.array.copy.contiguous")
def _contiguous(x: Any) -> Any:
    return x.copy()


@_stands_for("kernels.array.copy.in_order")
def _in_order(x: Any) -> Any:
    return x if x.flags.c_contiguous else x.copy()


@_stands_for("kernels.array.copy.copy_into")
def _copy_into(target: Any, source: Any) -> None:
    if not isinstance(target, MetaArray):
        raise without_elements("a copy of it")
    _check_fits(source, target.shape)


@_stands_for("kernels.array.masked_fill.filled")
def _filled(x: Any, mask: Any, value: Any) -> Any:
    shape = np.broadcast_shapes(x.shape, mask.shape)
    return ordered_like(x, x.dtype) if shape == x.shape else MetaArray(shape, x.dtype)


@_stands_for(
    "kernels.array.masked_fill.fill", "kernels.array.fill.write", "kernels.array.fill.fill"
)
def _fill(x: Any, *rest: Any) -> None:
    """What is written is gone."""


@_stands_for("kernels.array.sort.order")
def _order(x: Any, dim: int, descending: bool = False) -> Any:
    return MetaArray(x.shape, np.int64)


@_stands_for("kernels.array.sort.first")
def _first(x: Any, k: int, dim: int, descending: bool = False) -> Any:
    shape = list(x.shape)
    shape[dim] = k
    return MetaArray(shape, np.int64)


@_stands_for(
    "kernels.array.scan.running_sum",
    "kernels.array.scan.running_product",
    "kernels.array.scan.running_logsumexp",
)
def _running(x: Any, dim: int, narrow: bool = False) -> Any:
    sums = x.dtype.kind in "biu" and not narrow
    return MetaArray(x.shape, np.int64 if sums else x.dtype)


@_stands_for("kernels.array.scan.running_extreme")
def _running_extreme(x: Any, dim: int, largest: bool) -> tuple[Any, Any]:
    return MetaArray(x.shape, x.dtype), MetaArray(x.shape, np.int64)


@_stands_for("kernels.array.argmax.place")
def _place(x: Any, dim: int, largest: bool) -> Any:
    return MetaArray([n for i, n in enumerate(x.shape) if i != dim % x.ndim], np.int64)


@_stands_for("kernels.array.concatenate.concatenate")
def _concatenate(arrays: Any, dim: int) -> Any:
    return FUNCTIONS["concatenate"](arrays, dim)


@_stands_for("kernels.array.concatenate.stack")
def _stack(arrays: Any, dim: int) -> Any:
    return FUNCTIONS["stack"](arrays, dim)


@_stands_for("kernels.gather.indexed.take")
def _take(x: Any, key: tuple) -> Any:
    return MetaArray(FUNCTIONS["indexed shape"](x, tuple(key)), x.dtype)


@_stands_for("kernels.gather.indexed.add_at", "kernels.gather.indexed.put_at")
def _write_at(x: Any, key: tuple, values: Any) -> None:
    if not any(isinstance(i, MetaArray) and i.dtype.kind == "b" for i in key):
        _check_fits(values, FUNCTIONS["indexed shape"](x, tuple(key)))


@_stands_for("kernels.gather.indexed.combine_at")
def _combine_at(how: str, x: Any, key: tuple, values: Any) -> None:
    _write_at(x, key, values)


@_stands_for("kernels.gather.indexed.placed")
def _placed(x: Any, key: tuple, values: Any, add: bool) -> Any:
    _write_at(x, key, values)
    return x.copy()


@_stands_for("kernels.gather.indexed.spread")
def _spread(shape: Any, key: tuple, values: Any) -> Any:
    return MetaArray(shape, values.dtype)


@_stands_for(
    "kernels.gather.along.write", "kernels.gather.along.write_at", "kernels.gather.along.write_flat"
)
def _write_few(*given: Any) -> bool:
    return False


@_stands_for(*[
    f"core.random.{module}.{name}"
    for module, names in (
        ("draws", "uniform_ normal_ log_normal_ exponential_ cauchy_ geometric_ bernoulli_"),
        ("draws_integer", "random_"),
        ("draws_discrete", "poisson"),
    )
    for name in names.split()
])  # fmt: skip
def _draw(out: Any, *rest: Any, **options: Any) -> Any:
    return out


@_stands_for("core.random.draws_discrete.binomial")
def _binomial(count: Any, prob: Any, generator: Any = None) -> Any:
    return MetaArray(np.broadcast_shapes(count.shape, prob.shape), count.dtype)


@_stands_for("core.random.draws_gamma.standard_gamma")
def _standard_gamma(alpha: Any, generator: Any = None) -> Any:
    return ordered_like(alpha, alpha.dtype)


@_stands_for("core.random.draws_gamma.dirichlet")
def _dirichlet(alpha: Any, generator: Any = None) -> Any:
    return ordered_like(alpha, alpha.dtype)


@_stands_for("core.random.slope.gamma_slope")
def _gamma_slope(x: Any, alpha: Any, digamma: Any) -> Any:
    return ordered_like(x, x.dtype)


@_stands_for("core.random.slope.dirichlet_slope")
def _dirichlet_slope(x: Any, alpha: Any, total: Any, mean: Any) -> Any:
    return ordered_like(x, x.dtype)


@_stands_for("core.random.draws_integer.multinomial")
def _multinomial(probs: Any, samples: int, replacement: bool = False, generator: Any = None) -> Any:
    return MetaArray((*probs.shape[:-1], samples), np.int64)
