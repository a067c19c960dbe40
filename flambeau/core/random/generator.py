"""PyTorch's CPU random number generator: its word stream, its seeds and its exported state."""

from __future__ import annotations

import ctypes
import os
import threading
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from ... import kernels
from ..device import backends
from ..device import device as Device
from ..tensor import Tensor, wrap_numpy

BLOCK = 624  # words made by one step of MT19937
DEFAULT_SEED = 67280421310721  # what a new Generator starts from

_SEED_MIN, _SEED_END = -(2**63), 2**64

# The bytes of an exported state. `left` and `next` say how far the current block is used;
# a normal draw makes two values, and the second waits in `next_normal`.
_FIELDS = {
    "seed": (np.uint64, 0),
    "left": (np.int32, 8),
    "seeded": (np.int32, 12),
    "next": (np.uint64, 16),
    "key": ((np.uint64, BLOCK), 24),
    "next_normal": (np.float64, 5024),
    "has_next_normal": (np.int32, 5040),
}
_STATE = np.dtype({name: (np.dtype(kind), at) for name, (kind, at) in _FIELDS.items()})  # type: ignore[call-overload]
STATE_SIZE = 5056


def _key_in_place(bits: np.random.MT19937) -> np.ndarray:
    """NumPy's own key, which machine code steps as NumPy does."""
    memory = (ctypes.c_uint32 * BLOCK).from_address(bits.ctypes.state_address)
    return np.asarray(memory)


@cache
def _key_comes_first() -> bool:
    """Does NumPy's state, of which only the address is public, begin with the key?"""
    bits = np.random.MT19937(1)
    at_address, known = _key_in_place(bits).copy(), bits.state["state"]["key"]
    return known.shape == (BLOCK,) and bool((at_address == known).all())


