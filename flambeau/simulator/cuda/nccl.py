"""NCCL between processes that each have a simulated GPU, as `cupy.cuda.nccl`: MPI carries what is in their memory.

It is strict where NCCL is silent: a group that is not ended, a communicator of another size.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import runtime

available = True
NCCL_SUM, NCCL_PROD, NCCL_MAX, NCCL_MIN = range(4)
NCCL_INT8, NCCL_UINT8, NCCL_INT32, NCCL_UINT32, NCCL_INT64, NCCL_UINT64 = range(6)
NCCL_FLOAT16, NCCL_FLOAT32, NCCL_FLOAT64 = 6, 7, 8
_TYPES = ("i1", "u1", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
_waiting: list[Any] | None = None
"""Messages of a group that was begun; None outside of one."""


class NcclError(RuntimeError):
    """What NCCL refuses."""


def get_version() -> int:
    return 22703


def get_build_version() -> int:
    return 22703


def get_unique_id() -> tuple[int, ...]:
    return tuple(np.random.default_rng().integers(-128, 128, 128).tolist())


def groupStart() -> None:
    global _waiting
    if _waiting is not None:
        raise NcclError("NCCL_ERROR_INVALID_USAGE: a group within a group")
    _waiting = []


def groupEnd() -> None:
    global _waiting
    if _waiting is None:
        raise NcclError("NCCL_ERROR_INVALID_USAGE: no group was begun")
    requests, _waiting = _waiting, None
    for request in requests:
        request.Wait()


def _memory(place: int, count: int, kind: int) -> np.ndarray:
    dtype = np.dtype(_TYPES[kind])
    size = count * dtype.itemsize
    return runtime._bytes(place, size).view(dtype) if size else np.empty(0, dtype)


class NcclCommunicator:
    """Processes with a GPU each."""

    def __init__(self, ndev: int, commId: tuple[int, ...], rank: int) -> None:
        from mpi4py import MPI

        if len(commId) != 128:
            raise NcclError("NCCL_ERROR_INVALID_ARGUMENT: a unique id has 128 bytes")
        group = MPI.COMM_WORLD.group
        if ndev != group.size:
            raise NcclError("the simulated NCCL joins all processes of the run")
        self.mpi = MPI
        self.world = MPI.COMM_WORLD.Split(0, rank)
        said = self.world.allgather(commId)
        if len(set(said)) != 1:
            raise NcclError("NCCL_ERROR_INVALID_ARGUMENT: processes have different ids")
        self.joins = (MPI.SUM, MPI.PROD, MPI.MAX, MPI.MIN)

    def rank_id(self) -> int:
        return int(self.world.rank)

    def size(self) -> int:
        return int(self.world.size)

    def allReduce(
        self, sendbuf: int, recvbuf: int, count: int, datatype: int, op: int, stream: int
    ) -> None:
        given, result = _memory(sendbuf, count, datatype), _memory(recvbuf, count, datatype)
        self.world.Allreduce(given.copy(), result, self.joins[op])

    def reduce(
        self, sendbuf: int, recvbuf: int, count: int, datatype: int, op: int, root: int, stream: int
    ) -> None:
        given, result = _memory(sendbuf, count, datatype), _memory(recvbuf, count, datatype)
        self.world.Reduce(
            given.copy(), result if self.world.rank == root else None, self.joins[op], root
        )

    def broadcast(
        self, sendbuff: int, recvbuff: int, count: int, datatype: int, root: int, stream: int
    ) -> None:
        data = _memory(sendbuff, count, datatype).copy()
        self.world.Bcast(data, root)
        _memory(recvbuff, count, datatype)[...] = data

    def reduceScatter(
        self, sendbuf: int, recvbuf: int, recvcount: int, datatype: int, op: int, stream: int
    ) -> None:
        given = _memory(sendbuf, recvcount * self.world.size, datatype)
        self.world.Reduce_scatter_block(
            given.copy(), _memory(recvbuf, recvcount, datatype), self.joins[op]
        )

    def allGather(self, sendbuf: int, recvbuf: int, count: int, datatype: int, stream: int) -> None:
        result = _memory(recvbuf, count * self.world.size, datatype)
        self.world.Allgather(_memory(sendbuf, count, datatype).copy(), result)

    def send(self, sendbuf: int, count: int, datatype: int, peer: int, stream: int) -> None:
        self._message(self.world.Isend(_memory(sendbuf, count, datatype), peer))

    def recv(self, recvbuf: int, count: int, datatype: int, peer: int, stream: int) -> None:
        self._message(self.world.Irecv(_memory(recvbuf, count, datatype), peer))

    def _message(self, request: Any) -> None:
        if _waiting is None:
            request.Wait()
        else:
            _waiting.append(request)

    def destroy(self) -> None:
        """Nobody uses it any more."""

    def abort(self) -> None:
        """Give up."""
