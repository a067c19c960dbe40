"""The allocator of results in this process: its machine code, NumPy's handler of it, its words (see `memory`)."""

from __future__ import annotations

import ctypes
import os
from typing import Any

from . import allocator_kernel
from .allocator_kernel import LINUX, MACOS
from .allocator_state import SIZE, Word
from .layout import immortal, set_fact

_HANDLER = b"mem_handler"


class _Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler, the allocator's five words at its end."""

    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        *((part, ctypes.c_void_p) for part in ("context", "malloc", "calloc", "realloc", "free")),
    ]


class Allocator:
    """The allocator of this process; made with its `Machine`."""

    def __init__(self, machine: Any, limit: int):
        text = allocator_kernel.text(LINUX if os.uname().sysname == "Linux" else MACOS)
        address = machine.address(text)
        find = machine.engine.get_function_address
        symbol = machine.symbol(text)
        table = immortal(_Handler(b"flambeau", 1))
        for part in ("malloc", "calloc", "realloc", "free"):
            setattr(table, part, find(f"{part}_{symbol}"))
        capsule = ctypes.pythonapi.PyCapsule_New
        capsule.restype = ctypes.py_object
        capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        self.handler = immortal(capsule(ctypes.addressof(table), _HANDLER, None))
        set_fact("memory_handler", id(self.handler))
        set_fact("new_array", find(f"array_{symbol}"))
        self.release = ctypes.PYFUNCTYPE(None)(find(f"release_{symbol}"))
        state = ctypes.PYFUNCTYPE(ctypes.c_void_p)(find(f"state_{symbol}"))()
        self.words = (ctypes.c_int64 * SIZE).from_address(state)
        self.words[Word.LIMIT] = limit
        self.address = address

    def reset_peak(self) -> None:
        self.words[Word.PEAK] = self.words[Word.LIVE]

    def set_limit(self, limit: int) -> None:
        """Keep at most so many bytes; what is above goes back to the system now."""
        self.words[Word.LIMIT] = limit
        if self.words[Word.KEPT] > limit:
            self.release()
