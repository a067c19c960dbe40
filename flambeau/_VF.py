"""torch._VF: the functions of the torch namespace, from before there was one.

Source: torch._VF
"""

from typing import Any

from ._C import _VariableFunctions


def __getattr__(name: str) -> Any:
    return getattr(_VariableFunctions, name)
