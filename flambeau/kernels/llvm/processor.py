"""What kind of processor this is."""

from __future__ import annotations

import platform
from functools import cache

X86, ARM = ("x86_64", "amd64"), ("aarch64", "arm64")
KINDS = (*X86, *ARM)
"""The kinds that kernels are made for, in the spellings of systems: their texts use what only these have."""


@cache
def kind() -> str:
    """The kind of processor, as the system calls it, in small letters."""
    return platform.machine().lower()


def is_x86() -> bool:
    return kind() in X86


def is_arm() -> bool:
    return kind() in ARM


def many_registers(bits: int) -> bool:
    """Are there 32 registers for vectors of so many bits, and not 16?"""
    return bits == 512 or is_arm()
