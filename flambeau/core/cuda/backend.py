"""The backend of CUDA devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from typing import Any

import numpy as np

from ...formula.program import Program
from ...kernels import gradient
from ...kernels.cuda import allocator, driver, number, pinned, report, table, transfer
from ...kernels.cuda.stream import Streams
from .. import backend_stream
from ..error import two_devices
from ..twin import Arrays
from . import draws
from .numpy import Functions, OnDevice, Within, on_host
from .shortage import out_of_memory


def _place(array: Any) -> str:
    return f"cuda:{array.device.id}"


def _check(given: tuple) -> None:
    """Raises RuntimeError where an operation's arrays are on several devices."""
    places = {place for x in given for place in _places(x)}
    if len(places) > 1:
        raise two_devices(sorted(places))


def _places(x: Any) -> list[str]:
    """The devices of an argument's arrays; NumPy's single numbers go along with any, but in a sequence."""
    cls = x.__class__
    if cls is np.ndarray:
        return ["cpu"] if x.ndim else []
    if cls is arrays().cls:
        return [_place(x)]
    if cls is list or cls is tuple:
        return [p for i in x for p in (["cpu"] if i.__class__ is np.ndarray else _places(i))]
    return []


class _Late:
    """A kernel's function, which is imported when it is first called."""

    __slots__ = ("function", "load", "place")

    def __init__(self, place: str, load: Callable[[str], Callable]):
        self.place, self.load = place, load
        self.function: Callable = self._find

    def _find(self, *given: Any, **options: Any) -> Any:
        self.function = self.load(self.place)
        return self.function(*given, **options)

    def __call__(self, *given: Any, **options: Any) -> Any:
        return self.function(*given, **options)


_MAKE_ARRAYS = ("kernels.array.zeros.", "kernels.runtime.memory.")
"""Where those stand that make arrays of what is none."""


def stand_ins() -> tuple[dict[str, Callable], dict[str, Callable]]:
    """What stands in the CPU's places: for functions of arrays, and for those that make arrays."""
    late: dict[str, Callable] = {place: _Late(place, table.function) for place in table.TABLE}
    late |= {place: _Late(place, draws.function) for place in draws.PLACES}
    makes = {place: made for place, made in late.items() if place.startswith(_MAKE_ARRAYS)}
    return {place: made for place, made in late.items() if place not in makes}, makes


@cache
def arrays() -> Arrays:
    """CuPy's arrays, as definitions meet them from the first use of CUDA on."""
    cupy = driver.cupy()
    functions = Functions(cupy, _exchanged)
    made = Arrays(cupy.ndarray, functions, *stand_ins(), _place, _check, True, _fetched)
    made.install()
    return made


def _exchanged(value: Any) -> Any:
    return arrays().exchanged(value)


def _fetched(function: Callable, name: str) -> Callable:
    return on_host(function, name, driver.cupy())


class CudaBackend:
    """All CUDA devices that the driver shows, or the one that is simulated."""

    name: str = "cuda"
    is_accelerator: bool = True
    has_elements: bool = True
    streams: backend_stream.Streams = Streams()

    def __init__(self) -> None:
        self.cuda, self.arrays = driver.cupy().cuda, arrays()
        allocator.allocator().shortage = out_of_memory
        gradient.BUILDERS[self.arrays.cls] = lambda x: partial(self.build, x.device.id)
        self.count = int(self.cuda.runtime.getDeviceCount())
        functions = self.arrays.numpy
        self.modules = [
            functions if self.count == 1 else OnDevice(functions, self.cuda.Device(i))
            for i in range(self.count)
        ]
        if self.count > 1:
            own = self.arrays
            own.block, own.use, own.stay = self.block, self.use, self.stay

    def is_available(self) -> bool:
        return self.count > 0

    def holds(self, dtype: Any) -> bool:
        try:
            driver.cupy().empty(0, dtype)
        except (TypeError, ValueError):
            return False
        return True

    def device_count(self) -> int:
        return self.count

    def canonical_index(self, index: int | None) -> int | None:
        if driver.is_forked():
            raise RuntimeError(
                "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the "
                "'spawn' start method"
            )
        if index is None:
            return int(self.cuda.runtime.getDevice())
        if index >= self.count:
            raise RuntimeError(
                f"CUDA error: invalid device ordinal: there is no cuda:{index}; torch.cuda.device_count() is {self.count}"
            )
        return index

    def module(self, index: int | None) -> Any:
        return self.modules[index or 0]

    def build(self, index: int | None, *facts: Any, **options: Any) -> Callable | None:
        from ...kernels.cuda.build import build

        made = build(*facts, **options)
        return made if made is None or self.count == 1 else Within(self.cuda.Device(index), made)

    def foreach(
        self, index: int | None, program: Program, dtype: Any, name: str, interpreter: Callable
    ) -> Callable | None:
        from ...kernels.cuda.loops.foreach import build

        made = build(program, dtype, name)
        return made if made is None or self.count == 1 else Within(self.cuda.Device(index), made)

    def norms(self, index: int | None, arrays: Sequence[Any], order: float) -> Any:
        from ...kernels.cuda.loops.foreach_norm import norms

        with self.on(index):
            return norms(arrays, order)

    def number(self, index: int | None, value: Any, dtype: Any) -> Any:
        return number.number(value, dtype, index or 0)

    def on(self, index: int | None) -> AbstractContextManager[Any]:
        return nullcontext() if self.count == 1 else self.cuda.Device(index)

    def block(self, array: Any) -> AbstractContextManager[Any] | None:
        """A block within which an array's device is the current one; None where it is."""
        device = array.device
        return None if device.id == self.cuda.runtime.getDevice() else device

    def use(self, array: Any) -> None:
        """Make an array's device the current one."""
        if array.device.id != self.cuda.runtime.getDevice():
            array.device.use()

    def stay(self) -> AbstractContextManager[Any]:
        """A block after which the device is the current one that is it now."""
        return self.cuda.Device()

    def to(self, array: Any, index: int | None, non_blocking: bool = False) -> Any:
        own = array.__class__ is self.arrays.cls
        if own and (self.count == 1 or array.device.id == index):
            return array
        with self.on(index):
            return transfer.moved(array) if own else transfer.to_device(array, non_blocking)

    def to_host(self, array: Any, non_blocking: bool = False) -> np.ndarray[Any, Any]:
        with self.on(array.device.id):
            return transfer.to_host(array, non_blocking)

    def can_look(self) -> bool:
        return driver.can_look()

    def pinned(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return pinned.pinned(array)

    def is_pinned(self, array: np.ndarray[Any, Any]) -> bool:
        return pinned.is_pinned(array)

    def record(self, array: Any, stream: Any) -> None:
        allocator.allocator().record(array, stream.of_cupy)

    def synchronize(self, index: int | None) -> None:
        with self.on(index):
            self.cuda.Device().synchronize()
            report.ask()
