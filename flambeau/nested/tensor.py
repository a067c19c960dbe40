"""The class of nested tensors, and how a function finds what it is for them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import layout as layouts
from ..core.size import Size
from ..core.tensor import Tensor, become, make, wrap_dim
from ..dispatch.torch_function import DisableTorchFunctionSubclass

HANDLERS: dict[str, Callable] = {}
"""What functions are for nested tensors, by their names: called with the function and its arguments."""
FINDERS: list[Callable[[str], Callable | None]] = []
"""Gives the handler of a function of single elements."""

JAGGED, STRIDED = layouts.NAMES["jagged"], layouts.strided
_numbers = itertools.count(1)


class NestedInt:
    """The size of a ragged dimension: it differs from part to part. Two are equal if the parts' sizes are the same."""

    __slots__ = ("lengths", "number")

    def __init__(self, lengths: Sequence[int]):
        self.lengths, self.number = tuple(lengths), next(_numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NestedInt) and other.lengths == self.lengths

    def __hash__(self) -> int:
        return hash(self.lengths)

    def __repr__(self) -> str:
        return f"j{self.number}"


class NestedTensor(Tensor):
    """A batch of tensors that differ in a size.

    Attributes:
        _parts: The tensors of a strided one; None for a jagged one.
        _packed: All rows of a jagged one, (rows of all parts, ...).
        _rows: The size of its ragged dimension.
        _ragged: Which dimension that is.
    """

    __module__ = "flambeau.nested"
    _parts: list[Tensor] | None
    _packed: Tensor
    _rows: NestedInt
    _ragged: int

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", str(func))
        if name == "__get__":
            with DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        found = HANDLERS.get(name) or FINDERS[0](name)
        if found is None:
            raise NotImplementedError(
                f"{name}() is not implemented for nested tensors: call it on each part (x.unbind()), on "
                "x.values(), or on x.to_padded_tensor(value)"
            )
        return found(func, *args, **(kwargs or {}))

    # ---- what it is

    @property
    def is_nested(self) -> bool:
        """True."""
        return True

    @property
    def layout(self) -> Any:
        """torch.jagged or torch.strided."""
        return JAGGED if self._parts is None else STRIDED

    @property
    def _known(self) -> Tensor:
        """A tensor that has what all share: dtype, device, history."""
        return self._packed if self._parts is None else self._parts[0]

    @property
    def shape(self) -> Any:
        """The sizes; that of the ragged dimension is a `NestedInt`."""
        if self._parts is not None:
            raise RuntimeError(
                "a strided nested tensor has no shape: ask for size(dim), or unbind() it"
            )
        rest = list(self._packed.shape[1:])
        rest.insert(self._ragged - 1, self._rows)  # type: ignore[arg-type]
        return tuple.__new__(Size, (len(self._rows.lengths), *rest))

    @property
    def ndim(self) -> int:
        """The number of dimensions, that of the parts included."""
        return self._known.ndim + 1

    def dim(self) -> int:
        """The number of dimensions."""
        return self.ndim

    ndimension = dim

    def size(self, dim: int | None = None, axis: int | None = None) -> Any:
        """The sizes, or one of them.

        Raises:
            RuntimeError: It is strided and the parts differ there.
        """
        dim = axis if dim is None else dim
        if dim is None:
            return self.shape
        at = wrap_dim(dim, self.ndim)
        if self._parts is None:
            return self.shape[at]
        found = {len(self._parts)} if at == 0 else {part.shape[at - 1] for part in self._parts}
        if len(found) > 1:
            raise RuntimeError(f"Given dimension {at} is irregular and does not have a size.")
        return found.pop()

    def __len__(self) -> int:
        return self.size(0)

    def numel(self) -> int:
        """How many elements all parts have."""
        return self._packed.numel() if self._parts is None else sum(p.numel() for p in self._parts)

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Do the elements lie in order?"""
        return self._ragged == 1 and self._known.is_contiguous()  # type: ignore[attr-defined]

    @property
    def requires_grad(self) -> bool:
        """Is its gradient wanted?"""
        parts = [self._packed] if self._parts is None else self._parts
        return any(part.requires_grad for part in parts)

    @property
    def grad_fn(self) -> Any:
        """The node that made the values."""
        return self._known.grad_fn

    @property
    def grad(self) -> Any:
        """What backward added up, as a nested tensor, or None."""
        if self._parts is None:
            found = self._packed.grad
            return None if found is None else self._of(found)
        grads = [part.grad for part in self._parts]
        return None if None in grads else strided(grads)  # type: ignore[arg-type]

    # ---- its parts

    def values(self) -> Tensor:
        """All rows of a jagged one."""
        if self._parts is not None:
            return HANDLERS["cat"](None, [part.reshape(-1) for part in self._parts])
        return self._packed

    def offsets(self) -> Tensor:
        """Where each part begins, and where the last ends."""
        from ..ops.create.data import tensor

        if self._parts is not None:
            raise AttributeError("a strided nested tensor has no offsets: layout=torch.jagged has")
        return tensor([0, *np.cumsum(self._rows.lengths).tolist()])

    def lengths(self) -> None:
        """None: no rows lie between the parts."""

    def unbind(self, dim: int = 0) -> tuple[Tensor, ...]:
        """The parts.

        Raises:
            RuntimeError: The dimension is not the first.
        """
        if wrap_dim(dim, self.ndim) != 0:
            raise RuntimeError(f"unbind(): only supported for NestedTensor on dim=0, got dim={dim}")
        if self._parts is not None:
            return tuple(self._parts)
        parts = self._packed.split(list(self._rows.lengths), 0)  # type: ignore[attr-defined]
        back = self._ragged - 1
        return tuple(part.movedim(0, back) if back else part for part in parts)

    def __iter__(self) -> Any:
        return iter(self.unbind())

    def _of(self, packed: Tensor, ragged: int | None = None) -> NestedTensor:
        """Other rows of parts of the same sizes."""
        return jagged(packed, self._rows, self._ragged if ragged is None else ragged)

    def _map(self, function: Callable[[Tensor], Tensor]) -> NestedTensor:
        """Each part of a strided one changed, or each row of a jagged one."""
        if self._parts is None:
            return self._of(function(self._packed))
        return strided([function(part) for part in self._parts])

    def requires_grad_(self, requires_grad: bool = True) -> NestedTensor:
        """Want its gradient, or not."""
        for part in [self._packed] if self._parts is None else self._parts:
            part.requires_grad_(requires_grad)  # type: ignore[attr-defined]
        return self

    def backward(self, gradient: NestedTensor, **options: Any) -> None:
        """The gradients of what it was made of."""
        from ..autograd.variable import backward

        pairs = zip(
            [self._packed] if self._parts is None else self._parts,
            [gradient._packed] if gradient._parts is None else gradient._parts,
        )
        for part, g in pairs:
            backward(part, g, **options)

    def to_padded_tensor(self, padding: float, output_size: Sequence[int] | None = None) -> Tensor:
        """A dense tensor with `padding` where a part is shorter than the longest.

        Args:
            padding: The number.
            output_size: The sizes; default: the smallest that all parts fit in.

        Raises:
            RuntimeError: A part does not fit in.
        """
        from ..ops.join.cat import stack
        from ..ops.join.padding import pad

        parts = self.unbind()
        sizes = [max(part.shape[i] for part in parts) for i in range(parts[0].ndim)]
        if output_size is not None:
            wanted = list(output_size)[1:]
            if len(wanted) != len(sizes) or any(a < b for a, b in zip(wanted, sizes)):
                raise RuntimeError(
                    f"Value in output_size is less than NestedTensor padded size: {list(output_size)} holds "
                    f"no parts of sizes up to {sizes}"
                )
            sizes = wanted
        return stack(
            [
                pad(
                    part,
                    [n for i in range(part.ndim)[::-1] for n in (0, sizes[i] - part.shape[i])],
                    value=padding,
                )
                for part in parts
            ]
        )

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        if self._parts is not None:
            parts = [f"  {part!s}".replace("\n", "\n  ") for part in self._parts]
            return "nested_tensor([\n" + ",\n".join(parts) + "\n])"
        sizes = tuple(self.shape)
        shown = f"size={sizes}, offsets={self.offsets()}"
        if self.grad_fn is not None:
            shown += f", grad_fn=<{self.grad_fn.name()}>"
        elif self.requires_grad:
            shown += ", requires_grad=True"
        return f"NestedTensor({shown}, contiguous={self.is_contiguous()})"

    def __deepcopy__(self, memo: dict) -> NestedTensor:
        return HANDLERS["clone"](None, self)


def _handle(like: Tensor) -> NestedTensor:
    """A handle that has a tensor's array and kind."""
    with DisableTorchFunctionSubclass():
        return become(make(like._array, like._kind, None, [0], None), NestedTensor)


def jagged(packed: Tensor, rows: NestedInt, ragged: int = 1) -> NestedTensor:
    """A nested tensor of the rows of all parts.

    Raises:
        RuntimeError: There are not so many rows.
    """
    if min(rows.lengths, default=0) < 0:
        raise RuntimeError(f"a part cannot have {min(rows.lengths)} rows")
    if packed.ndim == 0 or packed.shape[0] != sum(rows.lengths):
        raise RuntimeError(
            f"the parts have {sum(rows.lengths)} rows in all, but the values are of sizes {list(packed.shape)}"
        )
    made = _handle(packed)
    made._parts, made._packed, made._rows, made._ragged = None, packed, rows, ragged
    return made


def strided(parts: Sequence[Tensor]) -> NestedTensor:
    """A nested tensor of its parts."""
    made = _handle(parts[0])
    made._parts, made._ragged = list(parts), 1
    return made
