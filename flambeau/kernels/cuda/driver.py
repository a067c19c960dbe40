"""CuPy, and what kernels need of it. No other file names it.

`FLAMBEAU_CUDA_SIMULATOR=1` puts `flambeau.simulator` in its place: a GPU in NumPy, which runs the same PTX.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from threading import Event
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...formula.program import Program

EXTRAS = "pip install 'flambeau[cuda13]' (or flambeau[cuda12] where the driver is older than 580)"


class Unavailable(RuntimeError):
    """Why CUDA cannot be used here, and what to do."""


def is_simulated() -> bool:
    """Was the simulator asked for?"""
    return os.environ.get("FLAMBEAU_CUDA_SIMULATOR", "0") not in ("", "0")


def _library() -> Any:
    """NVIDIA's driver.

    Raises:
        OSError: It is not installed.
    """
    return ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")


def _look() -> tuple[int, str]:
    """How many GPUs there are, and why none can be used; CuPy is not loaded for it."""
    if is_simulated():
        return int(os.environ["FLAMBEAU_CUDA_SIMULATOR"]), ""
    try:
        library = _library()
    except OSError:
        return 0, "no NVIDIA driver is installed here (libcuda.so.1 is missing)"
    count = ctypes.c_int()
    if library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return 0, "the NVIDIA driver finds no GPU; nvidia-smi shows what it sees"
    if find_spec("cupy") is None:
        return 0, f"there is a GPU, but CuPy is not installed: {EXTRAS}"
    return count.value, ""


@cache
def why_not() -> str:
    """Why there is no GPU to use; empty where there is. Cheap: CuPy is not loaded for it."""
    return _look()[1]


def count() -> int:
    """How many GPUs can be used. Cheap, too."""
    return _look()[0]


@cache
def cupy() -> Any:
    """CuPy, or what stands in for it.

    Raises:
        Unavailable: There is no GPU, or CuPy is not installed or does not fit the driver.
    """
    why = why_not()
    if why:
        raise Unavailable(why)
    if is_simulated():
        return import_module(f"{__package__.partition('.')[0]}.simulator")
    try:
        found = import_module("cupy")
    except ImportError as error:
        raise Unavailable(f"CuPy cannot be imported ({error}): {EXTRAS}") from error
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forked.set)
    return found


_forked = Event()


def is_forked() -> bool:
    """Was this process forked after CUDA had begun? The driver does not work in it."""
    return _forked.is_set()


def is_loaded() -> bool:
    """Has CUDA begun in this process? Asking does not let it begin."""
    return cupy.cache_info().currsize > 0


def can_look() -> bool:
    """May the host look at values on the device? Not while what the current stream is told is recorded into a graph."""
    return not cupy().cuda.get_current_stream().is_capturing()


@cache
def cupyx(module: str = "") -> Any:
    """CuPy's extensions, one of their modules, or what stands in for them.

    `cupyx().errstate(linalg="raise")` makes linear algebra look whether there is a result, which CuPy else does not.
    """
    package = cupy().__name__
    package = f"{package}.cupyx" if is_simulated() else "cupyx"
    return import_module(f"{package}.{module}" if module else package)


_watchers: list[Callable] = []


@contextmanager
def watching(see: Callable[[Kernel, Any, int, tuple, Callable], None]) -> Iterator[None]:
    """Give each launch meanwhile to a function: the kernel, its grid, block and arguments, and what launches it."""
    _watchers.append(see)
    try:
        yield
    finally:
        _watchers.remove(see)


class Kernel:
    """A kernel: compiled and loaded on each GPU when it is first launched there.

    Args:
        name: The name of its function, which profilers show.
        text: Its module in LLVM's language (`Thread.kernel`).
        program: The formula that it computes, if it computes one.
    """

    __slots__ = ("functions", "name", "program", "text")

    def __init__(self, name: str, text: str, program: Program | None = None):
        self.name, self.text, self.program = name, text, program
        self.functions: dict[int, Any] = {}

    def __call__(
        self, grid: int | tuple[int, ...], block: int, *arguments: Any, shared: int = 0
    ) -> None:
        """Launch it on the current stream of the current device.

        Args:
            grid, block: How many blocks, of how many threads.
            arguments: Arrays (the address of their first element), NumPy's scalars of the parameter's type, Python floats
                (double).
            shared: Bytes of a block's memory beyond what the kernel declares.
        """
        here = device()
        function = self.functions.get(here)
        if function is None:
            function = self.functions[here] = self._load(here)
        blocks = grid if type(grid) is tuple else (grid,)
        if _watchers:
            launch = partial(function, blocks, (block,), arguments, shared_mem=shared)
            _watchers[-1](self, grid, block, arguments, launch)
        else:
            function(blocks, (block,), arguments, shared_mem=shared)

    def _load(self, device: int) -> Any:
        from . import ptx  # loads LLVM

        module = cupy().cuda.function.Module()
        module.load(ptx.assembly(self.text, architecture(device)).encode())
        return module.get_function(self.name)


def device() -> int:
    """The number of the current GPU."""
    return cupy().cuda.runtime.getDevice()  # type: ignore[no-any-return]


@cache
def architecture(device: int) -> str:
    """LLVM's name of a GPU's processor."""
    from . import ptx

    capability = cupy().cuda.Device(device).compute_capability
    return ptx.architecture((int(capability[:-1]), int(capability[-1])))


def uuid(device: int) -> bytes:
    """A GPU's own 16 bytes. Those of CuPy's properties end at a zero byte."""
    if is_simulated():
        return device.to_bytes(16, "big")
    library, handle, found = _library(), ctypes.c_int(), (ctypes.c_ubyte * 16)()
    if library.cuDeviceGet(ctypes.byref(handle), device) or library.cuDeviceGetUuid_v2(
        ctypes.byref(found), handle
    ):
        raise RuntimeError(f"the NVIDIA driver does not know cuda:{device}")
    return bytes(found)


@cache
def processors(device: int) -> int:
    """How many multiprocessors a GPU has: what a grid is sized by."""
    return int(cupy().cuda.runtime.getDeviceProperties(device)["multiProcessorCount"])


@cache
def resident(device: int) -> int:
    """How many threads a multiprocessor holds at once."""
    return int(cupy().cuda.runtime.getDeviceProperties(device)["maxThreadsPerMultiProcessor"])


__all__ = [
    "Kernel",
    "Unavailable",
    "architecture",
    "can_look",
    "count",
    "cupy",
    "cupyx",
    "device",
    "is_forked",
    "is_loaded",
    "is_simulated",
    "processors",
    "resident",
    "uuid",
    "why_not",
]
