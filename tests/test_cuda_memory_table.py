"""The table of `memory_summary`: what PyTorch 2.13.0 makes of the same figures."""

from __future__ import annotations

from flambeau.cuda.memory_table import table

ROWS = (
    *(
        "allocated_bytes",
        "active_bytes",
        "requested_bytes",
        "reserved_bytes",
        "inactive_split_bytes",
    ),
    *("allocation", "active", "segment", "inactive_split"),
)
COLUMNS = ("current", "peak", "allocated", "freed")


def figures() -> dict[str, int]:
    """Numbers of all sizes."""
    made = {"num_ooms": 2, "num_alloc_retries": 31}
    for i, row in enumerate(ROWS):
        for j, pool in enumerate(("all", "large_pool", "small_pool")):
            for k, column in enumerate(COLUMNS):
                made[f"{row}.{pool}.{column}"] = (7 + i) ** (2 * k + 3 - j) * (k + 1)
    for row in ("oversize_allocations", "oversize_segments"):
        for k, column in enumerate(COLUMNS):
            made[f"{row}.{column}"] = 10 ** (3 * k)
    return made


SHORT = """\
|===========================================================================|
|                  PyTorch CUDA memory summary, device ID 1                 |
|---------------------------------------------------------------------------|
|            CUDA OOMs: 2            |        cudaMalloc retries: 31        |
|===========================================================================|
|        Metric         | Cur Usage  | Peak Usage | Tot Alloc  | Tot Freed  |
|---------------------------------------------------------------------------|
| Allocated memory      |    343 B   |  33614 B   |   2412 KiB | 157631 KiB |
|---------------------------------------------------------------------------|
| Active memory         |    512 B   |  65536 B   |   6144 KiB | 524288 KiB |
|---------------------------------------------------------------------------|
| Requested memory      |    729 B   | 118098 B   |  14012 KiB |   1477 MiB |
|---------------------------------------------------------------------------|
| GPU reserved memory   |   1000 B   | 200000 B   |  29296 KiB |   3814 MiB |
|---------------------------------------------------------------------------|
| Non-releasable memory |   1331 B   | 322102 B   |  57091 KiB |   8994 MiB |
|---------------------------------------------------------------------------|
| Allocations           |    1728    |  497664    |  107495 K  |   20639 M  |
|---------------------------------------------------------------------------|
| Active allocs         |    2197    |  742586    |  188245 K  |   42417 M  |
|---------------------------------------------------------------------------|
| GPU reserved segments |    2744    |    1075 K  |  316240 K  |   82644 M  |
|---------------------------------------------------------------------------|
| Non-releasable allocs |    3375    |    1518 K  |  512578 K  |  153773 M  |
|---------------------------------------------------------------------------|
| Oversize allocations  |       1    |    1000    |    1000 K  |    1000 M  |
|---------------------------------------------------------------------------|
| Oversize GPU segments |       1    |    1000    |    1000 K  |    1000 M  |
|===========================================================================|
"""


def test_the_short_table() -> None:
    assert table(figures(), 1, abbreviated=True) == SHORT


def test_the_long_table_has_the_pools() -> None:
    lines = table(figures(), 1, abbreviated=False).splitlines()
    assert lines[7:10] == [
        "| Allocated memory      |    343 B   |  33614 B   |   2412 KiB | 157631 KiB |",
        "|       from large pool |     49 B   |   4802 B   |    344 KiB |  22518 KiB |",
        "|       from small pool |      7 B   |    686 B   |     49 KiB |   3216 KiB |",
    ]
    assert [line for line in lines if "pool" not in line] == SHORT.splitlines()
