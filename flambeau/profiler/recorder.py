"""What runs while a profiler records.

`sys.setprofile` tells of each Python function that starts and ends, and of each kernel that is called;
`naming` says which of them are operations. While nobody records there is no hook, and nothing costs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sequence
from time import perf_counter_ns
from types import FrameType
from typing import Any

from .._caller import OURS
from ..core.tensor import Tensor
from ..kernels.cuda.driver import Kernel
from ..kernels.runtime.recipe import recipe_of
from .event import FunctionEvent
from .flops import flops_of
from .naming import ANNOTATION, BACKWARD, OPERATION, names

_LAUNCH = Kernel.__call__.__code__
ENGINE = "autograd::engine::evaluate_function: "
SINGLE = frozenset(("aten::item",))
"""Operations whose results are no tensors."""


class Record:
    """An event that is open, or has ended."""

    __slots__ = (
        "arguments", "dtypes", "end", "flops", "frame", "inside", "kernels", "memory", "name",
        "outer", "scope", "sequence", "shapes", "stack", "start", "thread", "trace_name",
    )  # fmt: skip

    def __init__(self, name: str, scope: int, frame: FrameType | None, outer: Record | None):
        self.name = self.trace_name = name
        self.scope, self.frame, self.outer = scope, frame, outer
        self.arguments: list[Any] = []
        self.shapes: list | None = None
        self.dtypes: list[str] = []
        self.stack: Sequence[str] = ()
        self.kernels: list[str] = []
        self.sequence, self.flops, self.memory, self.end = -1, 0, 0, 0
        self.inside = False
        self.thread = 0
        self.start = perf_counter_ns()


class Recorder:
    """Records the events of this thread, and of those that start meanwhile.

    Args:
        shapes, memory, stack, flops: Note these too?
    """

    def __init__(self, shapes: bool, memory: bool, stack: bool, flops: bool):
        self.shapes, self.memory, self.stack, self.flops = shapes, memory, stack, flops
        self.records: list[Record] = []
        self.local = threading.local()
        self.threads: dict[int, int] = {}

    def start(self) -> None:
        self.before, self.begun = sys.getprofile(), perf_counter_ns()
        active.append(self)
        threading.setprofile(self.see)
        sys.setprofile(self.see)

    def stop(self) -> None:
        sys.setprofile(self.before)
        threading.setprofile(None)  # type: ignore[arg-type]
        active.remove(self)
        while self.innermost is not None:
            self.close(self.innermost, None)

    @property
    def innermost(self) -> Record | None:
        return getattr(self.local, "record", None)

    def see(self, frame: FrameType, event: str, arg: Any) -> None:
        """What `sys.setprofile` calls."""
        if event == "call":
            code = frame.f_code
            if code is _LAUNCH:
                self.note(frame.f_locals["self"].name)
                return
            namer = names.codes[code] if code in names.codes else names.find(frame)
            if namer is not None:
                found = namer(frame)
                if found is not None:
                    self.enter(found[0], found[1], frame)
        elif event == "return":
            record = self.innermost
            if record is not None and record.frame is frame:
                self.close(record, arg)
        elif event == "c_call" and recipe_of(arg) is not None:
            self.note(arg.__name__)

    def note(self, kernel: str) -> None:
        """Note a kernel that runs, or is launched on a GPU, within the innermost event."""
        if self.innermost is not None:
            self.innermost.kernels.append(kernel)

    def enter(self, name: str, scope: int, frame: FrameType) -> None:
        outer = self.innermost
        if outer is not None and outer.name == name and outer.scope == scope:
            return  # one public function of several layers
        if scope == BACKWARD:
            around = self.open(ENGINE + name, OPERATION, frame)
            around.sequence = getattr(frame.f_locals.get("self"), "sequence", -1)
        record = self.open(name, scope, frame)
        if scope == BACKWARD:
            record.sequence = around.sequence
        if self.shapes or self.memory or self.flops:
            record.arguments = given = _arguments(frame, scope)
            if self.flops:
                record.flops = flops_of(name, frame)
            if self.shapes:
                record.shapes = [_shape(x) for x in given]
                record.dtypes = [_dtype(x) for x in given]
        record.start = perf_counter_ns()

    def open(self, name: str, scope: int, frame: FrameType | None) -> Record:
        """Begin an event."""
        record = Record(name, scope, frame, self.innermost)
        identity = threading.get_ident()
        record.thread = self.threads.setdefault(identity, len(self.threads) + 1)
        if self.stack:
            record.stack = _lines(frame or sys._getframe(2))
        self.local.record = record
        record.start = perf_counter_ns()
        return record

    def close(self, record: Record, value: Any) -> None:
        """End an event, and those within that an error left open."""
        now, frame = perf_counter_ns(), record.frame
        while True:
            current = self.innermost
            if current is None:
                return
            self.local.record = current.outer
            self.finish(current, value, now)
            if current is record:
                break
        outer = record.outer  # of a node that ran, the engine's event around it
        if record.scope == BACKWARD and outer is not None and outer.frame is frame:
            self.local.record = outer.outer
            self.finish(outer, None, now)

    def finish(self, record: Record, value: Any, now: int) -> None:
        made = list(_tensors(value)) if record.scope == OPERATION else []
        if (
            record.scope == OPERATION
            and not made
            and not record.inside
            and record.name not in SINGLE
            and record.name.startswith("aten::")
        ):
            if record.outer is not None:
                record.outer.kernels += record.kernels
            return  # a question about a tensor, or an error
        record.end = now
        if record.sequence < 0 and made and made[0]._node is not None:
            record.sequence = made[0]._node.sequence
        if self.memory:
            self.count_memory(record, value)
        record.frame, record.arguments = None, []
        if record.outer is not None:
            record.outer.inside = True
        self.records.append(record)

    def count_memory(self, record: Record, value: Any) -> None:
        """The bytes of new memory that an event leaves: of its results; of an annotation, those of its events."""
        outer = record.outer
        if record.scope != ANNOTATION and not record.name.startswith(ENGINE):
            held = {id(_owner(x)) for x in record.arguments}
            owners = {id(owner): owner for owner in map(_owner, _items(value))}
            record.memory = sum(
                getattr(owner, "nbytes", 0) for key, owner in owners.items() if key not in held
            )
        if outer is not None and (outer.scope == ANNOTATION or outer.name.startswith(ENGINE)):
            outer.memory += record.memory

    def events(self) -> list[FunctionEvent]:
        """What was recorded, by the time of the start."""
        ordered = sorted(self.records, key=lambda r: (r.start, -r.end))
        known: dict[int, FunctionEvent] = {}
        for number, r in enumerate(ordered, 1):
            known[id(r)] = FunctionEvent(
                number, r.name, r.thread, (r.start - self.begun) / 1e3, (r.end - self.begun) / 1e3,
                trace_name=r.trace_name, input_shapes=r.shapes, stack=r.stack,
                sequence_nr=r.sequence, scope=r.scope, flops=r.flops,
                cpu_memory_usage=r.memory, kernels=r.kernels, input_dtypes=r.dtypes,
            )  # fmt: skip
        for r in ordered:
            outer = r.outer
            while outer is not None and id(outer) not in known:
                outer = outer.outer
            if outer is not None:
                event, parent = known[id(r)], known[id(outer)]
                event.cpu_parent = parent
                parent.cpu_children.append(event)
        return list(known.values())


active: list[Recorder] = []
"""The recorder that runs; there is at most one."""


def _items(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (tuple, list)) else (value,)


def _owner(x: Any) -> Any:
    """The array whose memory a tensor or an array shows."""
    array = x._array if isinstance(x, Tensor) else x
    while getattr(array, "base", None) is not None and hasattr(array.base, "nbytes"):
        array = array.base
    return array


def _tensors(value: Any) -> Iterable[Tensor]:
    return (x for x in _items(value) if isinstance(x, Tensor))


def _arguments(frame: FrameType, scope: int) -> list[Any]:
    """What a function was called with; the arrays that arrive at a node."""
    code, held = frame.f_code, frame.f_locals
    if scope == BACKWARD:
        return list(_items(held.get("g")))
    count = code.co_argcount + code.co_kwonlyargcount
    given = [held.get(n) for n in code.co_varnames[:count] if n not in ("out", "gate_")]
    place = count
    if code.co_flags & 0x04:
        given += held.get(code.co_varnames[place], ())
        place += 1
    if code.co_flags & 0x08:
        given += held.get(code.co_varnames[place], {}).values()
    return given


def _shape(x: Any) -> list:
    if isinstance(x, (tuple, list)) and any(isinstance(item, Tensor) for item in x):
        return [_shape(item) for item in x]
    return [int(n) for n in getattr(x, "shape", ())]


def _dtype(x: Any) -> str:
    if isinstance(x, Tensor):
        return x.dtype.c_name
    return "TensorList" if isinstance(x, (tuple, list)) and x and _shape(x) else ""


def _lines(frame: FrameType | None) -> list[str]:
    """The calling lines outside of this package, innermost first."""
    lines = []
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(OURS):
            lines.append(f"{code.co_filename}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back
    return lines
