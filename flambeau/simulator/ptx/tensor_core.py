"""Products of small matrices by the threads of a warp together: mma.sync.m16n8k16 of the half types.

The matrices are spread over the threads as PTX says it: lane 4 g + t holds two neighbouring steps, 2 t and 2 t + 1, of
rows g and g + 8 of the left factor and of column g of the right one, and columns 2 t and 2 t + 1 of the sums in those rows.
The order in which tensor cores sum is not told; here it is NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .halves import from_bfloat16
from .operation import Operation, Registers, Step, instruction, unsupported
from .parser import Instruction, listed

if TYPE_CHECKING:
    from .group import Group

SHAPE = ["sync", "aligned", "m16n8k16", "row", "col", "f32"]
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "f16": lambda words: words.view(np.float16).astype(np.float32),
    "bf16": from_bfloat16,
}


@instruction("mma")
def _mma(i: Instruction) -> Iterator[Operation]:
    kind = i.modifiers[-2]
    if [*i.modifiers] != [*SHAPE, kind, kind, "f32"] or kind not in NUMBERS:
        raise unsupported(i)
    d, a, b, c = (listed(x) for x in i.operands)
    numbers = NUMBERS[kind]

    def make(*slots: int) -> Step:
        out, left, right, start = slots[:4], slots[4:8], slots[8:10], slots[10:]

        def step(r: Registers, group: Group) -> None:
            def held(which: tuple[int, ...]) -> Any:
                """What each warp's threads hold: (warps, g, t, words)."""
                words = [np.broadcast_to(r[slot], group.count) for slot in which]
                return np.stack(words, -1).reshape(-1, 8, 4, len(which))

            x, y = (_halves(held(which), numbers) for which in (left, right))
            # words of the left factor: (rows, rows + 8) x (steps, steps + 8)
            x = x.reshape(-1, 8, 4, 2, 2, 2).transpose(0, 4, 1, 3, 2, 5).reshape(-1, 16, 16)
            y = y.transpose(0, 3, 2, 4, 1).reshape(-1, 16, 8)
            sums = held(start).reshape(-1, 8, 4, 2, 2).transpose(0, 3, 1, 2, 4).reshape(-1, 16, 8)
            made = np.matmul(x, y) + sums
            made = made.reshape(-1, 2, 8, 4, 2).transpose(0, 2, 3, 1, 4).reshape(group.count, 4)
            for n, slot in enumerate(out):
                r[slot] = made[:, n].copy()

        return step

    words = [(x, "u4") for x in (*a, *b)]
    yield Operation([(x, "f4") for x in d], [*words, *((x, "f4") for x in c)], make, computes=True)


def _halves(words: Any, numbers: Callable[[Any], Any]) -> Any:
    """The two numbers in each word, (..., words, 2), the lower half first."""
    halves = np.stack([words & 0xFFFF, words >> 16], -1).astype(np.uint16)
    return numbers(halves)


__all__: list[str] = []
