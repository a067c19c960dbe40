"""Memory of GPUs: CuPy's pools, with figures, a limit, pools of one's own, and memory that several streams use.

CuPy keeps freed memory for the next arrays on the same stream, as PyTorch's allocator does. Each array's memory is a `Block`
of ours around CuPy's, which notes in the `Ledger` of its GPU when it comes and goes (0.8 us an array).
"""

from __future__ import annotations

import gc
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from . import driver
from .allocator_setting import Settings
from .ledger import Ledger

_OUT_OF_MEMORY = 2
"""The number of cudaErrorMemoryAllocation."""
Identity = tuple[int, int]
"""What programs name a pool by."""


@dataclass(frozen=True)
class Shortage:
    """Why a GPU could not give memory, in bytes."""

    device: int
    requested: int
    free: int
    total: int
    allocated: int
    reserved: int
    limit: int
    """What this process may have; 0: all."""


class Pool:
    """Memory that freed blocks go back to, and that only those who use the pool get.

    Attributes:
        identity: Its name.
        kept: Memory that lives as long as the pool.
        graphs: How many graphs replay in it.
    """

    def __init__(self, identity: Identity, source: Any, make: Callable[[Pool], Any]):
        self.identity, self.source = identity, source
        self.kept: list[Any] = []
        self.graphs = 0
        self._make = make

    @property
    def malloc(self) -> Callable[[int], Any]:
        """A function that gives memory of a size, as `cupy.cuda.alloc`; the pool does not hold it, but is held by it."""
        return self._make(self)  # type: ignore[no-any-return]

    def used(self) -> AbstractContextManager[Any]:
        """A block in which this thread's arrays take their memory here."""
        return driver.cupy().cuda.using_allocator(self.malloc)

    def release(self) -> None:
        """Give what waits to be reused back to the driver, unless graphs replay in it."""
        free = getattr(self.source, "free_all_blocks", None)
        if free is None or self.graphs:
            return  # a program's own function keeps nothing; and what graphs have written to, they write to again
        cuda = driver.cupy().cuda
        for device in range(cuda.runtime.getDeviceCount()):
            with cuda.Device(device):
                free()


