"""Modules of kernels and their launch, as `cupy.cuda.function`: PTX text in, executed at once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .. import memory as arena
from ..ptx import Fault, Plan, launch, parse, plan
from . import runtime
from .driver import CUDADriverError
from .graph import perform
from .memory import MemoryPointer
from .stream import get_current_stream

_LIMITS = ((1024, 1024, 64), (2**31 - 1, 65535, 65535))
_STATIC = 48 << 10
"""Bytes of shared memory that a block may have unless more was asked for."""
_NUMBERS = {np.dtype(letter).type for letter in "?bhilqBHILQefdFD"}


class Module:
    """Kernels and their variables, loaded on the current device."""

    def __init__(self) -> None:
        self.ptr = 0
        self.mapping: dict[str, Any] = {}
        self._text = ""
        self._symbols: dict[str, int] = {}

    def load(self, cubin: bytes) -> None:
        """Take PTX text.

        Raises:
            ValueError: It is none.
        """
        self._text = cubin.decode().rstrip("\0")
        self._device = runtime.getDevice()
        place = arena.device(self._device)
        for variable in parse(self._text).variables:
            if variable.space in ("global", "const"):
                address = self._symbols[variable.name] = place.allocate(variable.size)
                view = place.view(address, variable.size)
                view[:] = 0
                view[: len(variable.initial)] = np.frombuffer(variable.initial, np.uint8)
        self.ptr = id(self)

    def load_file(self, filename: str) -> None:
        """Take PTX text from a file."""
        with open(filename, "rb") as file:
            self.load(file.read())

    def get_function(self, name: str) -> Function:
        """A kernel.

        Raises:
            CUDADriverError: There is none of this name.
            NotImplementedError: It has instructions that the simulator does not execute.
        """
        return Function(self, name)

    def get_global_var(self, name: str) -> int:
        """A variable's address.

        Raises:
            CUDADriverError: There is none of this name.
        """
        if name not in self._symbols:
            raise CUDADriverError(f"CUDA_ERROR_NOT_FOUND: named symbol not found: {name}")
        return self._symbols[name]

    def __del__(self) -> None:
        for address in self._symbols.values():
            arena.device(self._device).free(address)


class Function:
    """A kernel of a module."""

    def __init__(self, module: Module, funcname: str):
        self.module = module
        try:
            self._plan: Plan = plan(module._text, funcname)
        except KeyError:
            raise CUDADriverError(
                f"CUDA_ERROR_NOT_FOUND: named symbol not found: {funcname}"
            ) from None
        self.ptr = id(self)
        self._most = _STATIC

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: Any,
        shared_mem: int = 0,
        stream: Any = None,
    ) -> None:
        """Run it: on arrays, by their addresses, and numbers, by their types.

        Raises:
            Fault: It does what it must not, or is launched as no GPU can.
        """
        found = self._plan
        blocks, threads = _dimensions(grid), _dimensions(block)
        self._check(blocks, threads, shared_mem)
        if runtime.getDevice() != self.module._device:
            raise Fault(
                f"kernel {found.name} was loaded on GPU {self.module._device}, and launched on GPU {runtime.getDevice()}"
            )
        parameters = self._arguments(args)
        place, symbols = arena.device(self.module._device), self.module._symbols
        stream = get_current_stream() if stream is None else stream
        perform(
            lambda: launch(found, place, symbols, blocks, threads, parameters, shared_mem),
            stream.works,
        )

    def _check(self, grid: tuple[int, int, int], block: tuple[int, int, int], dynamic: int) -> None:
        found = self._plan
        name = f"kernel {found.name}"
        for what, given, limits in (("block", block, _LIMITS[0]), ("grid", grid, _LIMITS[1])):
            if min(given) < 1:
                raise Fault(f"{name}: an empty {what} {given}; do not launch it for empty arrays")
            if any(n > limit for n, limit in zip(given, limits, strict=True)):
                raise Fault(f"{name}: {what} {given} is beyond {limits}")
        threads = block[0] * block[1] * block[2]
        if threads > found.bound:
            raise Fault(f"{name}: {threads} threads a block, and it may have {found.bound}")
        if found.layout.shared_size + dynamic > self._most:
            raise Fault(
                f"{name}: {found.layout.shared_size} + {dynamic} bytes of shared memory a block, and there are {self._most}"
            )

    def _arguments(self, args: Any) -> np.ndarray:
        """The arguments' bytes in parameter memory."""
        places, sizes, types = self._plan.layout.parameters
        if len(args) != len(places):
            raise Fault(
                f"kernel {self._plan.name} has {len(places)} parameters, and {len(args)} arguments were given"
            )
        made = np.zeros(_size(places, sizes), np.uint8)
        for k, (argument, place, size, type) in enumerate(
            zip(args, places, sizes, types, strict=True)
        ):
            word = _bytes(argument)
            if len(word) != size:
                raise Fault(
                    f"kernel {self._plan.name}: parameter {k} is .{type}, {size} bytes, and {argument!r} has {len(word)}"
                )
            made[place : place + size] = np.frombuffer(word, np.uint8)
        return made


def _dimensions(given: tuple[int, ...]) -> tuple[int, int, int]:
    x, y, z = (*given, 1, 1)[:3]
    return int(x), int(y), int(z)


@lru_cache(1024)
def _size(places: tuple[int, ...], sizes: tuple[int, ...]) -> int:
    """Bytes of all parameters, so that each can be read as words."""
    return -(-max((p + n for p, n in zip(places, sizes, strict=True)), default=0) // 16) * 16


def _bytes(argument: Any) -> bytes:
    """An argument as CuPy passes it: an array by its address, Python's int and float with 64 bits."""
    pointer = getattr(argument, "data", None)
    if isinstance(pointer, MemoryPointer):
        argument = np.uint64(pointer.ptr)
    elif isinstance(argument, MemoryPointer):
        argument = np.uint64(argument.ptr)
    elif argument is None:
        argument = np.uint64(0)
    elif type(argument) not in _NUMBERS:
        if isinstance(argument, bool):
            argument = np.bool_(argument)
        elif isinstance(argument, int):
            argument = np.int64(argument)
        elif isinstance(argument, float):
            argument = np.float64(argument)
        elif isinstance(argument, complex):
            argument = np.complex128(argument)
        elif isinstance(argument, np.ndarray) and argument.size == 1:
            pass  # a structure, whose bytes are passed
        else:
            raise TypeError(f"Unsupported type {type(argument)}")
    return bytes(argument.tobytes())


__all__ = ["Function", "Module"]
