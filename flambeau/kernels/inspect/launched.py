"""What a function launches on GPUs: each kernel with its blocks, its PTX and what it takes of a processor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from ...formula.expression import text as expression_text
from ..cuda import driver, ptx, ptxas


class Launched:
    """One launch of a CUDA kernel.

    Attributes:
        name: The kernel's, as profilers show it.
        expressions: What each result of its formula is, as text; none for kernels that are written by hand.
        grid, block: How many blocks were launched, of how many threads.
        bytes: What is read and written at least: each array once.
        seconds: From the launch to its end, by the GPU's clock; None if it was not measured, as in the simulator.
        interpreted: False: launches are never handed on.
        loops: Empty: a launch has no loop nest.
    """

    interpreted = False
    loops = ""

    def __init__(
        self, kernel: driver.Kernel, grid: int | tuple[int, ...], block: int, arguments: Sequence[Any]
    ):  # fmt: skip
        self.kernel, self.name = kernel, kernel.name
        self.grid = grid if isinstance(grid, tuple) else (grid,)
        self.block = block
        self.architecture = driver.architecture(driver.device())
        roots = () if kernel.program is None else kernel.program.roots
        self.expressions = [expression_text(root) for root in roots]
        arrays = {x.data.ptr: x.nbytes for x in arguments if hasattr(x, "nbytes") and x.ndim}
        self.bytes = sum(arrays.values())
        self.seconds: float | None = None

    @property
    def ir(self) -> str:
        """The module in LLVM's intermediate language, before it is optimised."""
        return self.kernel.text

    @property
    def assembly(self) -> str:
        """The PTX that the driver is given."""
        return ptx.assembly(self.kernel.text, self.architecture)

    @cached_property
    def usage(self) -> ptxas.Usage | None:
        """What a thread and a block of it take, as NVIDIA's assembler says; None where that is not installed."""
        return (
            None if ptxas.found() is None else ptxas.assembled(self.assembly, self.architecture)[0]
        )

    def summary(self) -> str:
        """The figures, a line each."""
        blocks = " x ".join(f"{n:,}" for n in self.grid)
        lines = [f"launches  {blocks} blocks of {self.block} threads"]
        lines.append(f"moves     {self.bytes:,} bytes at least")
        if self.usage is not None:
            spilled = f", {self.usage.spilled} bytes of them spilled" if self.usage.spilled else ""
            lines.append(f"takes     {self.usage.registers} registers a thread{spilled}")
            lines.append(f"          {self.usage.shared:,} bytes of shared memory a block")
        if self.seconds is not None:
            rate = self.bytes / self.seconds / 1e9
            lines.append(f"          {1e6 * self.seconds:,.2f} us, {rate:,.1f} GB/s")
        return "\n".join(lines)


def launches_of(function: Callable, inputs: Sequence[Any], timing: bool) -> list[Launched]:
    """The launches while ``function(*inputs)`` runs, in order."""
    if driver.why_not():
        return []
    measured = timing and not driver.is_simulated()
    found: list[Launched] = []
    events: list[tuple[Any, Any]] = []

    def see(kernel: Any, grid: Any, block: int, arguments: Any, launch: Callable) -> None:
        found.append(Launched(kernel, grid, block, arguments))
        if not measured:
            launch()
            return
        begin, end = (driver.cupy().cuda.Event() for _ in range(2))
        begin.record()
        launch()
        end.record()
        events.append((begin, end))

    with driver.watching(see):
        function(*inputs)
    for item, (begin, end) in zip(found, events):
        end.synchronize()
        item.seconds = driver.cupy().cuda.get_elapsed_time(begin, end) / 1e3
    return found
