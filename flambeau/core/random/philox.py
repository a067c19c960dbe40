"""PyTorch's generator of CUDA devices: a seed, and how far the stream of each thread has been used."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np

from ...kernels.cuda import driver
from ...kernels.cuda.random.philox import WORDS, Origin
from ..device import device as Device
from ..device import resolve
from ..dtype import int64
from ..kind import kind_of
from ..tensor import Tensor, wrap, wrap_numpy
from .generator import DEFAULT_SEED, Generator

_END = 1 << 64
STATE_SIZE = 16


class State:
    """What a generator is at: its seed, and the offset of the next draw within the subsequence of each thread.

    Attributes:
        capture: Where the draws of a graph that is being captured find theirs.
    """

    __slots__ = ("capture", "offset", "seed")

    def __init__(self, seed: int, offset: int = 0):
        self.seed, self.offset = seed, offset
        self.capture: Capture | None = None


class Capture:
    """The draws of a captured graph: they read the seed and the offset on the device, where each replay puts new ones.

    Attributes:
        used: Words that a replay uses of each subsequence.
    """

    def __init__(self) -> None:
        self.place = driver.cupy().zeros(2, np.uint64)
        self.used = 0

    def set(self, seed: int, offset: int) -> None:
        """What the next replay begins with, on the current stream."""
        for place, word in ((self.place[:1], seed), (self.place[1:], offset)):
            place.fill(np.uint64(word))


class PhiloxGenerator(Generator):
    """The numbers of one CUDA device: those of PyTorch's CUDA generator."""

    device_type = "cuda"

    def __init__(self, device: Any = "cuda") -> None:
        self.device = Device(device)
        self.lock = threading.RLock()
        self.state = State(DEFAULT_SEED)
        self.next_normal = None

    def manual_seed(self, seed: int) -> PhiloxGenerator:
        """Start the stream again from `seed`.

        Raises:
            RuntimeError: A graph is being captured.

        Source: torch.Generator.manual_seed
        """
        self._set(int(seed) % _END, 0)
        return self

    def seed(self) -> int:
        """Start the stream again from a seed that the operating system draws, and return it.

        Source: torch.Generator.seed
        """
        seed = int.from_bytes(os.urandom(8), "little")
        self._set(seed, 0)
        return seed

    def initial_seed(self) -> int:
        """The seed that the stream was started from, as an unsigned 64-bit number.

        Source: torch.Generator.initial_seed
        """
        return self.state.seed

    def get_offset(self) -> int:
        """How many words of each subsequence are used: a multiple of 4.

        Source: torch.Generator.get_offset
        """
        return self.state.offset

    def set_offset(self, offset: int) -> None:
        """Go on from here.

        Raises:
            RuntimeError: It is no multiple of 4, or a graph is being captured.

        Source: torch.Generator.set_offset
        """
        self._set(self.state.seed, int(offset))

    def _set(self, seed: int, offset: int) -> None:
        if offset % WORDS:
            raise RuntimeError(f"offset must be a multiple of {WORDS}, got {offset}")
        with self.lock:
            if self.state.capture is not None:
                raise RuntimeError(
                    "a generator cannot be set while a graph that draws from it is being captured: set it before"
                )
            self.state.seed, self.state.offset = seed, offset % _END

    # ------------------------------------------------------------------------------- drawing

    def origin(self, words: int) -> Origin:
        """Where a kernel begins that uses so many words of each subsequence: nobody else gets them."""
        words += -words % WORDS
        with self.lock:
            state, capture = self.state, self.state.capture
            if capture is None:
                if not driver.can_look():
                    raise RuntimeError(
                        "a graph that is being captured draws from a generator that it does not know: call "
                        "graph.register_generator_state(generator) before the capture begins"
                    )
                start, state.offset = state.offset, (state.offset + words) % _END
                return Origin(state.seed, start)
            start, capture.used = capture.used, capture.used + words
            return Origin(state.seed, start, int(capture.place.data.ptr))

    def philox_state(self, increment: int) -> tuple[Tensor, Tensor, Tensor]:
        """Use so many words: the seed, the offset, and what a captured graph has used before, as tensors of one integer.

        While a graph is being captured, seed and offset are on the device, and each replay changes them.

        Source: torch.Generator.philox_state
        """
        if increment < 0:
            raise RuntimeError(f"philox_state: increment must not be negative, got {increment}")
        capture = self.state.capture
        origin = self.origin(int(increment))
        if capture is None:
            words = np.array([origin.seed, origin.offset, 0], np.uint64).view(np.int64)
            seed, offset, place = (wrap_numpy(words[i : i + 1].copy()) for i in range(3))
            return seed, offset, place
        kind = kind_of(int64, resolve(self.device))
        seed, offset = (wrap(capture.place[i : i + 1].view(np.int64), kind) for i in range(2))
        return seed, offset, wrap_numpy(np.array([origin.offset], np.int64))

    def take(self, count: int) -> np.ndarray:
        """There are no words of a device's generator for the CPU.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            f"Expected a 'cpu' device type for generator but found '{self.device_type}': draw with a generator of the "
            "device where the tensor is"
        )

    # ------------------------------------------------------------------------------- its state

    def raw_state(self) -> np.ndarray:
        """`get_state` as an array: the seed and the offset, 8 bytes each."""
        with self.lock:
            return np.array([self.state.seed, self.state.offset], np.uint64).view(np.uint8)

    def restore(self, new_state: np.ndarray) -> None:
        """`set_state` of an array; 8 bytes are a seed, and offset 0."""
        if not isinstance(new_state, np.ndarray) or new_state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor; pass what get_state() gave")
        if not new_state.flags.c_contiguous:
            raise RuntimeError("RNG state must be contiguous; pass state.contiguous()")
        if new_state.size not in (STATE_SIZE, STATE_SIZE // 2):
            raise RuntimeError(
                f"RNG state is wrong size: a CUDA generator's has {STATE_SIZE} bytes, this one {new_state.size}; pass what "
                "get_state() of such a generator gave"
            )
        seed, offset = (*np.frombuffer(new_state.tobytes(), np.uint64).tolist(), 0)[:2]
        self._set(seed, offset)

    def clone_state(self) -> PhiloxGenerator:
        """Another generator that goes on from the same state.

        Source: torch.Generator.clone_state
        """
        made = PhiloxGenerator(self.device)
        made.restore(self.raw_state())
        return made

    def graphsafe_get_state(self) -> PhiloxGenerator:
        """A generator with this one's state itself: what one uses the other does not get.

        Source: torch.Generator.graphsafe_get_state
        """
        made = PhiloxGenerator(self.device)
        made.state = self.state
        return made

    def graphsafe_set_state(self, state: Generator) -> PhiloxGenerator:
        """Take another generator's state itself, now and in graphs that were captured with it.

        Source: torch.Generator.graphsafe_set_state
        """
        if not isinstance(state, PhiloxGenerator):
            raise TypeError(
                f"graphsafe_set_state: expected a generator of a CUDA device, got one of {state.device}"
            )
        self.state = state.state
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (str(self.device), self.raw_state())

    # --------------------------------------------------------------------------------- graphs

    def begin_capture(self) -> Capture:
        """Draw, from now on, for a graph that is being captured on the current device."""
        with self.lock:
            if self.state.capture is not None:
                raise RuntimeError("another graph that draws from this generator is being captured")
            self.state.capture = Capture()
            return self.state.capture

    def end_capture(self) -> None:
        """Draw for the program again."""
        self.state.capture = None

    def replay(self, capture: Capture) -> None:
        """Give a captured graph its numbers: called right before it is launched."""
        if capture.used:
            origin = self.origin(capture.used)
            capture.set(origin.seed, origin.offset)


def _restored(device: str, state: np.ndarray) -> PhiloxGenerator:
    """The inverse of pickling."""
    made = PhiloxGenerator(device)
    made.restore(state)
    return made


__all__ = ["Capture", "PhiloxGenerator", "State"]
