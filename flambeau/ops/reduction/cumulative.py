"""Running sums, products and extremes along a dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import COMPLEX, bool_
from ...core.result import named_result
from ...core.tensor import Tensor, wrap, wrap_dim
from ...dispatch.inplace import write_result
from ...dispatch.out import write_results
from ...dispatch.registry import method, public
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import write_out
from ..elementwise.comparison import where
from ..index.advanced import add_advanced, along, index_advanced
from ..view.permute import flip_

CumMax: Any = named_result("cummax", "values indices")
CumMin: Any = named_result("cummin", "values indices")


def _running_sum(x: Any, dim: int, narrow: bool) -> Any:
    return kernels.array.scan.running_sum(x, dim, narrow)


def _running_product(x: Any, dim: int, narrow: bool) -> Any:
    return kernels.array.scan.running_product(x, dim, narrow)


def _running_extreme(x: Any, dim: int, largest: bool) -> Any:
    return kernels.array.scan.running_extreme(x, dim, largest)


_sums = kernels.Native("array.few", "running_sum", _running_sum)
_products = kernels.Native("array.few", "running_product", _running_product)
running_extreme = kernels.Native("array.few", "running_extreme", _running_extreme)


@operation(label="Cumsum")
def cumsum_(x: Any, dim: int, narrow: bool = False) -> Any:
    """Running sums; `narrow` ones of integers stay in their dtype."""
    return _sums(x, dim, narrow)


@cumsum_.gradient
def _(g: Tensor, dim: int) -> Tensor:
    return backwards(g, dim)


def backwards(g: Tensor, dim: int) -> Tensor:
    """Running sums from the end."""
    return flip_(cumsum_(flip_(g, (dim,)), dim), (dim,))


@operation(label="Cumprod")
def cumprod_(x: Any, dim: int, narrow: bool = False) -> Any:
    """Running products; `narrow` ones of integers stay in their dtype."""
    return _products(x, dim, narrow)


@cumprod_.gradient
def _(g: Tensor, x: Tensor, y: Tensor, dim: int) -> Tensor:
    turned = (x.conj(), y.conj()) if x.dtype.is_complex else (x, y)
    zeros = x._array == 0
    if not zeros.any():
        return backwards(g * turned[1], dim) / turned[0]
    # A product without its first zero is that of the others; behind the first zero all are zero.
    first = wrap(zeros & (np.cumsum(zeros, dim) == 1), x._kind.with_dtype(bool_))
    others = cumprod_(where(first, 1.0, turned[0]), dim)
    plain = backwards(g * turned[1], dim) / where(x == 0, 1.0, turned[0])
    return where(first, backwards(g * others, dim), where(x == 0, 0.0, plain))


def _running(name: str, run: Any, doc: str, example: str) -> Any:
    def function(
        input: Tensor, dim: int, *, dtype: Any = None, out: Tensor | None = None
    ) -> Tensor:
        x = input if dtype is None else input.to(dtype)
        at = wrap_dim(dim, x._array.ndim)
        lifted = x if x._array.ndim else x.reshape(1)
        narrow = dtype is not None and not dtype.is_floating_point and not dtype.is_complex
        result = run(lifted, at, True) if narrow and dtype.name != "bool" else run(lifted, at)
        if lifted is not x:
            result = result.reshape(())
        if dtype is not None and result.dtype is not dtype:
            result = result.to(dtype)
        return result if out is None else write_out(out, result, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{doc}

    Args:
        input: The tensor.
        dim: The dimension to walk along.
        dtype: What to convert to first. Integers and bools give int64 without it.
        out: Where to write the result.

    Raises:
        IndexError: There is no such dimension.

    Source: torch.{name}

    Example:
        >>> import flambeau as torch
        >>> torch.{name}(torch.tensor([1, 2, 3]), 0)
        {example}
    """

    def form(self: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
        if dtype is not None and dtype is not self.dtype:
            raise RuntimeError(
                f"Bad in-place call: input tensor dtype {self.dtype.name} and output tensor dtype "
                f"{dtype.name} should match"
            )
        if self.dtype.name == "bool":
            raise NotImplementedError(f"\"{name}_out_cpu\" not implemented for 'Bool'")
        return write_result(self, lambda x: function(x, dim, dtype=self.dtype))

    form.__name__ = form.__qualname__ = f"{name}_"
    form.__doc__ = f"The in-place form of `{name}`."
    method()(form)
    return public(method=True)(function)


cumsum = _running("cumsum", cumsum_, "Running sums along a dimension.", "tensor([1, 3, 6])")
cumprod = _running("cumprod", cumprod_, "Running products along a dimension.", "tensor([1, 2, 6])")


def _extreme(name: str, largest: bool, made: Any) -> None:
    def compute(x: Any, dim: int) -> tuple[Any, Any]:
        return running_extreme(x, dim, largest)  # type: ignore[no-any-return]

    compute.__name__, compute.__doc__ = f"{name}_", f"Running {name[3:]}ima, and where they stand."
    run = operation(compute, outputs="values index", differentiable=(0,), label=name.capitalize())

    @run.gradient
    def _(g_values: Tensor, index: Tensor, dim: int, shape_x: tuple[int, ...]) -> Tensor:
        return add_advanced(g_values, along(index._array, dim), shape_x)  # type: ignore[no-any-return]

    @run.tangent
    def _(t_x: Tensor, index: Tensor, dim: int) -> tuple:
        return index_advanced(t_x, along(index._array, dim)), None

    def function(input: Tensor, dim: int, *, out: Any = None) -> Any:
        if input._kind.dtype.category == COMPLEX:
            raise NotImplementedError(f'"{name}_cpu" not implemented for {input.dtype.legacy!r}')
        at = wrap_dim(dim, input._array.ndim)
        parts = run(input if input._array.ndim else input.reshape(1), at)
        if not input._array.ndim:
            parts = tuple(part.reshape(()) for part in parts)
        result = made.of(parts)
        return result if out is None else write_results(out, result, name)

    function.__name__ = function.__qualname__ = name
    size = "largest" if name == "cummax" else "smallest"
    function.__doc__ = f"""The {size} element so far along a dimension, and where it stands; nan wins.

    Raises:
        IndexError: There is no such dimension.

    Source: torch.{name}
    """
    public(method=True)(function)


_extreme("cummax", True, CumMax)
_extreme("cummin", False, CumMin)
