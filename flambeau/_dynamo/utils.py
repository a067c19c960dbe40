"""What packages ask PyTorch's compiler for in passing.

Source: torch._dynamo.utils
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

counters: defaultdict[str, Counter[str]] = defaultdict(Counter)
"""How often what was compiled: empty."""


def is_compile_supported(device_type: str) -> bool:
    """Can functions be compiled for a device? Not here.

    Source: torch._dynamo.utils.is_compile_supported
    """
    return False


def compile_times(repr: str = "str", aggregate: bool = False) -> Any:
    """How long compiling took: nothing was compiled.

    Source: torch._dynamo.utils.compile_times
    """
    return "" if repr == "str" else ([], [])
