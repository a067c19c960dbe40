"""What a worker sends: pickled objects, whose arrays and tensors travel beside the pickle.

An array is described by where it lies in a *block*: the memory of one array, or of several that overlap. Blocks of
`SHARED` bytes and more become shared memory, small ones a part of the message. What shares memory before shares it
afterwards; a view takes with it what it sees, and not all of the memory that it is a view of.
"""

from __future__ import annotations

import ctypes
import io
import os
import pickle
import socket
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import reduction
from typing import Any, NamedTuple

import numpy as np

from ...core.device import CPU
from ...core.kind import kind_of
from ...core.memory import address, extent, owner
from ...core.tensor import Tensor, wrap
from .arena import Arena, Segment, Tenant

SHARED = 64 << 10
"""From so many bytes on, sharing memory is faster than a copy through the pipe."""
LINE = 64
"""Bytes of a cache line: a block keeps its place relative to those."""


class Place(NamedTuple):
    """An array or tensor, beside its pickle.

    Attributes:
        block: The number of its block.
        offset: Bytes from the block's begin to its first element.
        shape, strides, array_dtype: The array's.
        dtype: The tensor's; None for a bare array.
        requires_grad: The tensor's.
    """

    block: int
    offset: int
    shape: tuple
    strides: tuple
    array_dtype: np.dtype
    dtype: Any
    requires_grad: bool


class Block(NamedTuple):
    """A block: `size` bytes, behind `lead` that bring it into its place on a cache line.

    Attributes:
        content: The bytes, if they are few. Else they lie in a segment; or, if that is None too, they
            follow the message.
    """

    lead: int
    size: int
    content: bytes | None
    segment: Segment | None


class Message(NamedTuple):
    """What is sent first.

    Attributes:
        label: Says whose `body` this is; read before that is unpickled, which may fail.
        dropped: Segments that the worker will not use again.
        refusal: Why memory was not shared, if it was not.
    """

    label: Any
    body: bytes
    places: list[Place]
    blocks: list[Block]
    dropped: list[int]
    refusal: str


# ---------------------------------------------------------------------------------------- sending


@dataclass
class _Found:
    """An array that was met while pickling."""

    held: Any  # as long as this is alive, no other object gets its id
    array: np.ndarray
    low: int
    high: int
    block: int = 0


@dataclass
class _Range:
    """Memory that becomes a block."""

    low: int
    high: int


class _Pickler(reduction.ForkingPickler):
    """Leaves arrays and plain tensors out, and remembers them."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.found: list[_Found] = []
        self.numbers: dict[int, int] = {}

    def persistent_id(self, item: Any) -> int | None:
        """The number of an array or tensor that goes beside the pickle."""
        array = _bare_array(item)
        if array is None:
            return None
        number = self.numbers.get(id(item))
        if number is None:
            number = self.numbers[id(item)] = len(self.found)
            self.found.append(_found(item, array))
        return number


def _bare_array(item: Any) -> np.ndarray | None:
    """The array of what is nothing but an array and its dtype.

    Raises:
        RuntimeError: A tensor has a history, which cannot leave its process.
    """
    if isinstance(item, Tensor):
        if item._node is not None and not Tensor.is_leaf.__get__(item):
            raise RuntimeError(
                "a tensor that was computed from others and requires grad cannot be sent to another "
                "process, as its history would stay behind: send tensor.detach()"
            )
        plain = type(item) is Tensor and item._kind.device is CPU and not item.__dict__
        return item._array if plain else None
    return item if type(item) is np.ndarray and not item.dtype.hasobject else None


def _found(item: Any, array: np.ndarray) -> _Found:
    low, size = extent(array) if array.size else (address(array), 0)
    if size > 2 * array.nbytes:  # a view of little in much
        array = array.copy()
        low, size = address(array), array.nbytes
    return _Found(item, array, low, low + size)


def _ranges(found: list[_Found]) -> list[_Range]:
    """Memory of the arrays, that which overlaps as one; each array is told its number."""
    ranges: list[_Range] = []
    last = None
    for item in sorted(found, key=lambda item: (id(owner(item.array)), item.low)):
        memory = id(owner(item.array))
        if memory == last and item.low < ranges[-1].high:
            ranges[-1].high = max(ranges[-1].high, item.high)
        else:
            ranges.append(_Range(item.low, item.high))
            last = memory
        item.block = len(ranges) - 1
    return ranges


def _place(item: _Found, low: int) -> Place:
    array, held = item.array, item.held
    is_tensor = isinstance(held, Tensor)
    return Place(
        item.block,
        address(array) - low,
        array.shape,
        array.strides,
        array.dtype,
        held._kind.dtype if is_tensor else None,
        is_tensor and held._node is not None,
    )


class Packed(NamedTuple):
    """A message that can be sent, and what follows it.

    Attributes:
        handles: Files of new segments.
        rest: Where blocks lie that follow as bytes, and their sizes.
        held: Keeps that memory as it is until then.
    """

    message: bytes
    handles: list[int]
    rest: list[tuple[int, int]]
    held: list[_Found]


def _plain(message: Message) -> tuple:
    """Bare tuples: pickle looks up each class that it names, which takes longer than all the rest."""
    places = [
        (
            *place[:4],
            place.array_dtype if place.array_dtype.isbuiltin != 1 else place.array_dtype.str,
            *place[5:],
        )
        for place in message.places
    ]
    blocks = [(*block[:3], block.segment and tuple(block.segment)) for block in message.blocks]
    return (tuple(message.label), message.body, places, blocks, *message[4:])


def _of_plain(plain: Any, label: Callable) -> Message:
    """The inverse."""
    own, body, places, blocks, dropped, refusal = plain
    return Message(
        label(*own),
        body,
        [Place(*place)._replace(array_dtype=np.dtype(place[4])) for place in places],
        [Block(lead, size, content, of and Segment(*of)) for lead, size, content, of in blocks],
        dropped,
        refusal,
    )


class Packer:
    """Makes messages of objects, with memory of an arena."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena

    def pack(self, label: Any, item: Any) -> Packed:
        """An object as a message.

        Raises:
            Exception: It cannot be pickled.
        """
        file = io.BytesIO()
        pickler = _Pickler(file)
        pickler.dump(item)
        ranges = _ranges(pickler.found)
        places = [_place(found, ranges[found.block].low) for found in pickler.found]
        with self.arena.message() as shared:
            blocks = [_block(each, shared) for each in ranges]
        dropped = self.arena.take_dropped()
        message = Message(label, file.getvalue(), places, blocks, dropped, shared.refusal)
        content = pickle.dumps(_plain(message), pickle.HIGHEST_PROTOCOL)
        rest = [(each.low, block.size) for each, block in zip(ranges, blocks) if _follows(block)]
        return Packed(content, shared.handles, rest, pickler.found)


