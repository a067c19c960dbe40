"""The list of events that a profiler gives."""

from __future__ import annotations

from typing import Any

from .event import FunctionEvent, FunctionEventAvg
from .table import table_text
from .trace import write_stacks, write_trace

METRICS = ("self_cpu_time_total", "self_cuda_time_total")


class EventList(list):
    """Events, or averages of them.

    Source: torch.autograd.profiler_util.EventList
    """

    def __init__(
        self, events: Any = (), profile_memory: bool = False, with_flops: bool = False
    ) -> None:
        super().__init__(events)
        self.profile_memory, self.with_flops = profile_memory, with_flops

    def key_averages(
        self,
        group_by_input_shapes: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
        include_python_functions: bool = False,
    ) -> EventList:
        """Events of equal names together.

        Args:
            group_by_input_shapes: Only those with equal shapes.
            group_by_stack_n: Only those with the same innermost lines of the stack.
            group_by_overload_name: Accepted as operations have no overloads here.
        """
        found: dict[Any, FunctionEventAvg] = {}
        for event in self:
            key: tuple = (event.key,)
            if group_by_input_shapes:
                key += (str(event.input_shapes),)
            if group_by_stack_n > 0:
                key += tuple(event.stack[:group_by_stack_n])
            found.setdefault(key, FunctionEventAvg()).add(event)
        for average in found.values():
            average.stack = average.stack[:group_by_stack_n]
            if not group_by_input_shapes:
                average.input_shapes = None
        return EventList(found.values(), self.profile_memory, self.with_flops)

    def total_average(self) -> FunctionEventAvg:
        """All events together."""
        total = FunctionEventAvg()
        for event in self:
            total.add(event)
        total.key = "Total"
        # What events within others took is counted in those.
        total.cpu_time_total = self.self_cpu_time_total
        return total

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events without what is within others, in microseconds."""
        return sum(event.self_cpu_time_total for event in self)

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The events as a table.

        Args:
            sort_by: The attribute that the largest come first of: "cpu_time_total",
                "self_cpu_time_total", "cpu_memory_usage", "count" ...; None for the order of first calls.
            row_limit: At most so many rows; -1 for all.
            max_src_column_width, max_name_column_width, max_shapes_column_width: Longer texts are cut.
            header: A line above it.
            top_level_events_only: Without what ran within another event.
            time_unit: "s", "ms" or "us" for all times.

        Raises:
            AttributeError: Events have no such attribute.

        Source: torch.autograd.profiler_util.EventList.table
        """
        return table_text(
            self, sort_by, row_limit,
            (max_src_column_width, max_name_column_width, max_shapes_column_width),
            header, top_level_events_only, self.profile_memory, self.with_flops, time_unit,
            self.self_cpu_time_total,
        )  # fmt: skip

    def __str__(self) -> str:
        return self.table()

    def export_chrome_trace(self, path: str) -> None:
        """Write what chrome://tracing and Perfetto show; gzipped if the name ends in .gz."""
        write_trace(path, self._single())

    def export_stacks(self, path: str, metric: str) -> None:
        """Write a line for each stack: its frames, outermost first, and the sum of a metric.

        Args:
            path: The file.
            metric: "self_cpu_time_total".

        Raises:
            ValueError: There is no such metric.
        """
        if metric not in METRICS:
            raise ValueError(f"metric should be one of: {[*METRICS]}")
        write_stacks(path, self, metric)

    def _single(self) -> list[FunctionEvent]:
        events = [event for event in self if isinstance(event, FunctionEvent)]
        if len(events) < len(self):
            raise RuntimeError(
                "averages have no times of their own to trace: call export_chrome_trace() of the profiler, "
                "or of its events()"
            )
        return events
