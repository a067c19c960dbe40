"""Further forms of the views: `*_copy`, a view's values on their own, and `*_scatter`, a copy of a
tensor in which a view of it holds other values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.dtype import dtype
from ...core.tensor import Tensor, wrap_dim
from ...dispatch.registry import method, public
from ...dispatch.remembered import remembers
from ...dispatch.write import write_out
from ..view.as_strided import as_strided
from ..view.complex import view_as_complex, view_as_real
from ..view.expansion import expand
from ..view.permute import permute, t, transpose
from ..view.shape import alias_, reshape, squeeze, unsqueeze, view
from ..view.slice import diagonal, index_basic, narrow, select, unfold
from .split import split, split_with_sizes, unbind


def _copy_form(function: Callable, name: str = "") -> None:
    """Register the form of a view that copies what it shows."""
    base = name or function.__name__

    def form(input: Tensor, *args: Any, out: Any = None, **kwargs: Any) -> Any:
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


def slice_view(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    at = wrap_dim(dim, input._array.ndim)
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    return index_basic(input, (*(slice(None),) * at, slice(start, end, step)))


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
method("narrow_copy")(lambda self, dim, start, length: narrow(self, dim, start, length).clone())


def _scattered(input: Tensor, src: Tensor, show: Callable[[Tensor], Tensor]) -> Tensor:
    """A copy of `input` in which the view that `show` gives holds `src`."""
    whole = input.clone()
    part = show(whole)
    check_same_shape(src, part._array.shape)
    part.copy_(src)
    return whole


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
    return _scattered(input, src, lambda whole: select(whole, dim, index))


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
    return _scattered(input, src, lambda whole: slice_view(whole, dim, start, end, step))


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
    return _scattered(input, src, lambda whole: diagonal(whole, offset, dim1, dim2))