class _WordStream:
    """MT19937's 32-bit words in order, made in whole blocks by NumPy and handed out in any size.

    NumPy's own position is always at the end of `block`, so that its key is the key PyTorch
    would export, and `used` counts the words of `block` that were handed out.
    """

    __slots__ = ("_bits", "_key", "_source", "block", "fresh", "used")

    def __init__(self, seed: int) -> None:
        self._bits = np.random.MT19937()
        self._source = np.random.RandomState(self._bits)
        self._source.seed(seed & 0xFFFFFFFF)
        self._key = _key_in_place(self._bits) if _key_comes_first() else None
        self.block = np.empty(0, np.uint32)
        self.used = BLOCK
        self.fresh = True  # the key has not been stepped since it was seeded

    def take(self, count: int) -> np.ndarray:
        """The next `count` words; the caller must not write into them."""
        start = self.used
        stop = start + count
        if stop <= BLOCK:
            self.used = stop
            return self.block[start:stop]
        return self._take_new_blocks(count)

    def _take_new_blocks(self, count: int) -> np.ndarray:
        rest = self.block[self.used :]
        blocks = -(-(count - rest.size) // BLOCK)
        if self._key is not None and kernels.enabled():
            words = kernels.array.mt19937.words(self._key, blocks)
        else:
            words = self._source.randint(0, 1 << 32, blocks * BLOCK, np.uint32)
        self.fresh = False
        self.block = words[-BLOCK:].copy() if blocks > 1 else words
        self.used = BLOCK - (blocks * BLOCK + rest.size - count)
        words = words[: count - rest.size]
        return np.concatenate((rest, words)) if rest.size else words

    @property
    def key(self) -> np.ndarray:
        return self._bits.state["state"]["key"]

    def restore(self, key: np.ndarray, left: int) -> None:
        """Continue from `key` with `left` - 1 words of its block not yet handed out."""
        inside_block = left > 1
        position = 0 if inside_block else BLOCK
        state = {"key": key.astype(np.uint32), "pos": position}
        self._bits.state = {"bit_generator": "MT19937", "state": state}  # type: ignore[typeddict-item]
        self.fresh = False
        self.used = BLOCK + 1 - left
        if inside_block:
            self.block = self._source.randint(0, 1 << 32, BLOCK, np.uint32)


_CLASSES = {"cuda": ("philox", "PhiloxGenerator")}
"""The generators of other devices: modules beside this one, and their classes."""


def _class_for(where: Device) -> type[Generator]:  # type: ignore[valid-type]
    module, name = _CLASSES.get(where.type, (None, ""))
    backend = backends.find(where.type)
    if module is None or backend is None or not backend.is_available():
        raise RuntimeError(
            f"Cannot get a generator of device {where}: random numbers are drawn on the CPU and on CUDA devices that can "
            "be used here; leave the device out"
        )
    backend.canonical_index(where.index)
    found: type[Generator] = getattr(import_module(f".{module}", __package__), name)
    return found


class Generator:
    """A stream of pseudorandom numbers: the same numbers as PyTorch's generator of the same device.

    This class is that of the CPU; for another device an object of that device's class is made. NumPy's random module is
    imported when the first number is drawn, not when a seed is set.

    Args:
        device: Where the numbers are drawn: "cpu", "cuda", "cuda:1".

    Raises:
        RuntimeError: There is no such device, or it has no generator of its own.

    Source: torch.Generator; Matsumoto and Nishimura, Mersenne Twister, ACM TOMACS 8 (1998).

    Example:
        >>> import flambeau as torch
        >>> torch.rand(1, generator=torch.Generator().manual_seed(0))
        tensor([0.4963])
    """

    def __new__(cls, device: Any = "cpu") -> Generator:
        where = Device(device)
        return object.__new__(cls if where.type == cls.device_type else _class_for(where))

    device_type = "cpu"
    """The type of device whose numbers these are."""
    stream: _WordStream | None = None
    """The words; None until the first is asked for, and always of other devices' generators."""

    def __init__(self, device: Any = "cpu") -> None:
        self.device = Device(device)
        # Reentrant: a draw holds it from its first word to its last, and draws nest.
        self.lock = threading.RLock()
        self._seed = DEFAULT_SEED
        self.stream = None
        self.next_normal: float | None = None
        # Where kernels put the second number of a pair, and whether there is one, while they draw.
        self.left, self.waits = np.empty(1), np.empty(1, np.int64)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream again from `seed`.

        Args:
            seed: an int from -2**63 to 2**64 - 1; a negative one counts from 2**64 down.

        Raises:
            RuntimeError: `seed` is not an int.
            ValueError: `seed` is out of range.

        Source: torch.Generator.manual_seed.
        """
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise RuntimeError(
                f"manual_seed expected a long, but got {type(seed).__name__}; pass an int"
            )
        if not _SEED_MIN <= seed < _SEED_END:
            raise ValueError(
                f"Overflow when unpacking long long: seed {seed} is outside [-2**63, 2**64 - 1]"
            )
        with self.lock:
            self._seed = int(seed) % _SEED_END
            self.stream = None
            self.next_normal = None
        return self

    def seed(self) -> int:
        """Start the stream again from a seed that the operating system draws, and return it.

        Source: torch.Generator.seed.
        """
        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed that the stream was started from, as an unsigned 64-bit number.

        Source: torch.Generator.initial_seed.
        """
        return self._seed

    def take(self, count: int) -> np.ndarray:
        """The next `count` 32-bit words, read-only by contract; hold `lock` to keep draws whole."""
        stream = self.stream
        if stream is None:
            stream = self.started()
        return stream.take(count)

    def give_back(self, count: int) -> None:
        """Let the last `count` words that were taken, all of them of the present block, be taken again."""
        assert self.stream is not None
        self.stream.used -= count

    def rest(self) -> np.ndarray:
        """The words of the present block that are not yet taken, which stay so."""
        stream = self.stream
        if stream is None:
            stream = self.started()
        return stream.block[stream.used :]

    def started(self) -> _WordStream:
        """The words, from the seed on if none was asked for before."""
        with self.lock:
            if self.stream is None:
                self.stream = _WordStream(self._seed)
            return self.stream

    def get_state(self) -> Tensor:
        """The state as 5056 bytes (uint8), the bytes that PyTorch exports for the same stream.

        Source: torch.Generator.get_state.
        """
        return wrap_numpy(self.raw_state())

    def set_state(self, new_state: Any) -> Generator:
        """Continue from a state that get_state(), here or in PyTorch, returned.

        Args:
            new_state: 5056 bytes, contiguous uint8.

        Raises:
            TypeError: `new_state` is no uint8 tensor.
            RuntimeError: it is not contiguous, has another size, or holds no MT19937 state.

        Source: torch.Generator.set_state.
        """
        self.restore(new_state._array if isinstance(new_state, Tensor) else new_state)
        return self

    def clone_state(self) -> Generator:
        """Another generator that goes on from the same state.

        Source: torch.Generator.clone_state
        """
        return Generator().set_state(self.get_state())

    def get_offset(self) -> int:
        """Only generators of other devices count an offset.

        Raises:
            RuntimeError: Always.

        Source: torch.Generator.get_offset
        """
        raise RuntimeError("CPU Generator does not use offset: use get_state()")

    def set_offset(self, offset: int) -> None:
        """Only generators of other devices count an offset.

        Raises:
            RuntimeError: Always.

        Source: torch.Generator.set_offset
        """
        raise RuntimeError("CPU Generator does not use offset: use set_state()")

    def philox_state(self, increment: int) -> Any:
        """The seed and the place in a Philox stream: of generators on a GPU, which this one is not.

        Raises:
            NotImplementedError: Always.

        Source: torch.Generator.philox_state
        """
        raise NotImplementedError(
            "philox_state is not supported in this Generator: its numbers are of the Mersenne Twister, whose "
            "state get_state() gives"
        )

    def graphsafe_get_state(self) -> Generator:
        """Only generators of other devices are captured in graphs.

        Raises:
            NotImplementedError: Always.

        Source: torch.Generator.graphsafe_get_state
        """
        raise NotImplementedError("graphsafe_get_state is not supported: use clone_state()")

    def graphsafe_set_state(self, state: Generator) -> Generator:
        """Only generators of other devices are captured in graphs.

        Raises:
            NotImplementedError: Always.

        Source: torch.Generator.graphsafe_set_state
        """
        raise NotImplementedError("graphsafe_set_state is not supported: use set_state()")

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.raw_state(),)

    def raw_state(self) -> np.ndarray:
        """`get_state` as an array."""
        with self.lock:
            stream = self.started()
            raw = np.zeros(STATE_SIZE, np.uint8)
            state = raw[: _STATE.itemsize].view(_STATE)[0]
            state["seed"] = self._seed
            state["left"] = BLOCK + 1 - stream.used
            state["seeded"] = 1
            state["next"] = 0 if stream.fresh else stream.used
            state["key"] = stream.key
            if self.next_normal is not None:
                state["has_next_normal"] = 1
                state["next_normal"] = self.next_normal
        return raw

    def restore(self, new_state: np.ndarray) -> None:
        """`set_state` of an array."""
        state = _checked_state(new_state)
        with self.lock:
            stream = self.started()
            stream.restore(state["key"], int(state["left"]))
            stream.fresh = int(state["left"]) == 1 and int(state["next"]) == 0
            self._seed = int(state["seed"])
            has_next = bool(state["has_next_normal"])
            self.next_normal = float(state["next_normal"]) if has_next else None


