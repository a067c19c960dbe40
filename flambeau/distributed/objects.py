"""Objects of Python that processes exchange: numbers, strings, containers, tensors, and the classes that were allowed.

They travel as files of `save` do, and are read as `load(weights_only=True)` reads them: what comes runs no code, whoever
has sent it. PyTorch unpickles what comes.

Source: torch.distributed.distributed_c10d
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ..serialization import load, save
from .agreement import agree
from .message import recv, send
from .process_group import chosen, place


def encoded(item: Any) -> np.ndarray:
    """An object as bytes.

    Raises:
        TypeError: It has a class that cannot be sent so.
    """
    file = io.BytesIO()
    save(item, file)
    return np.frombuffer(file.getvalue(), np.uint8).copy()


def decoded(data: np.ndarray) -> Any:
    """The object that bytes stand for."""
    return load(io.BytesIO(data.tobytes()), weights_only=True)


def _lengths(transport: Any, mine: int) -> np.ndarray:
    sizes = np.empty((transport.size, 1), np.int64)
    transport.all_gather(sizes, np.array([mine], np.int64))
    return sizes[:, 0]


def _all(transport: Any, mine: np.ndarray) -> list[np.ndarray]:
    """The bytes of all members: one array each."""
    sizes = _lengths(transport, mine.size)
    parts = [mine if i == transport.rank else np.empty(n, np.uint8) for i, n in enumerate(sizes)]
    for i, part in enumerate(parts):
        transport.broadcast(part, i)
    return parts


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """Give all members the objects of all, in a list with a place for each.

    Raises:
        ValueError: The list has not as many places as the group has members.
        TypeError: The object has a class that cannot be sent.

    Source: torch.distributed.all_gather_object

    Example:
        >>> from flambeau import distributed as dist
        >>> dist.init_process_group(store=dist.HashStore(), rank=0, world_size=1)
        >>> found = [None]
        >>> dist.all_gather_object(found, {"loss": 0.5})
        >>> found
        [{'loss': 0.5}]
        >>> dist.destroy_process_group()
    """
    found = chosen(group, "all_gather_object")
    if found is None:
        return
    if len(object_list) != found.size():
        raise ValueError(f"object_list has {len(object_list)} places for {found.size()} members")
    data = encoded(obj)

    def run() -> None:
        agree(found, "all_gather_object", ())
        for i, part in enumerate(_all(found._transport, data)):
            object_list[i] = decoded(part)

    found._order.run(run, False, None)


def gather_object(
    obj: Any,
    object_gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: Any = None,
    group_dst: int | None = None,
) -> None:
    """Give one member the objects of all.

    Raises:
        ValueError: The member that gets them gave no list, or another one did.

    Source: torch.distributed.gather_object
    """
    found = chosen(group, "gather_object")
    if found is None:
        return
    root = place(0 if dst is None and group_dst is None else dst, group_dst, found, "dst")
    here = found.rank() == root
    if here and (object_gather_list is None or len(object_gather_list) != found.size()):
        raise ValueError(
            "the destination rank needs object_gather_list, with a place for each member"
        )
    if not here and object_gather_list:
        raise ValueError("object_gather_list belongs to the destination rank alone")
    data = encoded(obj)

    def run() -> None:
        agree(found, "gather_object", (root,))
        transport = found._transport
        sizes = _lengths(transport, data.size)
        widest = np.zeros(int(sizes.max()), np.uint8)
        widest[: data.size] = data
        parts = np.empty((transport.size, widest.size), np.uint8) if here else None
        transport.gather(parts, widest, root)
        if here:
            assert parts is not None
            assert object_gather_list is not None
            for i, n in enumerate(sizes):
                object_gather_list[i] = decoded(parts[i, :n])

    found._order.run(run, False, None)


def broadcast_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: Any = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """Give all members the objects of one, in lists of one length.

    Source: torch.distributed.broadcast_object_list
    """
    found = chosen(group, "broadcast_object_list")
    if found is None:
        return
    root = place(0 if src is None and group_src is None else src, group_src, found, "src")
    here = found.rank() == root
    data = [encoded(x) for x in object_list] if here else []

    def run() -> None:
        agree(found, "broadcast_object_list", (root, len(object_list)))
        transport = found._transport
        sizes = np.array([x.size for x in data] if here else [0] * len(object_list), np.int64)
        transport.broadcast(sizes, root)
        whole = np.concatenate(data) if here and data else np.empty(int(sizes.sum()), np.uint8)
        transport.broadcast(whole, root)
        if not here:
            for i, part in enumerate(np.split(whole, np.cumsum(sizes)[:-1]) if len(sizes) else ()):
                object_list[i] = decoded(part)

    found._order.run(run, False, None)


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: list[Any] | None = None,
    src: int | None = None,
    group: Any = None,
    group_src: int | None = None,
) -> None:
    """Give each member its object of a list that one has; it becomes the first of the output list.

    Raises:
        ValueError: The output list is empty, or the list of the one has not an object for each.

    Source: torch.distributed.scatter_object_list
    """
    found = chosen(group, "scatter_object_list")
    if found is None:
        return
    if not scatter_object_output_list:
        raise ValueError("scatter_object_output_list needs a place for what this process gets")
    root = place(0 if src is None and group_src is None else src, group_src, found, "src")
    here, count = found.rank() == root, found.size()
    if here and (scatter_object_input_list is None or len(scatter_object_input_list) != count):
        raise ValueError(
            f"scatter_object_input_list needs an object for each of {count} members on the source rank"
        )
    data = [encoded(x) for x in scatter_object_input_list or ()] if here else []

    def run() -> None:
        agree(found, "scatter_object_list", (root,))
        transport = found._transport
        sizes = np.array([x.size for x in data] if here else [0] * count, np.int64)
        transport.broadcast(sizes, root)
        mine, parts = np.zeros(int(sizes.max()), np.uint8), None
        if here:
            parts = np.zeros((count, mine.size), np.uint8)
            for i, part in enumerate(data):
                parts[i, : part.size] = part
        transport.scatter(mine, parts, root)
        scatter_object_output_list[0] = decoded(mine[: int(sizes[transport.rank])])

    found._order.run(run, False, None)


def send_object_list(
    object_list: list[Any],
    dst: int | None = None,
    group: Any = None,
    device: Any = None,
    group_dst: int | None = None,
    use_batch: bool = False,
) -> None:
    """Send objects to another process.

    Source: torch.distributed.send_object_list
    """
    from ..ops.create.data import from_numpy

    data = [encoded(x) for x in object_list]
    send(from_numpy(np.array([x.size for x in data], np.int64)), dst, group, group_dst=group_dst)
    send(from_numpy(np.concatenate(data)), dst, group, group_dst=group_dst)


def recv_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: Any = None,
    device: Any = None,
    group_src: int | None = None,
    use_batch: bool = False,
) -> int:
    """Receive as many objects as a list has from another process, or from any; the rank of who has sent them.

    Source: torch.distributed.recv_object_list
    """
    from ..ops.create.data import from_numpy

    sizes = np.empty(len(object_list), np.int64)
    who = recv(from_numpy(sizes), src, group, group_src=group_src)
    if who < 0:
        return who
    whole = np.empty(int(sizes.sum()), np.uint8)
    recv(from_numpy(whole), who, group)
    for i, part in enumerate(np.split(whole, np.cumsum(sizes)[:-1])):
        object_list[i] = decoded(part)
    return who


__all__ = [
    "all_gather_object",
    "broadcast_object_list",
    "gather_object",
    "recv_object_list",
    "scatter_object_list",
    "send_object_list",
]