class Allocator:
    """What gives arrays their memory, on all GPUs of the process.

    Attributes:
        ledgers: The figures of each GPU.
        limits: How many bytes a GPU may give; those that are not in it, all.
        shortage: Makes the error of memory that is not there.
    """

    def __init__(self) -> None:
        cuda = driver.cupy().cuda
        self.ledgers: defaultdict[int, Ledger] = defaultdict(Ledger)
        self.limits: dict[int, int] = {}
        self.shortage: Callable[[Shortage], Exception] = lambda short: MemoryError(short)
        self.settings = Settings.of_environment()
        self.segments: WeakSet[Any] = WeakSet()
        self.pools: WeakValueDictionary[Identity, Pool] = WeakValueDictionary()
        self._waiting: deque[tuple[list[Any], Any]] = deque()
        self._numbers = count(1)
        self._raw: dict[int, Any] = {}
        self._direct: Pool | None = None
        self.segment_type, self.block_type = _segment_type(self), _block_type(self)
        source = None if self.settings.backend == "native" else cuda.MemoryAsyncPool()
        self.default = self.pool((0, 0), source)
        cuda.set_allocator(self.default.malloc)

    # -- Pools -------------------------------------------------------------------------------------

    def new_identity(self) -> Identity:
        """The name of a pool that is not there yet."""
        return 0, next(self._numbers)

    def pool(self, identity: Identity, source: Any = None) -> Pool:
        """The pool of a name, made if there is none; it lives as long as somebody holds it.

        Args:
            identity: Its name.
            source: A pool of CuPy's, or a function that gives memory of a size; None for a pool on the driver's memory.
        """
        known = self.pools.get(identity)
        if known is None:
            source = source or driver.cupy().cuda.MemoryPool(partial(self._segment, identity))
            known = self.pools[identity] = Pool(identity, source, self._malloc)
        return known

    def change(self, malloc: Callable[[int], Any]) -> None:
        """Let all memory come from a program's own function.

        Raises:
            RuntimeError: There are arrays that have memory of the allocator before.
        """
        if any(ledger.blocks.allocated for ledger in self.ledgers.values()):
            raise RuntimeError("Can't swap an already initialized allocator")
        del self.pools[(0, 0)]
        self.default = self.pool((0, 0), malloc)
        driver.cupy().cuda.set_allocator(self.default.malloc)

    def keep(self, keep: bool) -> None:
        """Keep freed memory for the next arrays, or take all memory from the driver and give it back at once."""
        if self._direct is None:
            self._direct = self.pool(self.new_identity(), self._straight)
        chosen = self.default if keep else self._direct
        driver.cupy().cuda.set_allocator(chosen.malloc)

    def _malloc(self, pool: Pool) -> Callable[[int], Any]:
        """What CuPy calls for memory."""
        cuda = driver.cupy().cuda
        take = getattr(pool.source, "malloc", pool.source)
        short, memory_type, pointer_type = (
            cuda.memory.OutOfMemoryError,
            cuda.Memory,
            cuda.MemoryPointer,
        )
        block_type = self.block_type
        waiting, ledgers, settings = self._waiting, self.ledgers, self.settings

        def malloc(size: int) -> Any:
            if not size:
                return pointer_type(memory_type(0), 0)  # not all that give memory give none
            if waiting:
                self.collect()
            wanted = size if settings.rounding is None else settings.rounding(size)
            try:
                pointer = take(wanted)
            except short:
                pointer = self._retried(take, wanted)
            memory = pointer.mem
            block = block_type(memory.ptr, memory.size, pointer, memory.device_id)
            block.pool, block.requested, block.streams = pool, size, None
            ledgers[block.device_id].take(block.size, size)
            return pointer_type(block, 0)

        return malloc

    def _segment(self, pool: Identity, size: int) -> Any:
        """Memory from the driver, for CuPy's pools."""
        cuda = driver.cupy().cuda
        device = cuda.runtime.getDevice()
        ledger, limit = self.ledgers[device], self.limits.get(device, 0)
        if limit:
            threshold = self.settings.garbage_collection_threshold
            if threshold and ledger.segment_bytes.current + size > threshold * limit:
                self.release()
            if ledger.segment_bytes.current + size > limit:
                raise cuda.memory.OutOfMemoryError(size, ledger.segment_bytes.current, limit)
        segment = self.segment_type(size)
        segment.stream, segment.pool = cuda.get_current_stream().ptr, pool
        self.segments.add(segment)
        ledger.segments.rise(1)
        ledger.segment_bytes.rise(size)
        return cuda.MemoryPointer(segment, 0)

    def _straight(self, size: int) -> Any:
        """Memory from the driver, for arrays; what it has not is said as CuPy's pools say it."""
        cuda = driver.cupy().cuda
        try:
            return self._segment((0, 0), size)
        except cuda.runtime.CUDARuntimeError as error:
            if error.status != _OUT_OF_MEMORY:
                raise
            raise cuda.memory.OutOfMemoryError(size, -1) from error

    # -- Shortage ----------------------------------------------------------------------------------

    def _retried(self, take: Callable[[int], Any], size: int) -> Any:
        """Memory, after all that waits to be reused has gone back to the driver."""
        cuda = driver.cupy().cuda
        device = cuda.runtime.getDevice()
        self.ledgers[device].retries += 1
        gc.collect()
        self.collect(wait=True)
        self.release()
        try:
            return take(size)
        except cuda.memory.OutOfMemoryError:
            self.ledgers[device].failures += 1
            raise self.shortage(self._described(device, size)) from None

    def _described(self, device: int, size: int) -> Shortage:
        free, total = driver.cupy().cuda.runtime.memGetInfo()
        ledger = self.ledgers[device]
        allocated, reserved = ledger.block_bytes.current, ledger.segment_bytes.current
        return Shortage(device, size, free, total, allocated, reserved, self.limits.get(device, 0))

    def release(self) -> None:
        """Give what waits to be reused back to the driver, in all pools."""
        for pool in list(self.pools.values()):
            pool.release()

    # -- Streams -----------------------------------------------------------------------------------

    def record(self, array: Any, stream: Any) -> None:
        """Let an array's memory be reused only when a stream of CuPy's has done what it was told until the array is gone."""
        block = array.data.mem
        if isinstance(block, self.block_type):
            block.streams = {*(block.streams or ()), stream}

    def _defer(self, owner: Any, streams: set[Any], pool: Pool) -> None:
        """Keep memory until streams have done what they were told so far."""
        cuda = driver.cupy().cuda
        if any(stream.is_capturing() for stream in streams):
            pool.kept.append(owner)
            return
        events = []
        for stream in streams:
            with cuda.Device(owner.device_id if stream.device_id < 0 else stream.device_id):
                events.append(stream.record(cuda.Event(disable_timing=True)))
        self._waiting.append((events, owner))

    def collect(self, wait: bool = False) -> None:
        """Let go of memory whose streams are done; with `wait`, wait for them."""
        for _ in range(len(self._waiting)):
            events, owner = self._waiting.popleft()
            if wait:
                for event in events:
                    event.synchronize()
            elif not all(event.done for event in events):
                self._waiting.append((events, owner))

    # -- Memory without an array -------------------------------------------------------------------

    def raw(self, size: int) -> int:
        """The address of memory that lives until `free`, on the current device and stream."""
        pointer = driver.cupy().cuda.alloc(size)
        self._raw[pointer.ptr] = pointer
        return pointer.ptr

    def free(self, address: int) -> None:
        """Let go of what `raw` gave.

        Raises:
            RuntimeError: It did not.
        """
        if self._raw.pop(address, None) is None:
            raise RuntimeError(
                f"invalid device pointer: {address:#x} is not of caching_allocator_alloc"
            )

    def blocks(self) -> list[Any]:
        """All memory of arrays that is in use. Slow: it looks at every object of the process."""
        return [found for found in gc.get_objects() if isinstance(found, self.block_type)]


