"""`explain`: what a function of tensors makes the processor do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...formula.dimensions import broadcast_shapes
from ...formula.expression import text as expression_text
from ..loops.nest import Nest
from ..runtime.process import enabled, machine, why_off
from . import roofline
from .launched import Launched, launches_of
from .pseudocode import Writer, operations
from .tracing import Call, calls_of


def explain(
    fn: Callable[..., Any],
    *inputs: Any,
    loops: bool = True,
    ir: bool = False,
    assembly: bool = False,
    timing: bool = True,
) -> Explanation:
    """Run a function and report each kernel that it calls, in order.

    It runs twice or more: first to find the kernels, then to see what they are called with. A kernel is then called
    again with the same arrays (copies of those that it writes to) for its fastest time. What it launches on a GPU comes
    behind what it calls on the processor, and is timed by the GPU as it runs.

    Args:
        fn: The function.
        inputs: What it is called with.
        loops: Show the loop nest as pseudo-code.
        ir: Show the module in LLVM's intermediate language.
        assembly: Show the processor's instructions; of a GPU's kernel, its PTX.
        timing: Measure each kernel, and hold it against a copy of as many bytes and against
            multiply-adds in registers.

    Returns:
        An `Explanation`: print it, or look at its `kernels`.

    Raises:
        RuntimeError: Kernels are off.

    Source: flambeau's own

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(4, 8)
        >>> report = torch.kernels.explain(lambda x: torch.softmax(x, -1), x, timing=False)
        >>> [kernel.name for kernel in report.kernels]
        ['softmax']
        >>> report.kernels[0].rows, report.kernels[0].length, report.kernels[0].bytes
        (4, 8, 256)
    """
    if not enabled():
        raise RuntimeError(f"explain() shows native kernels, and there are none: {why_off()}")
    calls = [call for call in calls_of(fn, inputs) if not call.inside]
    launches = launches_of(fn, inputs, timing)
    found: list[Explained | Launched] = [Explained(call, timing) for call in calls]
    return Explanation([*found, *launches], loops, ir, assembly)


class Explained:
    """One call of a kernel.

    Attributes:
        name: The operation's.
        expressions: What each of its results is, as text; none for kernels that are written by hand.
        interpreted: Did it hand the call to NumPy?
        rows, length: How many rows it computes, of how many elements.
        bytes: What is read and written at least: each array once.
        operations: Additions, multiplications, divisions and square roots of numbers with a fraction;
            0 where they are not known.
        seconds: Its fastest time; None if it was not measured.
    """

    def __init__(self, call: Call, timing: bool = True):
        self.call, self.name = call, call.name
        self.interpreted = call.refused
        self.nest = call.recipe.nest() if call.recipe.nest is not None else None
        self.expressions: list[str] = []
        self.rows = self.length = self.operations = 0
        arrays = _arrays(call)
        self.bytes = sum(map(_touched, arrays))
        self.largest = max((x.size for x in arrays), default=0)
        if self.nest is not None:
            self.expressions = [expression_text(root) for root in self.nest.program.roots]
            self.rows, self.length = _extent(self.nest, call)
            self.operations = operations(self.nest, self.rows, self.length)
        self.seconds: float | None = None
        if timing:
            self.seconds = _fastest(call)

    @property
    def loops(self) -> str:
        """The loop nest as pseudo-code; empty for kernels that are written by hand."""
        return "" if self.nest is None else Writer(self.nest, self.rows, self.length).text()

    @property
    def ir(self) -> str:
        """The module in LLVM's intermediate language, before it is optimised."""
        return self.call.recipe.text()

    @property
    def assembly(self) -> str:
        """The processor's instructions."""
        return machine().assembly(self.ir)

    def shares(self) -> tuple[float, float]:
        """Which part of the copy rate and of the arithmetic rate it reaches.

        Raises:
            RuntimeError: It was not measured.
        """
        if self.seconds is None:
            raise RuntimeError("this kernel was not measured: call explain(..., timing=True)")
        shared = self.largest > 1 << 15
        element = (
            "float" if self.nest is None or self.nest.lanes * 32 == machine().bits else "double"
        )
        copied = roofline.copy_rate(1 << max(self.bytes, 1 << 10).bit_length() - 1, shared)
        counted = roofline.arithmetic_rate(element, shared)
        return self.bytes / self.seconds / copied, self.operations / self.seconds / counted

    def summary(self) -> str:
        """The figures, a line each."""
        lines = [f"moves     {self.bytes:,} bytes at least"]
        if self.operations:
            each = self.operations / max(self.bytes, 1)
            lines.append(f"computes  {self.operations:,} operations, {each:.2f} a byte")
        if self.seconds is not None:
            bytes_share, work_share = self.shares()
            lines.append(f"takes     {1e6 * self.seconds:,.2f} us")
            rate = self.bytes / self.seconds / 1e9
            lines.append(f"reaches   {rate:,.1f} GB/s, {bytes_share:.0%} of a copy of that size")
            if self.operations:
                rate = self.operations / self.seconds / 1e9
                lines.append(f"          {rate:,.1f} GFLOP/s, {work_share:.0%} of multiply-adds")
        return "\n".join(lines)


