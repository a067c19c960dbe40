"""Figures of the memory of CUDA devices, by PyTorch's names; without a device they are 0.

Source: torch.cuda.memory
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from .._caller import warn
from ..core.device import backends
from .current import Device, allocator, index_of
from .memory_table import table


def _ledger(device: Device) -> Any:
    """The figures of a device, or None where CUDA has not begun."""
    if "cuda" not in backends:
        return None
    return allocator().ledgers[index_of(device)]


def memory_allocated(device: Device = None) -> int:
    """Bytes that tensors have.

    Source: torch.cuda.memory_allocated

    Example:
        >>> import flambeau as torch
        >>> torch.cuda.memory_allocated() <= torch.cuda.memory_reserved()
        True
    """
    ledger = _ledger(device)
    return 0 if ledger is None else int(ledger.block_bytes.current)


def max_memory_allocated(device: Device = None) -> int:
    """The most bytes that tensors had, since the start or `reset_peak_memory_stats`.

    Source: torch.cuda.max_memory_allocated
    """
    ledger = _ledger(device)
    return 0 if ledger is None else int(ledger.block_bytes.peak)


def memory_reserved(device: Device = None) -> int:
    """Bytes that the driver gave: those of tensors, and those that wait to be reused.

    Source: torch.cuda.memory_reserved
    """
    ledger = _ledger(device)
    return 0 if ledger is None else int(ledger.segment_bytes.current)


def max_memory_reserved(device: Device = None) -> int:
    """The most bytes that were taken from the driver at a time.

    Source: torch.cuda.max_memory_reserved
    """
    ledger = _ledger(device)
    return 0 if ledger is None else int(ledger.segment_bytes.peak)


def memory_cached(device: Device = None) -> int:
    """The old name of `memory_reserved`, which warns.

    Source: torch.cuda.memory_cached
    """
    _renamed("memory_cached", "memory_reserved")
    return memory_reserved(device)


def max_memory_cached(device: Device = None) -> int:
    """The old name of `max_memory_reserved`, which warns.

    Source: torch.cuda.max_memory_cached
    """
    _renamed("max_memory_cached", "max_memory_reserved")
    return max_memory_reserved(device)


def _renamed(old: str, new: str) -> None:
    warn(f"`torch.cuda.{old}` has been renamed to `torch.cuda.{new}`", FutureWarning)


def reset_peak_memory_stats(device: Device = None) -> None:
    """Let the highest figures begin again at what is in use.

    Source: torch.cuda.reset_peak_memory_stats
    """
    ledger = _ledger(device)
    if ledger is not None:
        ledger.reset_peak()


def reset_accumulated_memory_stats(device: Device = None) -> None:
    """Let what was taken and given back in all begin again at 0.

    Source: torch.cuda.reset_accumulated_memory_stats
    """
    ledger = _ledger(device)
    if ledger is not None:
        ledger.reset_accumulated()


def reset_max_memory_allocated(device: Device = None) -> None:
    """The old name of `reset_peak_memory_stats`, which warns.

    Source: torch.cuda.reset_max_memory_allocated
    """
    _resets_all("reset_max_memory_allocated")
    reset_peak_memory_stats(device)


def reset_max_memory_cached(device: Device = None) -> None:
    """The old name of `reset_peak_memory_stats`, which warns.

    Source: torch.cuda.reset_max_memory_cached
    """
    _resets_all("reset_max_memory_cached")
    reset_peak_memory_stats(device)


def _resets_all(name: str) -> None:
    warn(
        f"torch.cuda.{name} now calls torch.cuda.reset_peak_memory_stats, which resets /all/ peak memory stats.",
        FutureWarning,
    )


def memory_stats_as_nested_dict(device: Device = None) -> dict[str, Any]:
    """What the allocator has done: ``stats["allocated_bytes"]["all"]["peak"]``; empty before CUDA has begun.

    Memory that waits for another stream (`Tensor.record_stream`) counts as given back. Parts of segments that wait while
    others are in use ("inactive_split") are those of now, also in their highest figure. Slow: it looks for all of them.

    Source: torch.cuda.memory_stats_as_nested_dict
    """
    ledger = _ledger(device)
    if ledger is None:
        return {}
    waiting = [
        block["size"]
        for segment in memory_snapshot()
        for block in segment["blocks"]
        if segment["device"] == index_of(device)
        and block["state"] == "inactive"
        and len(segment["blocks"]) > 1
    ]
    figures = {
        "allocation": ledger.blocks.items(),
        "allocated_bytes": ledger.block_bytes.items(),
        "active": ledger.blocks.items(),
        "active_bytes": ledger.block_bytes.items(),
        "requested_bytes": ledger.requested.items(),
        "segment": ledger.segments.items(),
        "reserved_bytes": ledger.segment_bytes.items(),
        "inactive_split": _now(len(waiting)),
        "inactive_split_bytes": _now(sum(waiting)),
    }
    nothing = _now(0)
    stats: dict[str, Any] = {
        name: {"all": figure, "large_pool": dict(figure), "small_pool": dict(nothing)}
        for name, figure in figures.items()
    }
    stats |= {
        "oversize_allocations": dict(nothing),
        "oversize_segments": dict(nothing),
        "num_alloc_retries": ledger.retries,
        "num_ooms": ledger.failures,
        "num_device_alloc": ledger.segments.allocated,
        "num_device_free": ledger.segments.freed,
        "num_sync_all_streams": ledger.retries,
        "max_split_size": -1,
    }
    return stats


def _now(number: int) -> dict[str, int]:
    return {"current": number, "peak": number, "allocated": number, "freed": 0}


def memory_stats(device: Device = None) -> OrderedDict[str, Any]:
    """What the allocator has done: ``stats["allocated_bytes.all.peak"]``; see `memory_stats_as_nested_dict`.

    Source: torch.cuda.memory_stats
    """
    return OrderedDict(sorted(_flat("", memory_stats_as_nested_dict(device))))


def _flat(prefix: str, stats: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in stats.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield prefix + name, value


def memory_summary(device: Device = None, abbreviated: bool = False) -> str:
    """A table of the allocator's figures; where CUDA has not begun, a line that says so.

    Args:
        device: Whose.
        abbreviated: Leave out the rows of the large and the small pool.

    Source: torch.cuda.memory_summary
    """
    stats = memory_stats(device)
    if not stats:
        return "There is no CUDA device in use, so no memory of one is in use."
    return table(stats, index_of(device), abbreviated)


def memory_snapshot(mempool_id: Any = None, include_traces: bool = True) -> list[dict[str, Any]]:
    """The memory from the driver, segment by segment, and the blocks in it.

    Args:
        mempool_id: Only that of a pool.
        include_traces: There are none.

    Source: torch.cuda.memory_snapshot
    """
    if "cuda" not in backends:
        return []
    found = allocator()
    blocks = sorted(found.blocks(), key=lambda block: block.ptr)
    told = [
        _segment(segment, [b for b in blocks if segment.ptr <= b.ptr < segment.ptr + segment.size])
        for segment in sorted(found.segments, key=lambda segment: segment.ptr)
    ]
    return [s for s in told if mempool_id in (None, s["segment_pool_id"])]


def _segment(segment: Any, blocks: list[Any]) -> dict[str, Any]:
    parts, at = [], segment.ptr
    for block in blocks:
        if block.ptr > at:
            parts.append(_part(at, block.ptr - at))
        parts.append(_part(block.ptr, block.size, block.requested))
        at = block.ptr + block.size
    end = segment.ptr + segment.size
    if at < end:
        parts.append(_part(at, end - at))
    used = sum(block.size for block in blocks)
    return {
        "device": segment.device_id,
        "address": segment.ptr,
        "total_size": segment.size,
        "allocated_size": used,
        "active_size": used,
        "requested_size": sum(block.requested for block in blocks),
        "stream": segment.stream,
        "segment_type": "large",
        "segment_pool_id": segment.pool,
        "is_expandable": False,
        "blocks": parts,
    }


def _part(address: int, size: int, requested: int | None = None) -> dict[str, Any]:
    state = "inactive" if requested is None else "active_allocated"
    return {
        "address": address,
        "size": size,
        "requested_size": requested or 0,
        "state": state,
        "frames": [],
    }


def host_memory_stats_as_nested_dict() -> dict[str, Any]:
    """What page-locked memory there is: ``stats["active_bytes"]["peak"]``; empty before CUDA has begun.

    Source: torch.cuda.host_memory_stats_as_nested_dict
    """
    if "cuda" not in backends:
        return {}
    from ..kernels.cuda.pinned import figures

    told = figures()
    return {
        "allocations": told.segments.items(),
        "allocated_bytes": told.segment_bytes.items(),
        "active_requests": told.blocks.items(),
        "active_bytes": told.block_bytes.items(),
        "num_host_alloc": told.segments.allocated,
        "num_host_free": told.segments.freed,
    }


def host_memory_stats() -> OrderedDict[str, Any]:
    """What page-locked memory there is: ``stats["active_bytes.peak"]``.

    Source: torch.cuda.host_memory_stats
    """
    return OrderedDict(sorted(_flat("", host_memory_stats_as_nested_dict())))


def reset_peak_host_memory_stats() -> None:
    """Let the highest figures of page-locked memory begin again at what is in use.

    Source: torch.cuda.reset_peak_host_memory_stats
    """
    if "cuda" in backends:
        from ..kernels.cuda.pinned import figures

        figures().reset_peak()


def reset_accumulated_host_memory_stats() -> None:
    """Let what page-locked memory was taken and given back in all begin again at 0.

    Source: torch.cuda.reset_accumulated_host_memory_stats
    """
    if "cuda" in backends:
        from ..kernels.cuda.pinned import figures

        figures().reset_accumulated()
