"""Modules of kernels and their launch, as `cupy.cuda.function`: PTX text in, executed at once."""

from __future__ import annotations

from functools import lru_cache, partial
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
"""Bytes of shared memory that a block may have."""
_PYTHON = {bool: np.bool_, int: np.int64, float: np.float64, complex: np.complex128}
_APART = ({"f", "i"}, {"f", "u"}, {"f", "s"}, {"f", "b"})
"""Kinds of an argument and a parameter that never fit, though a GPU would take the bits."""
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
        blocks, threads = _dimensions(grid), _dimensions(block)
        self._check(blocks, threads, shared_mem)
        parameters = self._arguments(args)
        stream = get_current_stream() if stream is None else stream
        perform(partial(self._run, blocks, threads, parameters, shared_mem), stream.works)

    def _run(
        self,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        parameters: np.ndarray,
        dynamic: int,
    ) -> None:
        module = self.module
        place = arena.device(module._device)
        launch(self._plan, place, module._symbols, grid, block, parameters, dynamic)

    def _check(self, grid: tuple[int, int, int], block: tuple[int, int, int], dynamic: int) -> None:
        found = self._plan
        name = f"kernel {found.name}"
        for what, given, limits in (("block", block, _LIMITS[0]), ("grid", grid, _LIMITS[1])):
            if min(given) < 1:
                raise Fault(f"{name}: an empty {what} {given}; do not launch it for empty arrays")
            if given[0] > limits[0] or given[1] > limits[1] or given[2] > limits[2]:
                raise Fault(f"{name}: {what} {given} is beyond {limits}")
        threads = block[0] * block[1] * block[2]
        if threads > found.bound:
            raise Fault(f"{name}: {threads} threads a block, and it may have {found.bound}")
        shared = found.layout.shared_size
        if shared + dynamic > _STATIC:
            raise Fault(
                f"{name}: {shared} + {dynamic} bytes of shared memory a block, and there are {_STATIC}"
            )
        here, there = runtime.getDevice(), self.module._device
        if here != there:
            raise Fault(f"{name} was loaded on GPU {there}, and launched on GPU {here}")

    def _arguments(self, args: Any) -> np.ndarray:
        """The arguments' bytes in parameter memory."""
        places, sizes, types = self._plan.layout.parameters
        if len(args) != len(places):
            raise Fault(
                f"kernel {self._plan.name} has {len(places)} parameters, and {len(args)} arguments were given"
            )
        made = bytearray(_size(places, sizes))
        for k, argument in enumerate(args):
            word, kind = _word(argument)
            if len(word) != sizes[k] or {kind, types[k][0]} in _APART:
                told = f"parameter {k} is .{types[k]}, {sizes[k]} bytes"
                raise Fault(f"kernel {self._plan.name}: {told}, and {argument!r} is given")
            made[places[k] : places[k] + sizes[k]] = word
        return np.frombuffer(made, np.uint8)


def _dimensions(given: tuple[int, ...]) -> tuple[int, int, int]:
    x, y, z = (*given, 1, 1)[:3]
    return int(x), int(y), int(z)


@lru_cache(1024)
def _size(places: tuple[int, ...], sizes: tuple[int, ...]) -> int:
    """Bytes of all parameters, so that each can be read as words."""
    return -(-max((p + n for p, n in zip(places, sizes, strict=True)), default=0) // 16) * 16


def _word(argument: Any) -> tuple[bytes, str]:
    """An argument's bytes as CuPy passes them, an array's address, Python's int and float with 64 bits; and its kind."""
    if type(argument) in _NUMBERS:
        return argument.tobytes(), argument.dtype.kind
    pointer = argument if isinstance(argument, MemoryPointer) else getattr(argument, "data", None)
    if isinstance(pointer, MemoryPointer) or argument is None:
        return int(pointer.ptr if pointer is not None else 0).to_bytes(8, "little"), "u"
    for type_, number in _PYTHON.items():
        if isinstance(argument, type_):
            return _word(number(argument))
    if isinstance(argument, np.ndarray) and argument.size == 1:
        return argument.tobytes(), "V"  # a structure
    raise TypeError(f"Unsupported type {type(argument)}")


__all__ = ["Function", "Module"]
