"""PTX without a GPU: the text that a driver would take, executed by NumPy.

`parser.py` reads the text; `body.py` makes one list of instructions of a kernel and what it calls; `decoder.py` makes a
`plan.py` of that, with `storage.py` for the types that registers hold and `variable.py` for where variables lie. What each
instruction does stands in `arithmetic.py`, `bitwise.py`, `choice.py`, `conversion.py`, `access.py`, `warp.py` and
`tensor_core.py`, `native.py` and `halves.py` with what NumPy does not compute. `grid.py` runs it: the threads of a
`geometry.py` in groups (`group.py`), which go through a `region.py` where they part; memories are those of `space.py`, whose
races `race.py` finds.
"""

from __future__ import annotations

from . import access, arithmetic, bitwise, choice, conversion, tensor_core, warp
from .decoder import plan
from .fault import Fault
from .grid import launch
from .operation import Unsupported
from .parser import parse
from .plan import Plan

__all__ = [
    "Fault",
    "Plan",
    "Unsupported",
    "access",
    "arithmetic",
    "bitwise",
    "choice",
    "conversion",
    "launch",
    "parse",
    "plan",
    "tensor_core",
    "warp",
]
