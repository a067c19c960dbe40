"""The order of dimensions and of what lies along them: permute, transpose, flip, roll, rot90."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ..._caller import warn
from ...core.tensor import Tensor, wrap_dim
from ...dispatch.formula.rowwise import wrap_dims
from ...dispatch.registry import public
from ...dispatch.remembered import remembers
from ...dispatch.rule.rule_operation import operation
from ...dispatch.rule.view_operation import sizes_of, spread_method, view_operation


@view_operation("Permute")
def permute_(x: Any, dims: tuple[int, ...]) -> Any:
    """The dimensions in another order."""
    return x.transpose(dims)


@permute_.gradient
def _(g: Tensor, dims: tuple[int, ...]) -> Tensor:
    return permute_(g, tuple(sorted(range(len(dims)), key=dims.__getitem__)))


@spread_method
@public()
@remembers("input")
def permute(input: Tensor, dims: Any) -> Tensor:
    """The dimensions in another order.

    Raises:
        RuntimeError: Not each dimension is named once.

    Source: torch.permute

    Example:
        >>> import flambeau as torch
        >>> torch.permute(torch.zeros(2, 3, 4), (2, 0, 1)).shape
        torch.Size([4, 2, 3])
    """
    order, ndim = sizes_of((dims,)), input._array.ndim
    if len(order) != ndim:
        raise RuntimeError(
            "permute: number of dimensions in the tensor input does not match the length of the "
            f"desired ordering of dimensions i.e. input.dim() = {ndim} is not equal to "
            f"len(dims) = {len(order)}"
        )
    order = tuple(wrap_dim(d, ndim) for d in order)
    if len(set(order)) != len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return permute_(input, order)


@view_operation("Transpose")
def transpose_(x: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged."""
    return x.swapaxes(dim0, dim1)


@transpose_.gradient
def _(g: Tensor, dim0: int, dim1: int) -> Tensor:
    return transpose_(g, dim0, dim1)


@public(method=True)
@remembers("input")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged.

    Source: torch.transpose

    Example:
        >>> import flambeau as torch
        >>> torch.transpose(torch.ones(2, 3), 0, 1).shape
        torch.Size([3, 2])
    """
    ndim = input._array.ndim
    a, b = wrap_dim(dim0, ndim), wrap_dim(dim1, ndim)
    return transpose_(input, a, b) if ndim else permute_(input, ())


@public(method=True)
@remembers("input")
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """`transpose` by NumPy's name.

    Source: torch.swapaxes
    """
    return transpose(input, axis0, axis1)


@public(method=True)
@remembers("input")
def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """`transpose` by another name.

    Source: torch.swapdims
    """
    return transpose(input, dim0, dim1)


@view_operation("T")
def t_(x: Any) -> Any:
    """The transpose of a matrix; vectors stay."""
    return x.T


@t_.gradient
def _(g: Tensor) -> Tensor:
    return t_(g)


@public(method=True)
@remembers("input")
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors stay.

    Raises:
        RuntimeError: It has more than two dimensions.

    Source: torch.t
    """
    if input._array.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return t_(input)


def _reversed(self: Tensor) -> Tensor:
    """The dimensions in reverse order."""
    ndim = self._array.ndim
    if ndim == 2:
        return t_(self)
    _deprecated(
        "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
        if ndim == 0
        else "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
        "deprecated and it will throw an error in a future release. Consider `x.mT` to transpose "
        "batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the "
        "dimensions of a tensor."
    )
    return permute_(self, tuple(range(ndim - 1, -1, -1)))


def _deprecated(message: str) -> None:
    warn(message, UserWarning)


def _matrix_transpose(self: Tensor, name: str = "tensor.mT") -> Tensor:
    """The last two dimensions exchanged."""
    ndim = self._array.ndim
    if ndim > 1:
        return transpose_(self, ndim - 2, ndim - 1)
    if ndim == 1:
        raise RuntimeError(
            f"{name} is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    _deprecated(
        "Tensor.mT is deprecated on 0-D tensors. This function is the identity in these cases."
        if name == "tensor.mT"
        else f"{name.replace('tensor', 'Tensor')} is deprecated on 0-D tensors. Consider using "
        "x.conj()."
    )
    return permute_(self, ())


def _conjugated(swapped: Tensor) -> Tensor:
    return swapped.conj() if swapped._kind.dtype.is_complex else swapped


