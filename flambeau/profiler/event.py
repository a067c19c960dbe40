"""What a profiler recorded: one call each, and averages over calls."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any


class DeviceType(enum.Enum):
    """Where an event took place."""

    CPU = 0
    CUDA = 1


class Interval:
    """Start and end, in microseconds since the profiler started."""

    __slots__ = ("end", "start")

    def __init__(self, start: float, end: float):
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        """How long it took."""
        return self.end - self.start


def time_text(us: float, unit: str | None = None) -> str:
    """A time as PyTorch writes it: 7.500us, 1.234ms, 2.000s."""
    if unit is None:
        unit = "s" if us >= 1e6 else "ms" if us >= 1e3 else "us"
    return f"{us / {'s': 1e6, 'ms': 1e3, 'us': 1.0}[unit]:.3f}{unit}"


class Timed:
    """Times of an event, or of several together. There is no other device, whose times are 0."""

    count: int
    cpu_time_total: float
    self_cpu_time_total: float
    device_time_total = self_device_time_total = 0.0
    cuda_time_total = self_cuda_time_total = cuda_time = device_time = 0.0
    device_memory_usage = self_device_memory_usage = 0
    device_type = DeviceType.CPU
    is_async = is_remote = is_legacy = False
    node_id = -1
    overload_name = ""

    @property
    def cpu_time(self) -> float:
        """The average time of a call, in microseconds."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def cpu_time_str(self) -> str:
        """The average time of a call, as text."""
        return time_text(self.cpu_time)

    @property
    def cpu_time_total_str(self) -> str:
        """The time of all calls, as text."""
        return time_text(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self) -> str:
        """The time of all calls without that of other events within, as text."""
        return time_text(self.self_cpu_time_total)


class FunctionEvent(Timed):
    """One call of an operation, a backward node or an annotated block.

    Attributes:
        id: A number, growing with the time of the start.
        name, key: What was called.
        trace_name: What it is called in a trace.
        time_range: When, as an `Interval`.
        thread: Which thread, counted from 1.
        cpu_parent, cpu_children: The event around it, and those within.
        input_shapes: A list for each argument, empty for what is no tensor; with record_shapes.
        stack: The lines that called it, innermost first; with with_stack.
        sequence_nr: That of the node that was recorded, or that ran; -1 without one.
        scope: 0 for operations, 1 for backward nodes, 7 for annotations.
        flops: Arithmetic of matrix products, convolutions, sums and products; with with_flops.
        cpu_memory_usage: Bytes of new memory that it left; with profile_memory.
        kernels: Names of the native kernels that ran within it and within no event inside.
    """

    count = 1

    def __init__(
        self, id: int, name: str, thread: int, start: float, end: float, *,
        trace_name: str | None = None, input_shapes: list | None = None,
        stack: Sequence[str] = (), sequence_nr: int = -1, scope: int = 0, flops: int = 0,
        cpu_memory_usage: int = 0, kernels: Sequence[str] = (), input_dtypes: Sequence[str] = (),
    ):  # fmt: skip
        self.id, self.name, self.key, self.thread = id, name, name, thread
        self.trace_name = trace_name or name
        self.time_range = Interval(start, end)
        self.input_shapes, self.stack = input_shapes or [], list(stack)
        self.input_dtypes = list(input_dtypes)
        self.sequence_nr, self.scope, self.flops = sequence_nr, scope, flops
        self.cpu_memory_usage, self.kernels = cpu_memory_usage, list(kernels)
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []

    @property
    def is_user_annotation(self) -> bool:
        """Is it a block of `record_function`?"""
        return self.scope == 7

    @property
    def cpu_time_total(self) -> float:  # type: ignore[override]
        """Its time in microseconds."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]
        """Its time without that of the events within."""
        return self.cpu_time_total - sum(x.cpu_time_total for x in self.cpu_children)

    @property
    def self_cpu_memory_usage(self) -> int:
        """The memory that it left, less what the events within left: negative where that was freed."""
        return self.cpu_memory_usage - sum(x.cpu_memory_usage for x in self.cpu_children)

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} overload_name= device_type={self.device_type} "
            f"node_id=-1 cpu_time={self.cpu_time_str} start_us={self.time_range.start} "
            f"end_us={self.time_range.end} cpu_children={[x.id for x in self.cpu_children]} "
            f"None_time=0.000us name={self.trace_name} thread={self.thread} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage} "
            f"None_memory_usage=0 is_async=False is_remote=False seq_nr={self.sequence_nr} "
            "is_legacy=False>"
        )


class FunctionEventAvg(Timed):
    """Calls of one name together; attributes as those of `FunctionEvent`, times and bytes being sums."""

    def __init__(self, key: str | None = None) -> None:
        self.key = key
        self.count = self.flops = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.input_shapes: list | None = None
        self.stack: list[str] = []
        self.kernels: list[str] = []
        self.scope = 0
        self.is_user_annotation = False
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []

    def add(self, other: Any) -> FunctionEventAvg:
        """Count another event in."""
        if self.key is None:
            self.key = other.key
        if self.count == 0:
            self.scope, self.is_user_annotation = other.scope, other.is_user_annotation
            self.input_shapes, self.stack = other.input_shapes, other.stack
            self.cpu_parent, self.cpu_children = other.cpu_parent, other.cpu_children
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops
        self.count += other.count
        self.kernels += [name for name in other.kernels if name not in self.kernels]
        return self

    __iadd__ = add

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str}  self_cuda_time=0.000us cuda_time=0.000us "
            f"input_shapes={self.input_shapes or ''} cpu_memory_usage={self.cpu_memory_usage} "
            "cuda_memory_usage=0>"
        )
