"""What it costs that each view is registered with its memory, beside the whole of an indexing.

    python benchmarks/views.py

Prints nanoseconds a call: a view that is only made, one that is registered too, by machine code and
in Python, and ``x[1]``. Rounds alternate, and the best of them count.
"""

from __future__ import annotations

from timeit import timeit

import flambeau as torch
from flambeau.core import tensor as handle

ROUNDS, CALLS = 60, 5000
x = torch.zeros(4, 10)
python = handle.wrap_view
_ = x + 1  # kernels load, and machine code takes the places of Python


def unregistered(array, of):
    cell, base = of._cell, of._base
    return handle.make(array, of._kind, None, cell, of if base is None else base)


def main() -> None:
    row = x._array[1]
    cases = {
        "only made": lambda: unregistered(row, x),
        "registered": lambda: handle.wrap_view(row, x),
        "registered in Python": lambda: python(row, x),
        "x[1]": lambda: x[1],
    }
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(ROUNDS):
        for name, call in cases.items():
            best[name] = min(best[name], timeit(call, number=CALLS) / CALLS * 1e9)
    for name, time in best.items():
        print(f"{name:22}{time:6.0f} ns")


if __name__ == "__main__":
    main()
