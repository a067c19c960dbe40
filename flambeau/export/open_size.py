"""Sizes that stay open: their names, and whether a graph really keeps them open."""

from __future__ import annotations

from typing import Any

from .._dynamo.exc import UserError
from ..core.tensor import Tensor
from ..fx.graph_module import GraphModule
from ..fx.interpreter import Interpreter
from ..fx.node import Node
from ..testing import assert_close
from ..utils import _pytree as pytree
from ._dims import Dim
from .call_spec import OpenSize
from .graph_signature import InputKind, InputSpec

Ranges = dict[str, tuple[int, int | None]]


def symbols_of(
    wanted: list[dict[int, Any]], leaves: list[Any], shared: bool = False
) -> tuple[list[OpenSize], Ranges]:
    """The open sizes of all leaves, and the bounds of their names.

    Args:
        wanted: For each leaf, its open sizes by dimension.
        leaves: The example.
        shared: Do sizes without a name have the same one where they are equal in the example?

    Raises:
        UserError: The same name stands for different sizes, or an example is out of bounds.
    """
    sizes: list[OpenSize] = []
    ranges: Ranges = {}
    names: dict[Any, str] = {}
    values: dict[str, int] = {}
    for i, dims in enumerate(wanted):
        for dim, given in dims.items():
            if getattr(given, "kind", "") == "STATIC":
                continue
            root = given.root if isinstance(given, Dim) else None
            unnamed = (leaves[i].shape[dim],) if shared else (i, dim)
            key = root.__name__ if root is not None else unnamed
            symbol = names.setdefault(key, f"s{len(names)}")
            factor, shift = (given.factor, given.shift) if root is not None else (1, 0)
            value, rest = divmod(leaves[i].shape[dim] - shift, factor)
            if rest or values.setdefault(symbol, value) != value:
                raise UserError(
                    f"Constraints violated ({given})! The sizes of the example do not fit: dimension {dim} "
                    f"of input {i} is {leaves[i].shape[dim]}"
                )
            low = (root.min if root is not None else given.min) or 0
            high = root.max if root is not None else given.max
            if value < low or (high is not None and value > high):
                raise UserError(f"Constraints violated ({given})! The example has {value}")
            least, most = ranges.get(symbol, (low, high))
            highs = [x for x in (most, high) if x is not None]
            ranges[symbol] = (max(least, low), min(highs, default=None))
            sizes.append(OpenSize(i, dim, symbol, factor, shift))
    return sizes, ranges