def _checked_state(raw: np.ndarray) -> np.void:
    if not isinstance(raw, np.ndarray):
        raise TypeError(
            f"expected a torch.ByteTensor, but got {type(raw).__name__}; pass what get_state() gave"
        )
    if raw.dtype != np.uint8:
        raise TypeError(f"RNG state must be a torch.ByteTensor, but its dtype is {raw.dtype}")
    if not raw.flags.c_contiguous:
        raise RuntimeError("RNG state must be contiguous; pass state.contiguous()")
    if raw.size != STATE_SIZE:
        raise RuntimeError(
            f"Expected a CPUGeneratorImplState of size {STATE_SIZE} but found the input RNG state "
            f"size to be {raw.size}; pass what get_state() returned"
        )
    # A copy: a state read from a file may start at an address that is no multiple of 8.
    state = np.frombuffer(raw.tobytes(), _STATE, count=1)[0]
    if state["seeded"] != 1 or not 0 < state["left"] <= BLOCK or state["next"] > BLOCK:
        raise RuntimeError(
            "Invalid mt19937 state: the bytes are not a CPU generator's; pass what get_state() gave"
        )
    return state


def _restored(state: np.ndarray) -> Generator:
    """The inverse of pickling."""
    generator = Generator()
    generator.restore(state)
    return generator


default_generator = Generator()
default_generator.seed()
