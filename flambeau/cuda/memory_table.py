"""The table of an allocator's figures, as PyTorch prints it.

Source: torch.cuda.memory_summary
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

_ROWS = (
    ("allocated_bytes", "Allocated memory"),
    ("active_bytes", "Active memory"),
    ("requested_bytes", "Requested memory"),
    ("reserved_bytes", "GPU reserved memory"),
    ("inactive_split_bytes", "Non-releasable memory"),
    ("allocation", "Allocations"),
    ("active", "Active allocs"),
    ("segment", "GPU reserved segments"),
    ("inactive_split", "Non-releasable allocs"),
)
_OVERSIZE = (
    ("oversize_allocations", "Oversize allocations"),
    ("oversize_segments", "Oversize GPU segments"),
)
_POOLS = (
    ("all", ""),
    ("large_pool", "      from large pool"),
    ("small_pool", "      from small pool"),
)
_COLUMNS = ("current", "peak", "allocated", "freed")
_WIDTH = 75


def _size(value: int, like: float) -> str:
    """Bytes in the unit that suits another number of bytes."""
    units = ("B  ", "KiB", "MiB", "GiB", "TiB", "PiB")
    at = 0
    while like >= 768 * 1024 and at < len(units) - 1:
        at, value, like = at + 1, value // 1024, like / 1024
    return f"{value:6d} {units[at]}"


def _count(value: int, like: float) -> str:
    """A number, in thousands or millions as suits another one."""
    units = (" ", "K", "M")
    at = 0
    while like >= 750 * 1000 and at < len(units) - 1:
        at, value, like = at + 1, value // 1000, like / 1000
    return f"{value:7d} {units[at]} "


def _row(
    stats: Mapping[str, int], key: str, title: str, write: Callable[[int, float], str], unit: str
) -> str:
    cells = (write(stats[f"{key}.{column}"], stats[f"{unit}.{column}"]) for column in _COLUMNS)
    return f" {title:<21} | {' | '.join(cells)} "


def table(stats: Mapping[str, int], device: int, abbreviated: bool) -> str:
    """The table.

    Args:
        stats: What `memory_stats` gives.
        device: Whose they are.
        abbreviated: Leave out the rows of the large and the small pool.
    """
    thick, thin = "=" * _WIDTH, "-" * _WIDTH
    lines = [
        thick,
        f" {'':16} PyTorch CUDA memory summary, device ID {device:<17d} ",
        thin,
        f"  {'':9} CUDA OOMs: {stats['num_ooms']:<12d} | {'':6} cudaMalloc retries: "
        f"{stats['num_alloc_retries']:<8d}  ",
        thick,
        "        Metric         | Cur Usage  | Peak Usage | Tot Alloc  | Tot Freed  ",
    ]
    for key, title in _ROWS:
        write = _size if key.endswith("bytes") else _count
        lines.append(thin)
        for pool, name in _POOLS[:1] if abbreviated else _POOLS:
            lines.append(_row(stats, f"{key}.{pool}", name or title, write, f"{key}.all"))
    for key, title in _OVERSIZE:
        lines += [thin, _row(stats, key, title, _count, key)]
    lines.append(thick)
    return "".join(f"|{line}|\n" for line in lines)


__all__ = ["table"]