def _other_values(sizes: list[OpenSize], leaves: list[Any], ranges: Ranges) -> dict[str, int]:
    """For each name, another size that it may have; no two the same where that can be."""
    now = {s.symbol: (leaves[s.leaf].shape[s.dim] - s.shift) // s.factor for s in sizes}
    others: dict[str, int] = {}
    for place, (symbol, value) in enumerate(now.items()):
        high = ranges[symbol][1]
        larger = value + 1 + place
        if high is None or larger <= high:
            others[symbol] = larger
        elif value + 1 <= high:
            others[symbol] = value + 1
        elif value - 1 >= max(1, ranges[symbol][0]):
            others[symbol] = value - 1
    return others


def _resized(leaf: Tensor, dim: int, size: int) -> Any:
    """The tensor with another size: shorter, or with its elements over again."""
    x: Any = leaf
    if x.shape[dim] == 0:
        return x
    times = -(-size // x.shape[dim])
    repeats = [1] * x.ndim
    repeats[dim] = times
    return x.repeat(repeats).narrow(dim, 0, size).detach()


class _Shapes(Interpreter):
    """Notes the shape of each node's value."""

    def __init__(self, module: GraphModule):
        super().__init__(module)
        self.shapes: dict[Node, Any] = {}

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.shapes[n] = tuple(result.shape)
        return result


def check_open(
    tracing: Any,
    module: GraphModule,
    count: int,
    lifted: list[InputSpec],
    sizes: list[OpenSize],
    ranges: Ranges,
    constants: dict[str, Any],
) -> None:
    """Run the graph with other sizes, and see that it does what the module does.

    Leaves in ``meta["symbolic_shape"]`` of each node which of its sizes are open.

    Raises:
        UserError: It does not: the module fixes a size.
    """
    others = _other_values(sizes, tracing.leaves, ranges)
    if not others:
        return
    leaves = list(tracing.leaves)
    for size in sizes:
        if size.symbol in others:
            new = others[size.symbol] * size.factor + size.shift
            leaves[size.leaf] = _resized(leaves[size.leaf], size.dim, new)
    held = _held(tracing, lifted, constants)
    runner = _Shapes(module)
    said = ", ".join(dict.fromkeys(_called(tracing, size) for size in sizes))
    training = [m for m in tracing.mod.modules() if m.training]
    try:
        expected = None if training else _expected(tracing, leaves)
    except Exception as error:
        raise UserError(
            f"Constraints violated ({said})! The module itself does not take other sizes: {error}"
        ) from error
    try:
        result = runner.run(*held, *leaves, enable_io_processing=False)
    except Exception as error:
        raise UserError(
            f"Constraints violated ({said})! The module fixes a size that should stay open, so its graph "
            f"does not take others: {error}"
        ) from error
    for mine, other in zip(result, pytree.tree_leaves(expected) if expected is not None else ()):
        if isinstance(mine, Tensor):
            _compare(mine, other, said)
    _name_sizes(runner, sizes, tracing.leaves, others)


def _compare(mine: Tensor, other: Any, said: str) -> None:
    try:
        assert_close(mine, other, rtol=1e-3, atol=1e-4, equal_nan=True)
    except AssertionError as error:
        raise UserError(
            f"Constraints violated ({said})! With other sizes the graph does not do what the module does, "
            f"because the module decides something by a size: {error}"
        ) from error


def _expected(tracing: Any, leaves: list[Any]) -> Any:
    args, kwargs = pytree.tree_unflatten(leaves, tracing.in_spec)
    return tracing.run(*args, **kwargs)


def _called(tracing: Any, size: OpenSize) -> str:
    given = tracing.wanted[size.leaf][size.dim]
    return getattr(given, "__name__", f"{tracing.names[size.leaf]}.size()[{size.dim}]")


def _held(tracing: Any, lifted: list[InputSpec], constants: dict[str, Any]) -> list[Any]:
    """Copies of what the lifted arguments stand for."""
    named = dict(tracing.mod.named_parameters(remove_duplicate=False))
    named |= dict(tracing.mod.named_buffers(remove_duplicate=False))  # type: ignore[arg-type]
    found = [
        (constants if s.kind is InputKind.CONSTANT_TENSOR else named)[str(s.target)] for s in lifted
    ]
    return [value.detach().clone() for value in found]


def _name_sizes(
    runner: _Shapes, sizes: list[OpenSize], leaves: list[Any], others: dict[str, int]
) -> None:
    """Note the sizes of nodes that changed, by the names of those that they follow."""
    pairs: dict[tuple[int, int], str] = {}
    for size in sizes:
        if size.symbol in others:
            old = (leaves[size.leaf].shape[size.dim] - size.shift) // size.factor
            new = others[size.symbol]
            pairs.setdefault((old, new), size.symbol)
            for factor in range(2, 65):
                pairs.setdefault((old * factor, new * factor), f"{factor}*{size.symbol}")
            for shift in range(-8, 9):
                text = f"{size.symbol} {'-' if shift < 0 else '+'} {abs(shift)}"
                pairs.setdefault((old + shift, new + shift), text)
    for node, shape in runner.shapes.items():
        before = node.meta.get("tensor_meta")
        if before is None or len(before.shape) != len(shape):
            continue
        node.meta["symbolic_shape"] = tuple(
            int(a) if a == b else pairs.get((a, b), "?") for a, b in zip(before.shape, shape)
        )
