"""Further forms of the views: `*_copy`, a view's values on their own, and `*_scatter`, a copy of a
tensor in which a view of it holds other values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ... import kernels
from ...core.dtype import dtype
from ...core.layout import copy_of
from ...core.tensor import Tensor, wrap_dim
from ...dispatch.registry import method, public
from ...dispatch.remembered import remembers
from ...dispatch.rule.rule_operation import Operation, operation
from ...dispatch.rule.view_operation import ViewOperation
from ...dispatch.write import write_out
from ..view.as_strided import as_strided
from ..view.complex import view_as_complex, view_as_real
from ..view.expansion import expand
from ..view.permute import permute, t, transpose
from ..view.shape import alias_, reshape, squeeze, unsqueeze, view
from ..view.slice import diagonal, diagonal_, index_basic, narrow, select, select_, unfold
from .split import split, split_with_sizes, unbind


def _copy_form(function: Callable, name: str = "") -> None:
    """Register the form of a view that copies what it shows."""
    base = name or function.__name__

    @remembers("input")
    def form(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        shown = function(input, *args, **kwargs)
        if isinstance(shown, tuple):
            copies: Any = tuple(x.contiguous() if x._base is None else x.clone() for x in shown)
            return copies if out is None else write_out(out, copies, f"{base}_copy")
        copied = shown.clone().contiguous()
        return copied if out is None else write_out(out, copied, f"{base}_copy")

    form.__name__ = form.__qualname__ = f"{base}_copy"
    form.__doc__ = f"A copy of what `{base}` shows.\n\n    Source: torch.{base}_copy\n    "
    public()(form)


def view_or_reshape(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """A copy in another shape needs no memory that can be seen in it."""
    if "dtype" in kwargs or (args and isinstance(args[0], dtype)):
        return view(input, *args, **kwargs)
    return reshape(input, *args, *kwargs.values())


def detach_view(input: Tensor) -> Tensor:
    return input.detach()


def slice_key(input: Tensor, dim: int, start: int | None, end: int | None, step: int) -> tuple:
    at = wrap_dim(dim, input._array.ndim)
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    return (*(slice(None),) * at, slice(start, end, step))


def slice_view(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    return index_basic(input, slice_key(input, dim, start, end, step))


_copy_form(alias_, "alias")
for _form in (as_strided, diagonal, narrow, permute, select, squeeze, t, transpose):
    _copy_form(_form)
for _form in (unbind, unsqueeze, view_as_complex, view_as_real, split, split_with_sizes):
    _copy_form(_form)
_copy_form(expand, "expand")
_copy_form(unfold, "unfold")
_copy_form(view_or_reshape, "view")
_copy_form(detach_view, "detach")
_copy_form(slice_view, "slice")


@method()
@remembers("self")
def narrow_copy(self: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """A copy of what `narrow` shows."""
    return narrow(self, dim, start, length).clone()


def _scattering(name: str) -> Operation:
    """The operation of a `*_scatter`: a copy of x in which the view that `show` gives of it holds `src`."""

    def compute(x: Any, src: Any, show: ViewOperation, options: tuple) -> Any:
        whole = copy_of(x, x.dtype, None)
        kernels.array.copy.copy_into(show.compute(whole, *options), src)
        return whole

    compute.__name__ = f"{name}_"
    label = "".join(part.capitalize() for part in name.split("_"))
    made: Operation = operation(compute, operands="x src", label=label, linear=True)

    @made.gradient
    def _(
        g: Tensor, show: ViewOperation, options: tuple, shape_src: tuple, needs: tuple[bool, bool]
    ) -> tuple:
        return (
            made(g, g.new_zeros(shape_src), show, options) if needs[0] else None,
            show(g, *options) if needs[1] else None,
        )

    return made


_select_scatter, _slice_scatter, _diagonal_scatter = map(
    _scattering, ("select_scatter", "slice_scatter", "diagonal_scatter")
)


def _scattered(
    by: Operation, input: Tensor, src: Tensor, shown: Tensor, show: ViewOperation, *options: Any
) -> Tensor:
    """What `by` gives; `shown` is the view of the input, which has the shape that `src` must have."""
    check_same_shape(src, shown._array.shape)
    if src._kind.device is not input._kind.device:
        src = src.to(input.device)
    return by(input, src, show, options)  # type: ignore[no-any-return]


def check_same_shape(src: Tensor, shape: tuple[int, ...]) -> None:
    """Raises RuntimeError where `src` has another shape than the view that it replaces."""
    if src._array.shape != shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(shape)}"
        )


@public(method=True)
@remembers("input src")
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy in which one slice of a dimension is `src`.

    Raises:
        RuntimeError: `src` has another shape than the slice.

    Source: torch.select_scatter

    Example:
        >>> import flambeau as torch
        >>> torch.select_scatter(torch.zeros(2, 2), torch.ones(2), 0, 1)
        tensor([[0., 0.],
                [1., 1.]])
    """
    shown = select(input.detach(), dim, index)
    at = wrap_dim(dim, input._array.ndim)
    return _scattered(_select_scatter, input, src, shown, select_, at, operator.index(index))


@public(method=True, out=True, tensors="input src")
@remembers("input src")
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """A copy in which the elements from `start` to `end` of a dimension are `src`.

    Raises:
        RuntimeError: `src` has another shape than the slice.

    Source: torch.slice_scatter
    """
    key = slice_key(input, dim, start, end, step)
    shown = index_basic(input.detach(), key)
    return _scattered(_slice_scatter, input, src, shown, index_basic, key)


@public(method=True)
@remembers("input src")
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy in which a diagonal is `src`.

    Raises:
        RuntimeError: `src` has another shape than the diagonal.

    Source: torch.diagonal_scatter

    Example:
        >>> import flambeau as torch
        >>> torch.diagonal_scatter(torch.zeros(2, 2), torch.ones(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    shown, ndim = diagonal(input.detach(), offset, dim1, dim2), input._array.ndim
    dims = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    return _scattered(
        _diagonal_scatter, input, src, shown, diagonal_, operator.index(offset), *dims
    )
