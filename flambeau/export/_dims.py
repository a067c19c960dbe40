"""Which sizes of the inputs stay open: Dim, and what is given as ``dynamic_shapes``."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.tensor import Tensor
from ..utils import _pytree as pytree

__all__ = ["AdditionalInputs", "Constraint", "Dim", "ShapesCollection", "dims"]


class _DimHint:
    """A size that stays open without a name: `Dim.AUTO`, `Dim.DYNAMIC`; or one that does not: `Dim.STATIC`.

    Called with `min` and `max`, it gives a hint with bounds.
    """

    def __init__(self, kind: str, min: int | None = None, max: int | None = None):
        self.kind, self.min, self.max = kind, min, max

    def __call__(self, min: int | None = None, max: int | None = None) -> _DimHint:
        return _DimHint(self.kind, min, max)

    def __repr__(self) -> str:
        bounds = [f"{k}={v}" for k, v in (("min", self.min), ("max", self.max)) if v is not None]
        return f"DimHint({', '.join([self.kind, *bounds])})"


class Dim:
    """A size that stays open, by a name: the same wherever the name is.

    ``2 * batch`` and ``batch + 1`` are sizes that follow from it.

    Args:
        name: The name.
        min, max: The least and the greatest size.

    Raises:
        AssertionError: A name that is none, or a least size above the greatest.

    Source: torch.export.Dim

    Example:
        >>> import flambeau as torch
        >>> torch.export.Dim("batch", max=64)
        Dim('batch', min=0, max=64)
    """

    AUTO = _DimHint("AUTO")
    DYNAMIC = _DimHint("DYNAMIC")
    STATIC = _DimHint("STATIC")

    def __init__(self, name: str, *, min: int | None = None, max: int | None = None):
        if not isinstance(name, str) or not name.isidentifier():
            raise AssertionError(f"Dim name must be a valid identifier, got {name}")
        least = 0 if min is None else min
        if max is not None and least > max:
            raise AssertionError(f"Cannot create Dim with inconsistent min={min}, max={max}")
        self.__name__, self.min, self.max = name, least, max
        self.root, self.factor, self.shift = self, 1, 0

    def _derived(self, factor: int, shift: int) -> Dim:
        made = Dim.__new__(Dim)
        made.root, made.factor, made.shift = self.root, factor, shift
        made.min = self.root.min * factor + shift
        made.max = None if self.root.max is None else self.root.max * factor + shift
        head = self.root.__name__ if factor == 1 else f"{factor}*{self.root.__name__}"
        made.__name__ = head if not shift else f"{head}{shift:+d}"
        return made

    def __add__(self, other: int) -> Dim:
        return self._derived(self.factor, self.shift + other)

    def __sub__(self, other: int) -> Dim:
        return self + -other

    def __mul__(self, other: int) -> Dim:
        return self._derived(self.factor * other, self.shift * other)

    __radd__, __rmul__ = __add__, __mul__

    def __repr__(self) -> str:
        if self.root is not self:
            return self.__name__
        top = "" if self.max is None else f", max={self.max}"
        return f"Dim('{self.__name__}', min={self.min}{top})"


def dims(*names: str, min: int | None = None, max: int | None = None) -> tuple[Dim, ...]:
    """Several `Dim`s of the same bounds.

    Source: torch.export.dims
    """
    return tuple(Dim(name, min=min, max=max) for name in names)


class Constraint(NamedTuple):
    """A size of a tensor that stays open."""

    tensor: Any
    dim: int


class ShapesCollection:
    """Open sizes by the tensors themselves: ``shapes[x] = {0: batch}``.

    Source: torch.export.ShapesCollection
    """

    def __init__(self) -> None:
        self._shapes: dict[int, tuple[Any, Any]] = {}

    def __setitem__(self, t: Any, shape: Any) -> None:
        self._shapes[id(t)] = t, shape

    def __getitem__(self, t: Any) -> Any:
        return self._shapes.setdefault(id(t), (t, {}))[1]

    def __len__(self) -> int:
        return len(self._shapes)

    def dynamic_shapes(self, m: Any, args: tuple, kwargs: dict | None = None) -> Any:
        """What `export` takes: the shapes in the nesting of the arguments."""
        combined = combined_args(m, args, kwargs or {})
        return pytree.tree_map(lambda t: self._shapes.get(id(t), (t, None))[1], combined)


class AdditionalInputs:
    """More examples of arguments: sizes that differ among them stay open.

    Source: torch.export.AdditionalInputs
    """

    def __init__(self) -> None:
        self._examples: list[tuple[tuple, dict]] = []

    def add(self, args: tuple, kwargs: dict | None = None) -> None:
        """Add an example."""
        self._examples.append((args, kwargs or {}))

    def dynamic_shapes(self, m: Any, args: tuple, kwargs: dict | None = None) -> Any:
        """What `export` takes: the sizes that differ."""
        first = combined_args(m, args, kwargs or {})
        leaves, spec = pytree.tree_flatten(first)
        found = [
            dict.fromkeys(range(leaf.ndim), None) if isinstance(leaf, Tensor) else None
            for leaf in leaves
        ]
        for more_args, more_kwargs in self._examples:
            others, _ = pytree.tree_flatten(combined_args(m, more_args, more_kwargs))
            for known, leaf, other in zip(found, leaves, others):
                if known is not None:
                    for dim in known:
                        if leaf.shape[dim] != other.shape[dim]:
                            known[dim] = Dim.DYNAMIC
        return pytree.tree_unflatten(found, spec)


def combined_args(m: Any, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """All arguments by their names."""
    import inspect

    function = m.forward if hasattr(m, "forward") else m
    bound = inspect.signature(function).bind(*args, **kwargs)
    return dict(bound.arguments)


def leaf_shapes(spec: Any, tree: Any, where: str = "input") -> list[dict[int, Any]]:
    """For each leaf of the arguments, its open sizes by dimension.

    Args:
        spec: A nesting as the arguments', with None, dicts, lists or tuples in place of tensors.
        tree: The arguments.
        where: What messages call it.

    Raises:
        UserError: The nestings do not fit.
    """
    from .._dynamo.exc import UserError

    if spec is None:
        return [{} for _ in pytree.tree_leaves(tree)]
    if isinstance(tree, Tensor):
        sizes = spec if isinstance(spec, dict) else dict(enumerate(spec))
        for dim in sizes:
            if not -tree.ndim <= dim < tree.ndim:
                raise UserError(
                    f"dynamic_shapes of {where} names dimension {dim} of a tensor of {tree.ndim}"
                )
        return [
            {d % tree.ndim: v for d, v in sizes.items() if v is not None and not isinstance(v, int)}
        ]
    if isinstance(tree, dict):
        if not isinstance(spec, dict) or spec.keys() != tree.keys():
            raise UserError(
                f"dynamic_shapes of {where} should be a dict with the keys {sorted(map(str, tree))}, "
                f"got {spec}",
            )
        return [x for k in tree for x in leaf_shapes(spec[k], tree[k], f"{where}[{k!r}]")]
    if isinstance(tree, (tuple, list)):
        if not isinstance(spec, (tuple, list)) or len(spec) != len(tree):
            raise UserError(f"dynamic_shapes of {where} should be {len(tree)} items, got {spec}")
        parts = zip(spec, tree)
        return [x for i, (s, t) in enumerate(parts) for x in leaf_shapes(s, t, f"{where}[{i}]")]
    return [{} for _ in pytree.tree_leaves(tree)]
