"""Arrays of GPUs by NCCL, through CuPy. MPI brings its members together and sees that they do the same (agreement.py).

What NCCL is asked for is put into the current stream of the device and done in its order; nobody waits for it here.

Source: NVIDIA, NCCL User Guide
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...cuda.current import api
from ..kinds import DistBackendError, RedOpType, ReduceOp
from .arrays import is_half

_TYPES = {
    "i1": "NCCL_INT8", "u1": "NCCL_UINT8", "i4": "NCCL_INT32", "u4": "NCCL_UINT32", "i8": "NCCL_INT64",
    "u8": "NCCL_UINT64", "f4": "NCCL_FLOAT32", "f8": "NCCL_FLOAT64",
}  # fmt: skip
_JOINS = {
    RedOpType.SUM: "NCCL_SUM",
    RedOpType.AVG: "NCCL_SUM",
    RedOpType.PREMUL_SUM: "NCCL_SUM",
    RedOpType.PRODUCT: "NCCL_PROD",
    RedOpType.MIN: "NCCL_MIN",
    RedOpType.MAX: "NCCL_MAX",
}


class Done:
    """A message that was put into a stream."""

    def Test(self, status: Any = None) -> bool:
        """It is in its place in the stream's order."""
        return True


class Nccl:
    """A group of processes with a GPU each.

    Args:
        host: What carries the group's arrays of the CPU.
        kind: Of a tensor on the GPU.
    """

    name = "nccl"
    takes_devices = True

    def __init__(self, host: Any, kind: Any) -> None:
        self.rank, self.size, self.xp = host.rank, host.size, kind.xp
        self.cuda = api()
        self.library = self.cuda.nccl
        self.device = kind.device.index
        mark = np.zeros(128, np.int8)
        if self.rank == 0:
            mark[:] = self.library.get_unique_id()
        host.broadcast(mark, 0)
        with self.cuda.Device(self.device):
            self.communicator = self.library.NcclCommunicator(
                self.size, tuple(mark.tolist()), self.rank
            )

    # ------------------------------------------------------------------------- what NCCL is told

    def _do(self, call: Callable[..., Any], *given: Any) -> None:
        """Put a call into the current stream.

        Raises:
            DistBackendError: NCCL has refused.
        """
        try:
            with self.cuda.Device(self.device):
                call(*given, self.cuda.get_current_stream().ptr)
        except RuntimeError as error:
            raise DistBackendError(f"NCCL: {error}") from None

    def _type(self, array: Any) -> tuple[int, int]:
        """NCCL's name of what an array consists of, and how many there are.

        Raises:
            RuntimeError: It has none.
        """
        dtype, count = array.dtype, array.size
        if dtype.kind == "c":
            dtype, count = np.dtype(f"f{dtype.itemsize // 2}"), 2 * count
        name = _TYPES.get("u1" if dtype.kind == "b" else f"{dtype.kind}{dtype.itemsize}")
        if name is None:
            raise RuntimeError(f"NCCL has no numbers of type {dtype.name}")
        return getattr(self.library, name), count

    def _bytes(self, array: Any) -> tuple[int, int, int]:
        """Where an array is, how many bytes it has, and that they are bytes."""
        return array.data.ptr, array.nbytes, self.library.NCCL_UINT8

    def _join(self, array: Any, op: ReduceOp) -> int:
        """NCCL's name of a reduction.

        Raises:
            RuntimeError: It has none.
        """
        if op.op not in _JOINS or (array.dtype.kind == "c" and _JOINS[op.op] != "NCCL_SUM"):
            raise RuntimeError(
                f"Cannot use ReduceOp.{op.op.name} with NCCL, and tensors of {array.dtype.name}"
            )
        join = _JOINS[op.op]
        if array.dtype.kind == "b" and join in (
            "NCCL_SUM",
            "NCCL_PROD",
        ):  # of truth values: or, and
            join = "NCCL_MAX" if join == "NCCL_SUM" else "NCCL_MIN"
        return int(getattr(self.library, join))

    def _plan(self, array: Any, op: ReduceOp) -> tuple[Any, Callable[[Any], Any]]:
        """What is sent for an array, and what is made of the result."""
        if op.op is RedOpType.PREMUL_SUM:
            factor: Any = op.factor
            array = array * array.dtype.type(factor.item() if hasattr(factor, "item") else factor)
        work = array.astype(np.float32) if is_half(array.dtype) else array

        def made(result: Any) -> Any:
            if op.op is RedOpType.AVG:
                result = result // self.size if result.dtype.kind in "iu" else result / self.size
            return result

        return work, made

    # ------------------------------------------------------------------------- collectives

    def broadcast(self, array: Any, root: int) -> None:
        place, count, kind = self._bytes(array)
        self._do(self.communicator.broadcast, place, place, count, kind, root)

    def reduce(self, array: Any, op: ReduceOp, root: int | None) -> None:
        join, (work, made) = self._join(array, op), self._plan(array, op)
        result = self.xp.empty(work.shape, work.dtype)
        kind, count = self._type(work)
        places = work.data.ptr, result.data.ptr, count, kind, join
        if root is None:
            self._do(self.communicator.allReduce, *places)
        else:
            self._do(self.communicator.reduce, *places, root)
        if root is None or root == self.rank:
            array[...] = made(result).astype(array.dtype)

    def all_gather(self, parts: Any, array: Any) -> None:
        place, count, kind = self._bytes(array)
        self._do(self.communicator.allGather, place, parts.data.ptr, count, kind)

    def reduce_scatter(self, array: Any, parts: Any, op: ReduceOp) -> None:
        join, (work, made) = self._join(parts, op), self._plan(parts, op)
        result = self.xp.empty(array.shape, work.dtype)
        kind, count = self._type(result)
        self._do(self.communicator.reduceScatter, work.data.ptr, result.data.ptr, count, kind, join)
        array[...] = made(result).astype(array.dtype)

    def gather(self, parts: Any, array: Any, root: int) -> None:
        sends = [(root, array)]
        receives = list(enumerate(parts)) if self.rank == root else []
        self._exchange(sends, receives)

    def scatter(self, array: Any, parts: Any, root: int) -> None:
        sends = list(enumerate(parts)) if self.rank == root else []
        self._exchange(sends, [(root, array)])

    def all_to_all(
        self, received: Any, sent: Any, counts: Sequence[int], given: Sequence[int]
    ) -> None:
        def cut(array: Any, rows: Sequence[int]) -> list[tuple[int, Any]]:
            starts = [sum(rows[:i]) for i in range(len(rows))]
            return [(i, array[a : a + n]) for i, (a, n) in enumerate(zip(starts, rows)) if n]

        self._exchange(cut(sent, given), cut(received, counts))

    def _exchange(
        self, sends: Sequence[tuple[int, Any]], receives: Sequence[tuple[int, Any]]
    ) -> None:
        """Messages that none waits for another."""
        self.library.groupStart()
        for to, array in sends:
            self._do(self.communicator.send, *self._bytes(array), to)
        for source, array in receives:
            self._do(self.communicator.recv, *self._bytes(array), source)
        self.library.groupEnd()

    # ------------------------------------------------------------------------- messages

    def send(self, array: Any, to: int, tag: int) -> Any:
        self._do(self.communicator.send, *self._bytes(array), to)
        return Done()

    def receive(self, array: Any, source: int | None, tag: int) -> Any:
        if source is None:
            raise ValueError("NCCL receives from a process that is named: pass src=")
        self._do(self.communicator.recv, *self._bytes(array), source)
        return Done()
