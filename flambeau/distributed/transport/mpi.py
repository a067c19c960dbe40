"""Arrays by MPI, through mpi4py's buffer calls: nothing is pickled on the wire.

Every collective begins with a sum that is polled (`ends`, see agreement.py): so whoever waits for somebody who does not come
sleeps, hears Ctrl-C, and gives up in the end. MPI's own calls, which spin and cannot be left, begin when everybody is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..kinds import DistBackendError, DistTimeoutError, RedOpType, ReduceOp
from ..lifeline import Lifeline
from .arrays import as_bytes, check, plan

_SPINS = 200
"""Questions without a pause before a process that waits begins to sleep."""
_LOOK = 0.2
"""Seconds between two looks whether somebody has failed."""
ANY_TAG_LIMIT = 1 << 15


class Mpi:
    """A group of processes that MPI connects.

    Args:
        communicator: Of mpi4py; it belongs to this object.
        line: Says if a process of the run has failed.
    """

    name = "mpi"
    xp, takes_devices = np, False

    def __init__(self, communicator: Any, line: Lifeline) -> None:
        from mpi4py import MPI

        self.mpi, self.communicator, self.line = MPI, communicator, line
        self.rank, self.size = communicator.rank, communicator.size
        self._own, self._both = np.zeros(2, np.int64), np.zeros(2, np.int64)
        self.operations = {
            RedOpType.SUM: MPI.SUM,
            RedOpType.AVG: MPI.SUM,
            RedOpType.PREMUL_SUM: MPI.SUM,
            RedOpType.PRODUCT: MPI.PROD,
            RedOpType.MIN: MPI.MIN,
            RedOpType.MAX: MPI.MAX,
            RedOpType.BAND: MPI.BAND,
            RedOpType.BOR: MPI.BOR,
            RedOpType.BXOR: MPI.BXOR,
        }
        logical = {RedOpType.SUM: MPI.LOR, RedOpType.MAX: MPI.LOR, RedOpType.BOR: MPI.LOR}
        logical |= dict.fromkeys((RedOpType.PRODUCT, RedOpType.MIN, RedOpType.BAND), MPI.LAND)
        self.logical = logical | {RedOpType.BXOR: MPI.LXOR}

    # ------------------------------------------------------------------------- waiting

    def ends(self, number: int, what: str, timeout: float) -> tuple[int, int]:
        """Wait until everybody has come, each with a number; the least and the greatest of these.

        Raises:
            DistBackendError: Somebody has failed, or did not come in time.
        """
        own, both = self._own, self._both
        own[0], own[1] = number, -number
        self.until(self.communicator.Iallreduce(own, both, self.mpi.MAX).Test, what, timeout)
        return -int(both[1]), int(both[0])

    def until(self, is_done: Callable[[], Any], what: str, timeout: float) -> None:
        """Ask until something is done, ever less often.

        Raises:
            DistBackendError: Somebody has failed, or it took too long.
        """
        for _ in range(_SPINS):
            if is_done():
                return
        begin = time.monotonic()
        look, pause = begin + _LOOK, 0.0
        while not is_done():
            time.sleep(pause)
            now = time.monotonic()
            pause = 0.0 if now < begin + 1e-3 else min(pause + 2e-5, 1e-3)
            if now > look:
                self.line.check()
                look = now + _LOOK
                if now - begin > timeout:
                    raise DistTimeoutError(
                        f"rank {self.rank} has waited {timeout:g} s in {what} for the others of its group of {self.size}"
                    )

    # ------------------------------------------------------------------------- collectives

    def _do(self, call: Callable[..., Any], *given: Any) -> None:
        """Make a call of MPI that cannot be left, with a note of it for the lifeline.

        Raises:
            DistBackendError: MPI has refused.
        """
        self.line.inside = time.monotonic()
        try:
            call(*given)
        except self.mpi.Exception as error:
            raise DistBackendError(f"MPI: {error}") from None
        finally:
            self.line.inside = None

    def broadcast(self, array: np.ndarray, root: int) -> None:
        self._do(self.communicator.Bcast, as_bytes(array), root)

    def operation(self, array: np.ndarray, op: ReduceOp) -> Any:
        """MPI's name of a reduction.

        Raises:
            RuntimeError: It does not take the dtype.
        """
        check(array.dtype, op)
        return (self.logical if array.dtype.kind == "b" else self.operations)[op.op]

    def reduce(self, array: np.ndarray, op: ReduceOp, root: int | None) -> None:
        operation, (work, finish) = self.operation(array, op), plan(array, op, self.size)
        here = self.mpi.IN_PLACE
        if root is None:
            self._do(self.communicator.Allreduce, here, work, operation)
        elif self.rank == root:
            self._do(self.communicator.Reduce, here, work, operation, root)
        else:
            self._do(self.communicator.Reduce, work, None, operation, root)
            return
        finish()

    def all_gather(self, parts: np.ndarray, array: np.ndarray) -> None:
        self._do(self.communicator.Allgather, as_bytes(array), as_bytes(parts))

    def gather(self, parts: np.ndarray | None, array: np.ndarray, root: int) -> None:
        self._do(
            self.communicator.Gather,
            as_bytes(array),
            None if parts is None else as_bytes(parts),
            root,
        )

    def scatter(self, array: np.ndarray, parts: np.ndarray | None, root: int) -> None:
        self._do(
            self.communicator.Scatter,
            None if parts is None else as_bytes(parts),
            as_bytes(array),
            root,
        )

    def reduce_scatter(self, array: np.ndarray, parts: np.ndarray, op: ReduceOp) -> None:
        operation, (work, _) = self.operation(parts, op), plan(parts, op, self.size)
        target = np.empty(array.shape, work.dtype) if work is not parts else array
        self._do(self.communicator.Reduce_scatter_block, work, target, operation)
        _, finish = plan(
            target, ReduceOp(RedOpType.AVG) if op.op is RedOpType.AVG else ReduceOp(), self.size
        )
        finish()
        if target is not array:
            np.copyto(array, target, casting="unsafe")

    def all_to_all(
        self, received: np.ndarray, sent: np.ndarray, counts: Sequence[int], given: Sequence[int]
    ) -> None:
        """Rows of `sent` to everybody, `given` of them; rows of `received` from everybody, `counts` of them."""
        row = sent.itemsize * int(np.prod(sent.shape[1:]))

        def layout(array: np.ndarray, rows: Sequence[int]) -> list[Any]:
            sizes = [n * row for n in rows]
            starts = [sum(sizes[:i]) for i in range(len(sizes))]
            return [as_bytes(array), sizes, starts, self.mpi.BYTE]

        self._do(self.communicator.Alltoallv, layout(sent, given), layout(received, counts))

    # ------------------------------------------------------------------------- messages

    def send(self, array: np.ndarray, to: int, tag: int) -> Any:
        return self.communicator.Isend(as_bytes(array), to, tag)

    def receive(self, array: np.ndarray, source: int | None, tag: int) -> Any:
        return self.communicator.Irecv(
            as_bytes(array), self.mpi.ANY_SOURCE if source is None else source, tag
        )

    # ------------------------------------------------------------------------- groups

    def split(self, ranks: Sequence[int], together: bool = True) -> Mpi | None:
        """A transport of some of them, in this order; None in the others.

        Args:
            together: Do all call this, or the members alone?
        """
        group = self.communicator.group.Incl(list(ranks))
        if together:
            made = self.communicator.Create(group)
        else:
            made = self.communicator.Create_group(group, hash(tuple(ranks)) % ANY_TAG_LIMIT)
        group.Free()
        return None if made == self.mpi.COMM_NULL else Mpi(made, self.line)

    def neighbours(self) -> int:
        """How many members are on this machine."""
        local = self.communicator.Split_type(self.mpi.COMM_TYPE_SHARED)
        count = int(local.size)
        local.Free()
        return count
