"""PTX without a GPU: the text that a driver would take, executed by NumPy.

`parser.py` reads the text; `body.py` makes one list of instructions of a kernel and what it calls; `decoder.py` makes a plan
of that, with `arithmetic.py`, `conversion.py`, `access.py` and `warp.py` for what each instruction does, `storage.py` for the
types that registers hold and `variable.py` for where variables lie; `grid.py` runs it, with the memories of `space.py` and the
races that `race.py` finds. `native.py` has what NumPy lacks.
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
