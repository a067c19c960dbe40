"""How many additions and multiplications a program does, counted from the shapes of its operations.

Source: torch.utils.flop_counter
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from .._ops import ops
from ..core.pytree.tree import tree_map
from ..core.tensor import Tensor
from ._python_dispatch import TorchDispatchMode
from .module_tracker import ModuleTracker

__all__ = ["FlopCounterMode", "register_flop_formula"]

aten = ops.aten
flop_registry: dict[Any, Callable[..., int]] = {}
"""For an operation of all overloads, a function of its arguments and ``out_val``."""


def get_shape(i: Any) -> Any:
    """A tensor's shape; anything else as it is."""
    return i.shape if isinstance(i, Tensor) else i


def shape_wrapper(f: Callable) -> Callable:
    """A function of shapes as one of tensors."""

    @wraps(f)
    def counted(*args: Any, out_val: Any = None, **kwargs: Any) -> Any:
        args, kwargs, out_shape = tree_map(get_shape, (args, kwargs, out_val))
        return f(*args, out_shape=out_shape, **kwargs)

    return counted


def register_flop_formula(targets: Any, get_raw: bool = False) -> Callable[[Callable], Callable]:
    """Say how much an operation computes: ``formula(*shapes, out_shape=...)``.

    Args:
        targets: The operation, as ``torch.ops.my.scale``, or several.
        get_raw: The formula takes tensors, and ``out_val``.

    Raises:
        ValueError: What is given is one overload, or there is a formula.

    Source: torch.utils.flop_counter.register_flop_formula
    """

    def put(formula: Callable) -> Callable:
        found = formula if get_raw else shape_wrapper(formula)
        for target in targets if isinstance(targets, (list, tuple)) else (targets,):
            if not hasattr(target, "overloads"):
                raise ValueError(
                    f"register_flop_formula(targets): expected each target to be OpOverloadPacket (i.e. "
                    f"torch.ops.mylib.foo), got {target} which is of type {type(target)}"
                )
            if target in flop_registry:
                raise RuntimeError(f"duplicate registrations for {target}")
            flop_registry[target] = found
        return formula

    return put


# -------------------------------------------------------------------------------------------- formulas


