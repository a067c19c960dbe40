"""Messages from one process to another.

Source: torch.distributed.distributed_c10d
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ..core.tensor import Tensor
from .collective import carrier, checked, own, put
from .process_group import ProcessGroup, chosen, place
from .work import Message, Work


def _partner(
    rank: int | None, group_rank: int | None, group: ProcessGroup, what: str, side: str
) -> int:
    found = place(rank, group_rank, group, what)
    if found == group.rank():
        raise ValueError(
            f"Invalid {side} rank: {side} rank should not be the same as the rank of the current process."
        )
    return found


def isend(
    tensor: Tensor,
    dst: int | None = None,
    group: Any = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> Work | None:
    """Send a tensor to another process, and give at once what can be waited for; until then it is not to be written.

    Args:
        tensor: Whose elements are sent.
        dst, group_dst: To whom, by rank in the run or in the group.
        tag: What the receiver asks for too.

    Raises:
        ValueError: It is this process, or no member.

    Source: torch.distributed.isend
    """
    checked(tensor, "tensor")
    found = chosen(group, "isend")
    if found is None:
        return None
    to = _partner(dst, group_dst, found, "dst", "destination")
    transport = carrier(found, tensor)
    array = own(tensor, transport)
    if transport.takes_devices:
        transport.send(array, to, tag)
        return _Started([tensor], -1)
    return Message(
        transport.until, transport.send(array, to, tag), found.seconds, "send", [tensor], held=array
    )


def irecv(
    tensor: Tensor,
    src: int | None = None,
    group: Any = None,
    tag: int = 0,
    group_src: int | None = None,
) -> Work | None:
    """Receive a tensor from another process, or from any; until it is waited for, its elements are not to be read.

    Raises:
        ValueError: It is this process, or no member.

    Source: torch.distributed.irecv
    """
    checked(tensor, "tensor")
    found = chosen(group, "irecv")
    if found is None:
        return None
    anybody = src is None and group_src is None
    source = None if anybody else _partner(src, group_src, found, "src", "source")
    transport, ranks = carrier(found, tensor), found.ranks
    array = own(tensor, transport)
    request = transport.receive(array, source, tag)
    if transport.takes_devices:
        return _Started([tensor], -1 if source is None else ranks[source], array)
    return Message(
        transport.until, request, found.seconds, "receive", [tensor],
        held=array, arrived=lambda who, got: _arrived(tensor, array, got), named=ranks.__getitem__,
    )  # fmt: skip


class _Started(Work):
    """A message that is in its place in the order of a device.

    Args:
        array: Where it is received; it becomes the tensor's when it is waited for.
    """

    def __init__(self, tensors: Any, source: int, array: Any = None) -> None:
        super().__init__(tensors)
        self._source, self._array = source, array
        self._finish()

    def source_rank(self) -> int:
        return self._source

    def wait(self, timeout: timedelta | None = None) -> bool:
        if self._array is not None:
            put(self._tensors[0], self._array)
            self._array = None
        return super().wait(timeout)


def _arrived(tensor: Tensor, array: Any, got: int) -> None:
    if got != array.nbytes:
        raise RuntimeError(
            f"received a message of {got} bytes into a tensor of {array.nbytes}: sender and receiver need one shape "
            "and dtype"
        )
    put(tensor, array)


def send(
    tensor: Tensor,
    dst: int | None = None,
    group: Any = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> None:
    """Send a tensor to another process, and wait until it may be written again.

    Source: torch.distributed.send
    """
    work = isend(tensor, dst, group, tag, group_dst)
    if work is not None:
        work.wait()


def recv(
    tensor: Tensor,
    src: int | None = None,
    group: Any = None,
    tag: int = 0,
    group_src: int | None = None,
) -> int:
    """Receive a tensor from another process, or from any; the rank of who has sent it.

    Source: torch.distributed.recv
    """
    work = irecv(tensor, src, group, tag, group_src)
    if work is None:
        return -1
    work.wait()
    return work.source_rank()


class P2POp:
    """One message of several that `batch_isend_irecv` begins.

    Args:
        op: `isend` or `irecv`.
        tensor: What is sent or written.
        peer, group_peer: The other side, by rank in the run or in the group.

    Raises:
        ValueError: Another function was given.

    Source: torch.distributed.P2POp
    """

    def __init__(
        self,
        op: Callable,
        tensor: Tensor,
        peer: int | None = None,
        group: Any = None,
        tag: int = 0,
        group_peer: int | None = None,
    ) -> None:
        if op not in (isend, irecv):
            raise ValueError("P2POp: op is torch.distributed.isend or torch.distributed.irecv")
        checked(tensor, "tensor")
        self.op, self.tensor, self.peer, self.group, self.tag = op, tensor, peer, group, tag
        self.group_peer = group_peer

    def __repr__(self) -> str:
        peer = self.peer if self.group_peer is None else self.group_peer
        return f"P2POp({self.op.__name__}, peer={peer}, {tuple(self.tensor.shape)})"


def batch_isend_irecv(p2p_op_list: list[P2POp]) -> list[Work]:
    """Begin several messages, in any order: none waits for another.

    Raises:
        ValueError: The list is empty, or has something else in it.

    Source: torch.distributed.batch_isend_irecv
    """
    if not isinstance(p2p_op_list, list) or not all(isinstance(x, P2POp) for x in p2p_op_list):
        raise ValueError("batch_isend_irecv takes a list of P2POp")
    if not p2p_op_list:
        raise ValueError("batch_isend_irecv got an empty list")
    library = _library(p2p_op_list)
    if library is not None:
        library.groupStart()
    works = [x.op(x.tensor, x.peer, x.group, x.tag, x.group_peer) for x in p2p_op_list]
    if library is not None:
        library.groupEnd()
    return [work for work in works if work is not None]


def _library(messages: list[P2POp]) -> Any:
    """NCCL, if it carries messages: it has to be told that they belong together."""
    for x in messages:
        group = chosen(x.group, "batch_isend_irecv")
        if group is not None and (transport := carrier(group, x.tensor)).takes_devices:
            return transport.library
    return None


__all__ = ["P2POp", "batch_isend_irecv", "irecv", "isend", "recv", "send"]
