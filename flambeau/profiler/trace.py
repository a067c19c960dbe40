"""Files for other programs: Chrome's trace format, and folded stacks for flame graphs."""

from __future__ import annotations

import gzip
import json
import os
import socket
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from .event import FunctionEvent

CATEGORIES = {0: "cpu_op", 1: "cpu_op", 7: "user_annotation"}


def write_trace(path: str, events: Sequence[FunctionEvent]) -> None:
    """Write the events as complete events ("X"), with arrows from operations to their gradients."""
    content = {
        "schemaVersion": 1,
        "deviceProperties": [],
        "trace_id": uuid.uuid4().hex.upper(),
        "host_name": socket.gethostname(),
        "displayTimeUnit": "ms",
        "baseTimeNanoseconds": time.time_ns(),
        "traceEvents": [*_names(events), *map(_complete, events), *_arrows(events)],
        "traceName": os.fspath(path),
    }
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8") as file:
        json.dump(content, file, indent=1)


def _names(events: Sequence[FunctionEvent]) -> Iterable[dict]:
    pid = os.getpid()
    start = min((event.time_range.start for event in events), default=0.0)
    yield _about("process_name", {"name": "python"}, start, pid, 0)
    yield _about("process_labels", {"labels": "CPU"}, start, pid, 0)
    for thread in sorted({event.thread for event in events}):
        yield _about("thread_name", {"name": f"thread {thread} (python)"}, start, pid, thread)
        yield _about("thread_sort_index", {"sort_index": thread}, start, pid, thread)


def _about(name: str, args: dict, start: float, pid: int, thread: int) -> dict:
    return {"ph": "M", "name": name, "ts": start, "pid": pid, "tid": thread, "args": args}


def _complete(event: FunctionEvent) -> dict:
    args: dict[str, Any] = {"External id": event.id}
    if event.sequence_nr >= 0:
        args["Sequence number"] = event.sequence_nr
    if event.input_shapes:
        args["Input Dims"], args["Input type"] = event.input_shapes, event.input_dtypes
    if event.kernels:
        args["Kernels"] = event.kernels
    if event.stack:
        args["Call stack"] = ";".join(event.stack)
    if event.flops:
        args["FLOPs"] = event.flops
    return {
        "ph": "X",
        "cat": CATEGORIES[event.scope],
        "name": event.trace_name,
        "pid": os.getpid(),
        "tid": event.thread,
        "ts": event.time_range.start,
        "dur": event.time_range.elapsed_us(),
        "args": args,
    }


def _arrows(events: Sequence[FunctionEvent]) -> Iterable[dict]:
    """From the operation that recorded a node to the node's run."""
    forward: dict[int, FunctionEvent] = {}
    for event in events:  # the engine's event around a node's run comes later than the operation
        if event.scope == 0 and event.sequence_nr >= 0:
            forward.setdefault(event.sequence_nr, event)
    for event in events:
        source = forward.get(event.sequence_nr)
        if event.scope != 1 or source is None:
            continue
        common = {"cat": "fwdbwd", "name": "fwdbwd", "id": event.id, "pid": os.getpid()}
        yield {**common, "ph": "s", "tid": source.thread, "ts": source.time_range.start}
        yield {**common, "ph": "f", "tid": event.thread, "ts": event.time_range.start, "bp": "e"}


def write_stacks(path: str, events: Iterable[Any], metric: str) -> None:
    """A line for each stack: frames, outermost first, and the whole microseconds."""
    with open(path, "w", encoding="utf-8") as file:
        for event in events:
            if event.stack:
                frames = ";".join(line.replace(" ", "_") for line in reversed(event.stack))
                file.write(f"{frames} {int(getattr(event, metric))}\n")