@register_flop_formula(aten.mm)
def mm_flop(a_shape: Any, b_shape: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    """Of a product of matrices: 2 m k n."""
    (m, k), n = a_shape, b_shape[1]
    return int(2 * m * k * n)


@register_flop_formula(aten.addmm)
def addmm_flop(
    self_shape: Any, a_shape: Any, b_shape: Any, *args: Any, out_shape: Any = None, **kwargs: Any
) -> int:
    """Of the product in it."""
    return mm_flop(a_shape, b_shape)


@register_flop_formula(aten.bmm)
def bmm_flop(a_shape: Any, b_shape: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    """Of a batch of products."""
    return int(a_shape[0]) * mm_flop(a_shape[1:], b_shape[1:])


@register_flop_formula(aten.baddbmm)
def baddbmm_flop(
    self_shape: Any, a_shape: Any, b_shape: Any, *args: Any, out_shape: Any = None, **kwargs: Any
) -> int:
    """Of the products in it."""
    return bmm_flop(a_shape, b_shape)


def conv_flop_count(
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    out_shape: Sequence[int],
    transposed: bool = False,
) -> int:
    """Of a convolution: every element of the weight meets every place (of the input, if transposed)."""
    places = math.prod((x_shape if transposed else out_shape)[2:])
    return 2 * places * x_shape[0] * math.prod(w_shape)


@register_flop_formula([aten.convolution, aten._convolution])
def conv_flop(
    x_shape: Any,
    w_shape: Any,
    _bias: Any,
    _stride: Any,
    _padding: Any,
    _dilation: Any,
    transposed: bool,
    *args: Any,
    out_shape: Any = None,
    **kwargs: Any,
) -> int:
    """Of a convolution."""
    return conv_flop_count(x_shape, w_shape, out_shape, transposed)


@register_flop_formula(aten.convolution_backward)
def conv_backward_flop(
    grad_out_shape: Any,
    x_shape: Any,
    w_shape: Any,
    _bias: Any,
    _stride: Any,
    _padding: Any,
    _dilation: Any,
    transposed: bool,
    _output_padding: Any,
    _groups: Any,
    output_mask: Sequence[bool],
    out_shape: Any,
    **kwargs: Any,
) -> int:
    """Of what a convolution's input and weight receive: a convolution each."""

    def turned(shape: Any) -> list[int]:
        return [shape[1], shape[0], *shape[2:]]

    count = 0
    if output_mask[0]:
        count += conv_flop_count(grad_out_shape, w_shape, out_shape[0], not transposed)
    if output_mask[1]:
        left, right = (grad_out_shape, x_shape) if transposed else (x_shape, grad_out_shape)
        count += conv_flop_count(turned(left), turned(right), turned(out_shape[1]), False)
    return count


def sdpa_flop_count(query_shape: Any, key_shape: Any, value_shape: Any) -> int:
    """Of attention: the products of queries with keys, and of weights with values."""
    b, h, queries, width = query_shape
    keys = key_shape[-2]
    scores = bmm_flop((b * h, queries, width), (b * h, width, keys))
    return scores + bmm_flop((b * h, queries, keys), (b * h, keys, value_shape[-1]))


@register_flop_formula(aten._scaled_dot_product_flash_attention_for_cpu)
def sdpa_flop(
    query_shape: Any,
    key_shape: Any,
    value_shape: Any,
    *args: Any,
    out_shape: Any = None,
    **kwargs: Any,
) -> int:
    """Of attention."""
    return sdpa_flop_count(query_shape, key_shape, value_shape)


def sdpa_backward_flop_count(
    grad_out_shape: Any, query_shape: Any, key_shape: Any, value_shape: Any
) -> int:
    """Of attention's gradient: the scores once more, and two products for each of the two."""
    b, h, queries, width = query_shape
    keys, out = key_shape[-2], value_shape[-1]
    n = b * h
    count = bmm_flop((n, queries, width), (n, width, keys))
    count += bmm_flop((n, queries, out), (n, out, keys)) + bmm_flop(
        (n, keys, queries), (n, queries, out)
    )
    count += bmm_flop((n, queries, keys), (n, keys, width)) + bmm_flop(
        (n, width, queries), (n, queries, keys)
    )
    return count


@register_flop_formula(aten._scaled_dot_product_flash_attention_for_cpu_backward)
def sdpa_backward_flop(
    grad_out_shape: Any,
    query_shape: Any,
    key_shape: Any,
    value_shape: Any,
    *args: Any,
    out_shape: Any = None,
    **kwargs: Any,
) -> int:
    """Of attention's gradient."""
    return sdpa_backward_flop_count(grad_out_shape, query_shape, key_shape, value_shape)


# ----------------------------------------------------------------------------------------------- table

suffixes = ["", "K", "M", "B", "T"]


def get_suffix_str(number: int) -> str:
    """The unit in which a number has at most six digits before the point."""
    digits = len(str(number))
    return suffixes[max(0, min(len(suffixes) - 1, (digits - 2) // 3))]


def convert_num_with_suffix(number: int, suffix: str) -> str:
    """The number in a unit, with three digits."""
    return f"{number / 1000 ** suffixes.index(suffix):.3f}{suffix}"


def convert_to_percent_str(num: int, denom: int) -> str:
    """The share of a whole."""
    return "0%" if denom == 0 else f"{num / denom:.2%}"


def _table(rows: list[list[str]]) -> str:
    header = ["Module", "FLOP", "% Total"]
    # The column of numbers is at least two wider than its name, as in PyTorch's tables.
    widths = [
        max(len(row[i]) for row in [*rows, header])
        if i == 0
        else max(max(len(row[i]) for row in rows), len(header[i]) + 2)
        for i in range(3)
    ]

    def line(cells: Sequence[str]) -> str:
        first, *others = cells
        return "  ".join(
            [first.ljust(widths[0]), *[c.rjust(w) for c, w in zip(others, widths[1:])]]
        ).rstrip()

    return "\n".join([line(header), "  ".join("-" * w for w in widths), *map(line, rows)])


class FlopCounterMode:
    """Counts the additions and multiplications of products, convolutions and attention inside a ``with``.

    Forward and backward are counted, for every module. Operations without a formula count nothing; `custom_mapping`
    gives them one. Recurrent layers and optimizers are single operations here, and count nothing.

    Args:
        mods: Not needed any more: modules are found as they run.
        depth: How deep the table shows modules.
        display: Print the table at the end.
        custom_mapping: Formulas by operation, as `register_flop_formula` takes them.

    Source: torch.utils.flop_counter.FlopCounterMode

    Example:
        >>> import flambeau as torch
        >>> from flambeau.utils.flop_counter import FlopCounterMode
        >>> with FlopCounterMode(display=False) as counter:
        ...     _ = torch.nn.Linear(4, 5)(torch.ones(3, 4))
        >>> counter.get_total_flops()
        120
    """

    def __init__(
        self,
        mods: Any = None,
        depth: int = 2,
        display: bool = True,
        custom_mapping: dict[Any, Any] | None = None,
    ) -> None:
        if mods is not None:
            from .._caller import warn

            warn("mods argument is not needed anymore, you can stop passing it")
        self.depth, self.display = depth, display
        self.flop_counts: dict[str, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
        self.mode: _FlopCounterMode | None = None
        self.mod_tracker = ModuleTracker()
        given = {
            key: formula if getattr(formula, "_get_raw", False) else shape_wrapper(formula)
            for key, formula in (custom_mapping or {}).items()
        }
        self.flop_registry = {**flop_registry, **given}

    def get_total_flops(self) -> int:
        """All that was counted."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """For each module the count of each operation."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """A table of modules and operations."""
        depth = self.depth if depth is None else depth
        depth = 999999 if depth is None else depth
        total = self.get_total_flops()
        suffix = get_suffix_str(total)
        rows: list[list[str]] = []
        beyond = False
        for name in sorted(self.flop_counts):
            if name == "Global" or name.count(".") + 1 > depth:
                continue
            found = self._rows(name, total, suffix)
            beyond |= sum(self.flop_counts[name].values()) >= total
            rows += found
        if "Global" in self.flop_counts and not beyond:
            rows = [[f" {row[0]}", *row[1:]] for row in rows]
            rows = self._rows("Global", total, suffix) + rows
        return _table(rows or [["Global", "0", "0%"]])

    def _rows(self, name: str, total: int, suffix: str) -> list[list[str]]:
        counts = self.flop_counts[name]
        shown = [(name, sum(counts.values())), *((f"- {k}", v) for k, v in counts.items())]
        return [
            [k, convert_num_with_suffix(v, suffix), convert_to_percent_str(v, total)]
            for k, v in shown
        ]

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts.clear()
        self.mod_tracker.__enter__()
        self.mode = _FlopCounterMode(self)
        self.mode.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        assert self.mode is not None, "the counter was not entered"
        self.mode.__exit__(*exception)
        self.mode = None
        self.mod_tracker.__exit__()
        if self.display:
            print(self.get_table(self.depth))

    def _count_flops(self, packet: Any, out: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        formula = self.flop_registry.get(packet)
        if formula is not None:
            count = formula(*args, **kwargs, out_val=out)
            for name in set(self.mod_tracker.parents):
                self.flop_counts[name][packet] += count
        return out


class _FlopCounterMode(TorchDispatchMode):
    def __init__(self, counter: FlopCounterMode) -> None:
        super().__init__()
        self.counter = counter

    def __torch_dispatch__(
        self, func: Any, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        return self.counter._count_flops(func.overloadpacket, out, args, kwargs)