class Explanation:
    """What `explain` found. Its text shows the parts that were asked for.

    Attributes:
        kernels: An `Explained` for each call of a kernel, in order, and then a `Launched` for each launch on a GPU.
    """

    def __init__(self, kernels: list[Explained | Launched], loops: bool, ir: bool, assembly: bool):
        self.kernels = kernels
        self.parts = [
            name for name, on in (("loops", loops), ("ir", ir), ("assembly", assembly)) if on
        ]

    def __str__(self) -> str:
        if not self.kernels:
            return "no kernel was called: views, NumPy and BLAS did it all"
        return "\n\n".join(self._one(i, item) for i, item in enumerate(self.kernels))

    __repr__ = __str__

    def _one(self, i: int, item: Explained | Launched) -> str:
        lines = [f"kernel {i + 1}: {item.name}"]
        if item.interpreted:
            lines.append("handed to NumPy: it is not made for these arrays")
        lines += [f"result    {text}" for text in item.expressions]
        lines += item.summary().splitlines()
        for part in self.parts:
            text = getattr(item, part)
            if text:
                lines += ["", f"{TITLES[part]}:", *text.strip().splitlines()]
        return "\n    ".join(lines)


TITLES = {"loops": "loops", "ir": "LLVM", "assembly": "assembly"}


def _arrays(call: Call) -> list[np.ndarray]:
    """The arrays that a call reads and writes, each once; those that it fills anew are among its results."""
    values = call.value if isinstance(call.value, tuple) else (call.value,)
    found: dict[int, np.ndarray] = {}
    written = call.recipe.written(call.given)
    for i, x in enumerate((*call.given, *values)):
        if isinstance(x, np.ndarray):
            operand_too = call.recipe.updates or any(x is y for y in call.given[written:])
            key = -i - 1 if i < written and operand_too else id(x)
            found[key] = x
            if i < written and operand_too:  # in place: read, and written
                found[id(x)] = x
    return list(found.values())


def _touched(x: np.ndarray) -> int:
    """The bytes of an array's own memory: a broadcast one's are few."""
    return x.itemsize * math.prod(n for n, s in zip(x.shape, x.strides) if s)


def _extent(nest: Nest, call: Call) -> tuple[int, int]:
    """How many rows of how many elements."""
    told = call.recipe.extent(call.given)
    if told is not None:
        return told
    given = call.given[call.recipe.written(call.given) :]
    full = [x for x, symbol in zip(given, nest.program.inputs) if symbol.full]
    shape: Sequence[int] = broadcast_shapes(*(x.shape for x in full))
    total = math.prod(shape)
    axes = given[-1] if nest.reductions or isinstance(given[-1], tuple) else None
    if not isinstance(axes, tuple):
        return 1, total
    length = math.prod(shape[axis] for axis in axes)
    return total // max(length, 1), length


def _fastest(call: Call) -> float:
    """The fastest time of the kernel with these arrays; it writes to copies."""
    targets = {id(x): x.copy() for x in call.given[: call.recipe.written(call.given)]}
    given = [targets.get(id(x), x) for x in call.given]
    kernel = call.kernel
    return roofline.fastest(lambda: kernel(*given))