def _segment_type(allocator: Allocator) -> Any:
    """The class of memory from the driver; CuPy's is known only when it is loaded."""
    ledgers = allocator.ledgers

    class Segment(driver.cupy().cuda.Memory):  # type: ignore[misc]
        """Memory from the driver, which arrays get parts of."""

        def __del__(self) -> None:
            if self.ptr:  # 0 where the driver had none
                ledger = ledgers[self.device_id]
                ledger.segments.fall(1)
                ledger.segment_bytes.fall(self.size)

    return Segment


def _block_type(allocator: Allocator) -> Any:
    """The class of an array's memory."""
    ledgers, defer = allocator.ledgers, allocator._defer

    class Block(driver.cupy().cuda.UnownedMemory):  # type: ignore[misc]
        """An array's memory: a part of a segment, or all of it."""

        __slots__ = ("pool", "requested", "streams")

        def __del__(self) -> None:
            ledgers[self.device_id].give(self.size, self.requested)
            if self.streams is not None:
                defer(self._owner, self.streams, self.pool)

    return Block


def foreign(address: int, size: int, device: int, free: Callable[[], None]) -> Any:
    """Memory that somebody else gave, and `free` gives back."""
    cuda = driver.cupy().cuda
    return cuda.MemoryPointer(cuda.UnownedMemory(address, size, _Owner(free), device), 0)


class _Owner:
    """Gives memory back when the last who uses it is gone."""

    def __init__(self, free: Callable[[], None]):
        self.free = free

    def __del__(self) -> None:
        self.free()


@cache
def allocator() -> Allocator:
    """The process's allocator, which is CuPy's from then on.

    Raises:
        Unavailable: There is no GPU.
    """
    return Allocator()


__all__ = ["Allocator", "Identity", "Pool", "Shortage", "allocator", "foreign"]
