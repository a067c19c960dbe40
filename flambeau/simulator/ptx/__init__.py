"""PTX without a GPU: the text that a driver would take, executed by NumPy.

`parser.py` reads the text; `body.py` makes one list of instructions of a kernel and what it calls; `decoder.py` makes a
`plan.py` of that, with `arithmetic.py`, `conversion.py`, `access.py`, `warp.py` and `tensor_core.py` for what each
instruction does, `storage.py` for the types that registers hold and `variable.py` for where variables lie. `grid.py` runs
it: threads that part go through a `region.py`, memories are those of `space.py`, whose races `race.py` finds. `native.py`
and `halves.py` compute what NumPy does not.
"""

from __future__ import annotations

from . import access, arithmetic, conversion, tensor_core, warp
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
    "conversion",
    "launch",
    "parse",
    "plan",
    "tensor_core",
    "warp",
]