def _block(range: _Range, shared: Any) -> Block:
    low, size = range.low, range.high - range.low
    lead = low % LINE
    if size < SHARED:
        return Block(lead, size, ctypes.string_at(low, size), None)
    return Block(lead, size, None, shared.copy(low, size, lead))


def _follows(block: Block) -> bool:
    return block.content is None and block.segment is None


class Sender:
    """A worker's end of its channel."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def send(self, packed: Packed) -> None:
        """Send a message.

        Raises:
            OSError: The main process listens no longer.
        """
        self.connection.send_bytes(packed.message)
        for handle in packed.handles:
            with socket.socket(fileno=os.dup(self.connection.fileno())) as own:
                reduction.sendfds(own, [handle])
            os.close(handle)
        for low, size in packed.rest:
            self.connection.send_bytes((ctypes.c_char * size).from_address(low))


# -------------------------------------------------------------------------------------- receiving


@dataclass
class Parcel:
    """A message that has arrived and is not yet unpickled."""

    message: Message
    memory: list[np.ndarray]

    @property
    def label(self) -> Any:
        """The message's."""
        return self.message.label

    def open(self) -> Any:
        """The object that was sent."""
        return _Unpickler(self).load()


class Receiver:
    """The main process's end of a worker's channel.

    Attributes:
        label: The class of labels.
        tenant: What of the worker's arena is in use here.
    """

    def __init__(self, connection: Any, label: Callable) -> None:
        self.connection, self.label, self.tenant = connection, label, Tenant()

    def receive(self) -> Parcel:
        """The next message.

        Raises:
            EOFError: The worker has ended.
            OSError: It has ended in the midst of one.
        """
        message = _of_plain(pickle.loads(self.connection.recv_bytes()), self.label)
        self.tenant.forget(message.dropped)
        for block in message.blocks:
            if block.segment is not None and block.segment.is_new:
                self.tenant.add(block.segment, self._handle())
        return Parcel(message, [self._memory(block) for block in message.blocks])

    def _handle(self) -> int:
        with socket.socket(fileno=os.dup(self.connection.fileno())) as own:
            (handle,) = reduction.recvfds(own, 1)
        return handle

    def _memory(self, block: Block) -> np.ndarray:
        if block.segment is not None:
            return self.tenant.lease(block.segment)
        memory = np.empty(block.lead + block.size, np.uint8)
        if block.content is None:
            self.connection.recv_bytes_into(memory, block.lead)
        else:
            memory[block.lead :] = np.frombuffer(block.content, np.uint8)
        return memory


class _Unpickler(pickle.Unpickler):
    """Puts arrays and tensors in their places."""

    def __init__(self, parcel: Parcel) -> None:
        super().__init__(io.BytesIO(parcel.message.body))
        self.parcel = parcel
        self.made: dict[int, Any] = {}

    def persistent_load(self, number: int) -> Any:
        found = self.made.get(number)
        if found is None:
            found = self.made[number] = self._make(self.parcel.message.places[number])
        return found

    def _make(self, place: Place) -> Any:
        lead = self.parcel.message.blocks[place.block].lead
        memory = self.parcel.memory[place.block]
        array: np.ndarray = np.ndarray(
            place.shape, place.array_dtype, memory, lead + place.offset, place.strides
        )
        if place.dtype is None:
            return array
        made = wrap(array, kind_of(place.dtype, CPU))
        return made.requires_grad_() if place.requires_grad else made
