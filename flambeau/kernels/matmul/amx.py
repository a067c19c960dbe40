"""Tiles: eight registers of 16 rows of 64 bytes, and what multiplies them (Intel's AMX).

The system keeps them for a process that asks, by one call that holds for all of its threads, those that
exist already too. A kernel says how many rows and bytes its tiles have when it begins, and gives them back when it ends, so
that nothing is kept when threads change.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ..llvm import Code, Value
from ..llvm.processor import is_x86
from ..runtime.process import machine

ROWS, BYTES = 16, 64
"""Of a tile."""
SIZE = ROWS * BYTES
_ARCH_PRCTL, _REQUEST, _TILES = 158, 0x1023, 18
"""The system call, ARCH_REQ_XCOMP_PERM, and the state's number."""


@cache
def available(kind: str = "bf16") -> bool:
    """Has the processor tiles for such products ("bf16", "int8"), and does the system let this process use them?"""
    features = machine().features
    wanted = ("amx-tile", f"amx-{kind}", "avx512bf16", "avx512bw", "avx512vl")
    return all(features.get(name) for name in wanted) and permitted()


@cache
def permitted() -> bool:
    """Ask the system, once."""
    if sys.platform != "linux" or not is_x86():
        return False
    return ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST, _TILES) == 0


@lru_cache(16)
def configuration(left: int) -> Any:
    """Tiles 0 to 3 for sums and 4 and 5 for left operands, of so many rows; 6 and 7 for right ones: as eight words."""
    made = np.zeros(64, np.uint8)
    made[0] = 1
    made[16:32:2] = BYTES
    made[48:54] = left
    made[54:56] = ROWS
    return made.view(np.int64)


def configure(code: Code, place: Value) -> None:
    """Begin to use tiles."""
    code.line(f"call void @{code.declare('void', 'llvm.x86.ldtilecfg', 'ptr')}(ptr {place.name})")


def release(code: Code) -> None:
    """End it."""
    code.line(f"call void @{code.declare('void', 'llvm.x86.tilerelease')}()")


def clear(code: Code, tile: int) -> None:
    code.line(f"call void @{code.declare('void', 'llvm.x86.tilezero', 'i8')}(i8 {tile})")


def load(code: Code, tile: int, place: Value, stride: Value | int) -> None:
    """Rows that lie `stride` bytes apart."""
    _move(code, "tileloadd64", tile, place, stride)


def store(code: Code, tile: int, place: Value, stride: Value | int) -> None:
    _move(code, "tilestored64", tile, place, stride)


def _move(code: Code, name: str, tile: int, place: Value, stride: Value | int) -> None:
    name = code.declare("void", f"llvm.x86.{name}", "i8", "ptr", "i64")
    code.line(f"call void @{name}(i8 {tile}, ptr {place.name}, i64 {code.integer(stride).name})")


def multiply(code: Code, kind: str, total: int, left: int, right: int) -> None:
    """total += left @ right; kind: "bf16ps" of pairs, "busd" of fours of unsigned and signed bytes, and so on."""
    name = code.declare("void", f"llvm.x86.tdp{kind}", "i8", "i8", "i8")
    code.line(f"call void @{name}(i8 {total}, i8 {left}, i8 {right})")
