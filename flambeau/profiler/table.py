"""The table of averages, laid out as PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .event import FunctionEventAvg, time_text

GAP, COLUMN = 2, 12


def table_text(
    events: Sequence[Any], sort_by: str | None, row_limit: int, widths: tuple[int, int, int],
    header: str | None, top_level_only: bool, memory: bool, flops: bool, time_unit: str | None,
    whole: float,
) -> str:  # fmt: skip
    """The table.

    Args:
        events: Its rows.
        widths: The most that the columns of sources, names and shapes may take.
        memory, flops: Have columns for these?
        whole: The self time of all events, in microseconds.
    """
    if not events:
        return ""
    if sort_by is not None:
        events = sorted(events, key=lambda x: getattr(x, sort_by), reverse=True)
    source, name_most, shapes_most = widths
    columns = _columns(events, name_most, shapes_most, source, memory, flops)
    if time_unit is not None and time_unit not in ("s", "ms", "us"):
        raise ValueError(f"time_unit should be one of: 's', 'ms', 'us', got {time_unit!r}")
    dashes = "".join(f"{'-' * width}{' ' * GAP}" for _, width, _ in columns)
    bar = "=" * (len(dashes) - GAP)
    lines = []
    if header is not None:
        lines += [bar, header]
    if top_level_only:
        lines += [bar, "This report only display top-level ops statistics"]
    lines += [dashes, _line([title for title, _, _ in columns], columns), dashes]
    count = 0
    for event in events:
        if count == row_limit:
            break
        if top_level_only and event.cpu_parent is not None:
            continue
        count += 1
        lines += _rows(event, columns, whole, time_unit, flops_unit(events)[0])
    lines += [dashes, f"Self CPU time total: {time_text(whole)}", ""]
    return "\n".join(lines)


Column = tuple[str, int, str]


def _columns(
    events: Sequence[Any], name_most: int, shapes_most: int, source: int, memory: bool, flops: bool
) -> list[Column]:
    """Title, width and alignment of each column."""
    name = min(max(len(x.key) for x in events) + 4, name_most)
    shapes = min(max(len(str(x.input_shapes or "")) for x in events) + 4, shapes_most)
    titles = ["Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg"]
    columns = [("Name", name, ">"), *((title, COLUMN, ">") for title in titles)]
    if memory:
        columns += [("CPU Mem", COLUMN, ">"), ("Self CPU Mem", COLUMN, ">")]
    columns.append(("# of Calls", COLUMN, ">"))
    if any(x.input_shapes for x in events):
        columns.append(("Input Shapes", shapes, ">"))
    if any(x.stack for x in events):
        width = max(max((len(line) for x in events for line in x.stack), default=0), 15) + 4
        columns.append(("Source Location", min(width, source), "<"))
    if flops and any(x.flops for x in events):
        columns.append((f"Total {flops_unit(events)[1]}", COLUMN, ">"))
    return columns


def _rows(
    event: Any, columns: list[Column], whole: float, unit: str | None, scale: float
) -> list[str]:
    """A row, and below it what remains of the stack."""
    stack = iter([*event.stack, ""])
    cells = {
        "Name": shortened(event.key, columns[0][1]),
        "Self CPU %": share_text(event.self_cpu_time_total, whole),
        "Self CPU": time_text(event.self_cpu_time_total, unit),
        "CPU total %": share_text(event.cpu_time_total, whole),
        "CPU total": time_text(event.cpu_time_total, unit),
        "CPU time avg": time_text(event.cpu_time, unit),
        "CPU Mem": bytes_text(event.cpu_memory_usage),
        "Self CPU Mem": bytes_text(event.self_cpu_memory_usage),
        "# of Calls": str(event.count),
    }
    values = []
    for title, width, _ in columns:
        if title == "Input Shapes":
            values.append(shortened(str(event.input_shapes or []), width))
        elif title == "Source Location":
            values.append(ended(next(stack), width))
        elif title.startswith("Total "):
            values.append(f"{event.flops / scale:.3f}" if event.flops > 0 else "--")
        else:
            values.append(cells[title])
    lines = [_line(values, columns)]
    if columns_have_source(columns):
        lines += [
            _line(
                [ended(text, w) if t == "Source Location" else "" for t, w, _ in columns], columns
            )
            for text in stack
        ]
    return lines


def columns_have_source(columns: list[Column]) -> bool:
    return any(title == "Source Location" for title, _, _ in columns)


def _line(values: Sequence[str], columns: list[Column]) -> str:
    return "".join(
        f"{value:{align}{width}}{' ' * GAP}" for value, (_, width, align) in zip(values, columns)
    )


def shortened(text: str, width: int) -> str:
    """The beginning of a long text, and dots."""
    return text if len(text) <= width else text[: width - 3] + "..."


def ended(text: str, width: int) -> str:
    """Dots, and the end of a long text."""
    return text if len(text) <= width else "..." + text[len(text) - width + 3 :]


def share_text(part: float, whole: float) -> str:
    """A share in percent."""
    return f"{100 * part / whole:.2f}%" if whole else "NaN"


def bytes_text(count: int) -> str:
    """A number of bytes: 4 B, 7.81 KB."""
    for size, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if abs(count) >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count} B"


def flops_unit(events: Sequence[FunctionEventAvg]) -> tuple[float, str]:
    """The unit of arithmetic, which the least of the figures chooses."""
    units = ("FLOPs", "KFLOPs", "MFLOPs", "GFLOPs", "TFLOPs", "PFLOPs")
    least = min((x.flops for x in events if x.flops > 0), default=1)
    power = min(len(units) - 1, int(math.log10(least) / 3))
    return 1000.0**power, units[power]
