"""Functions that call NumPy, for tensors whose arrays are not NumPy's.

Operations are told apart by their arrays (`core/twin.py`). So are all other functions of definitions that ask for `np`:
public ones that look at elements, and helpers. From the first use of such a device on, each looks at its arguments and runs
as its twin where there are that device's arrays or tensors. It gets other code for that, so that whoever holds the function
calls it so. Before, no call is slower for it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np

from ..core import twin
from .lazy import METHODS
from .registry import NAMESPACES, OPERATIONS
from .torch_function import exchanged_code, guards, of_same_code

_PLACE = __file__, sys._getframe().f_lineno + 1  # of the text, which tracebacks show
_SOURCE = """\
def outer({cells}):
    def placed(*args, **kwargs):
        if 0: ({cells})
        return "choice".call(*args, **kwargs)

    return (placed.__code__,)
"""


class Choice:
    """A function as it was written, and its twins."""

    __slots__ = ("own",)

    def __init__(self, own: FunctionType):
        self.own = own

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the one that takes these arguments."""
        arrays = twin.arrays_of(args)
        if arrays is None and kwargs:
            arrays = twin.arrays_of(kwargs.values())
        if arrays is None or not arrays.everywhere:
            return self.own(*args, **kwargs)
        given = (*args, *kwargs.values())
        try:
            return arrays.placed(arrays.twin(self.own), given)(*args, **kwargs)
        except twin.FAILURES as failure:
            arrays.explain(failure, given)
            raise


def exchange_all() -> None:
    """Let all functions of definitions look at their arguments; loads what would load late."""
    for module in {*METHODS.values(), *(m for f in NAMESPACES.values() for m in f.late.values())}:
        import_module(module)
    prepared = {id(function) for function in _prepared()}
    for guard in {id(guard): guard for guard in guards.table.values()}.values():
        prepared.add(id(guard.published))
        own, public = guard.original, guard.published
        if id(own) not in prepared and _asks(own):
            unguarded = public.__code__ is own.__code__
            _exchange(own)
            if unguarded:
                public.__code__ = own.__code__
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and id(function) not in prepared and _asks(function):
            _exchange(function)


def _prepared() -> Iterator[Any]:
    """The functions of operations, which look at their arguments already."""
    for operation in OPERATIONS.values():
        for name in ("compute", "write", "rule"):
            yield getattr(getattr(operation, name, None), "for_elements", None)


def _asks(function: Any) -> bool:
    """Is it a definition's, and does it call NumPy, or, where there are several GPUs, arrays' methods?"""
    scope: dict[str, Any] = function.__globals__
    home = scope.get("__name__", "")
    if not f"{home}.".startswith(twin.TWINNED) or function in twin.OWN:
        return False
    if getattr(sys.modules.get(home), "__dict__", None) is not scope:  # a twin
        return False
    if any(hasattr(function, mark) for mark in ("for_host", "for_elements", "on_cpu")):
        return False
    several = any(arrays.block is not None for arrays in twin.KNOWN.values())
    return any(
        scope.get(name) is np or (several and name == "_array")
        for name in twin.names_of(function.__code__)
    )


def _exchange(function: Any) -> None:
    own = of_same_code(function, function.__name__)
    twin.OWN[function] = own
    function.__wrapped__ = own  # type: ignore[attr-defined]  # for inspect.signature
    function.__code__ = exchanged_code(
        _SOURCE, _PLACE, len(function.__closure__ or ()), function.__name__, choice=Choice(own)
    )


__all__ = ["exchange_all"]