@public(method=True)
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged, conjugated.

    Raises:
        RuntimeError: It is a vector.

    Source: torch.adjoint
    """
    return _conjugated(_matrix_transpose(input, "tensor.adjoint()"))


def _hermitian(self: Tensor) -> Tensor:
    """The conjugated transpose of a matrix."""
    ndim = self._array.ndim
    if ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor."
            + (" For batches of matrices, consider using tensor.mH" if ndim > 2 else "")
        )
    return _conjugated(_matrix_transpose(self, "tensor.H"))


Tensor.T = property(_reversed)  # type: ignore[attr-defined]
Tensor.mT = property(_matrix_transpose)  # type: ignore[attr-defined]
Tensor.mH = property(lambda self: _conjugated(_matrix_transpose(self, "tensor.mH")))  # type: ignore[attr-defined]
Tensor.H = property(_hermitian)  # type: ignore[attr-defined]


@public(method=True)
@remembers("input")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places.

    Raises:
        RuntimeError: Sources and destinations do not pair up, or one is named twice.

    Source: torch.movedim

    Example:
        >>> import flambeau as torch
        >>> torch.movedim(torch.zeros(2, 3, 4), 0, -1).shape
        torch.Size([3, 4, 2])
    """
    ndim = input._array.ndim
    if isinstance(source, (tuple, list)) != isinstance(destination, (tuple, list)):
        raise TypeError(
            "movedim() received an invalid combination of arguments - got "
            f"({type(source).__name__}, {type(destination).__name__}): give two ints or two tuples"
        )
    given = [sizes_of((dims,)) for dims in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(given[0])} dims) should "
            f"contain the same number of dims as destination ({list(given[1])} dims)"
        )
    places = []
    for name, dims in zip(("source", "destination"), given):
        places.append([wrap_dim(d, ndim) for d in dims])
        if len(set(places[-1])) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(dims)})")
    if not ndim:
        return permute_(input, ())
    order = [i for i in range(ndim) if i not in places[0]]
    for target, dim in sorted(zip(places[1], places[0])):
        order.insert(target, dim)
    return permute_(input, tuple(order))


@public(method=True)
@remembers("input")
def moveaxis(input: Tensor, source: Any, destination: Any) -> Tensor:
    """`movedim` by NumPy's name.

    Source: torch.moveaxis
    """
    return movedim(input, source, destination)


_FULL, _BACK = slice(None), slice(None, None, -1)


@operation(label="Flip", moves=True)
def flip_(x: Any, dims: tuple[int, ...]) -> Any:
    """The order of dimensions' elements reversed."""
    view = x[tuple([_BACK if i in dims else _FULL for i in range(x.ndim)])]
    return kernels.array.copy.contiguous(view) if x.flags.c_contiguous else view.copy("K")


@flip_.gradient
def _(g: Tensor, dims: tuple[int, ...]) -> Tensor:
    return flip_(g, dims)


@spread_method
@public()
@remembers("input")
def flip(input: Tensor, dims: Any) -> Tensor:
    """The order of dimensions' elements reversed (a copy).

    Source: torch.flip

    Example:
        >>> import flambeau as torch
        >>> torch.flip(torch.tensor([[1, 2], [3, 4]]), (1,))
        tensor([[2, 1],
                [4, 3]])
    """
    return flip_(input, wrap_dims(sizes_of((dims,)), input._array.ndim))


def _flipped(name: str, dim: int, least: int) -> None:
    @remembers("input")
    def function(input: Tensor) -> Tensor:
        if input._array.ndim < least:
            raise RuntimeError(f"Input must be >= {least}-d.")
        return flip_(input, (dim,))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The order of dimension {dim} reversed (a copy).\n\n    Source: torch.{name}\n    "
    )
    public(method=True)(function)


_flipped("flipud", 0, 1)
_flipped("fliplr", 1, 2)


@operation(label="Roll", moves=True)
def roll_(x: Any, shifts: tuple[int, ...], dims: tuple[int, ...] | None) -> Any:
    """Elements shifted round."""
    if dims is None or len(dims) != 1 or not x.shape[dims[0]]:
        return np.roll(x, shifts if dims is not None else shifts[0], dims)
    lead, cut = (_FULL,) * dims[0], -shifts[0] % x.shape[dims[0]]
    return np.concatenate((x[(*lead, slice(cut, None))], x[(*lead, slice(cut))]), dims[0])


@roll_.gradient
def _(g: Tensor, shifts: tuple[int, ...], dims: tuple[int, ...] | None) -> Tensor:
    return roll_(g, tuple(-n for n in shifts), dims)


@public(method=True)
@remembers("input")
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements shifted along dimensions; those that fall out come in at the other end.

    Raises:
        RuntimeError: There are not as many shifts as dimensions.

    Source: torch.roll

    Example:
        >>> import flambeau as torch
        >>> torch.roll(torch.tensor([1, 2, 3]), 1)
        tensor([3, 1, 2])
    """
    steps = sizes_of((shifts,))
    where = () if dims is None else sizes_of((dims,))
    if not steps:
        raise RuntimeError("`shifts` required")
    if not where and len(steps) == 1:
        return roll_(input, steps, None)
    if len(where) != len(steps):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(where)}"
        )
    return roll_(input, steps, tuple(wrap_dim(d, input._array.ndim) for d in where))


@public(method=True)
@remembers("input")
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """A plane of two dimensions turned by k quarters, from the first towards the second.

    Raises:
        RuntimeError: There are not two different dimensions.

    Source: torch.rot90

    Example:
        >>> import flambeau as torch
        >>> torch.rot90(torch.tensor([[1, 2], [3, 4]]))
        tensor([[2, 4],
                [1, 3]])
    """
    plane, ndim = sizes_of((dims,)), input._array.ndim
    if len(plane) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(plane)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    first, second = (wrap_dim(d, ndim) for d in plane)
    if first == second:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {plane[0]} and dim1 = {plane[1]}"
        )
    turns = k % 4
    if turns == 1:
        return transpose_(flip_(input, (second,)), first, second)
    if turns == 2:
        return flip_(input, (first, second))
    if turns == 3:
        return transpose_(flip_(input, (first,)), first, second)
    return input.clone()
