"""What the tensors of all members of a group become together: sums, copies, exchanges.

Each writes into tensors that are given. A tensor that does not lie in order is copied to where it does, and back.
With `async_op` a `Work` is given at once, and the group's thread does it.

Source: torch.distributed.distributed_c10d
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from ..autograd.location import count_writes
from ..core.tensor import Tensor, address
from ..profiler.naming import ANNOTATION
from ..profiler.recorder import active as profilers
from .agreement import agree
from .kinds import ReduceOp
from .process_group import ProcessGroup, chosen, place
from .work import Work


def checked(x: Any, name: str) -> Tensor:
    """Raises TypeError if it is no tensor."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor, but got {type(x)} instead."
        )
    return x


def listed(xs: Any, name: str) -> list[Tensor]:
    """Raises TypeError if it is no list of tensors."""
    if not isinstance(xs, (list, tuple)) or not all(isinstance(x, Tensor) for x in xs):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]"
        )
    return list(xs)


def alike(tensors: Sequence[Tensor]) -> None:
    """Raises ValueError if tensors differ in dtype or shape."""
    first = tensors[0]
    for x in tensors[1:]:
        if x.dtype is not first.dtype:
            raise ValueError(
                f"Invalid usage of tensors with different dtypes: {first.dtype} and {x.dtype}"
            )
        if x.shape != first.shape:
            raise ValueError(
                f"tensors of one collective have one shape, got {list(first.shape)} and {list(x.shape)}"
            )


def own(x: Tensor, transport: Any = None) -> Any:
    """A tensor's elements in order: its own memory where they lie so, else a copy; of a device, on the host unless the
    transport takes arrays of devices."""
    if x.is_conj() or x.is_neg():  # type: ignore[attr-defined]
        x = x.resolve_conj().resolve_neg()  # type: ignore[attr-defined]
    if transport is not None and transport.takes_devices:
        return transport.xp.ascontiguousarray(x._array).reshape(x.shape)
    array = x._kind.backend.to_host(x._array)
    return np.ascontiguousarray(array).reshape(array.shape)


def put(x: Tensor, array: Any) -> None:
    """Write what `own` gave, changed, back into the tensor."""
    target = x._array
    if array is not target and not (
        array.__class__ is target.__class__ and address(array) == address(target) and array.flags.c_contiguous
        and target.flags.c_contiguous
    ):  # fmt: skip
        target[...] = x._kind.backend.to(array, x._kind.device.index)
    count_writes((x,))


def operation(op: Any) -> ReduceOp:
    """A reduction, also one that is given by its bare member."""
    return op if isinstance(op, ReduceOp) else ReduceOp(op)


def carrier(group: ProcessGroup, x: Tensor) -> Any:
    """What carries a tensor: NCCL, if the group was made with it and the tensor is on a GPU; else the group's transport."""
    if not group.has_nccl or x._kind.device.type != "cuda" or group.size() == 1:
        return group._transport
    if group._on_devices is None:
        from .transport.nccl import Nccl

        group._on_devices = Nccl(group._transport, x._kind)
    return group._on_devices


def start(
    group: ProcessGroup,
    what: str,
    async_op: bool,
    told: Sequence[Any],
    tensors: Any,
    call: Callable[[Any], None],
    transport: Any = None,
) -> Work | None:
    """Do something with a group's transport once all members are there.

    Args:
        what: Its name.
        told: What must be the same in all members: shapes, dtypes, options.
        transport: That of `carrier`; None for the group's own.
    """

    carries = group._transport if transport is None else transport

    def run() -> None:
        agree(group, what, told)
        call(carries)

    def seen() -> None:
        # By a profiler, which does not see what threads call that were there before it.
        recorder = profilers[-1]
        record = recorder.open(f"distributed::{what}", ANNOTATION, None)
        try:
            run()
        finally:
            recorder.close(record, None)

    later = (
        async_op and not carries.takes_devices
    )  # a device does things in the order in which they are started
    work = group._order.run(seen if profilers else run, later, tensors)
    if work is None and async_op:
        work = Work(tensors)
        work._finish()
    return work


def all_reduce(
    tensor: Tensor, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Join the tensors of all members; each gets the result in its tensor.

    Args:
        tensor: Of one shape and dtype in all members; it is written.
        op: One of `ReduceOp`.
        group: Whose members; None for all processes.
        async_op: Give a `Work` at once.

    Raises:
        TypeError: It is no tensor.
        RuntimeError: The dtype cannot be joined so.
        DistBackendError: Another member failed or did not come in time.

    Source: torch.distributed.all_reduce
    """
    found = chosen(group, "all_reduce")
    if found is None:
        return None
    carries = carrier(found, checked(tensor, "tensor"))
    array, how = own(tensor, carries), operation(op)

    def call(transport: Any) -> None:
        transport.reduce(array, how, None)
        put(tensor, array)

    return start(
        found,
        "all_reduce",
        async_op,
        (array.shape, array.dtype.name, how.op.name),
        [tensor],
        call,
        carries,
    )


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: Any = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Join the tensors of all members; the member `dst` gets the result, and those of the others are left as they may be.

    Source: torch.distributed.reduce
    """
    found = chosen(group, "reduce")
    if found is None:
        return None
    root = place(dst, group_dst, found, "dst")
    carries = carrier(found, checked(tensor, "tensor"))
    array, how = own(tensor, carries), operation(op)

    def call(transport: Any) -> None:
        work = array if transport.rank == root else array.copy()
        transport.reduce(work, how, root)
        if transport.rank == root:
            put(tensor, work)

    return start(
        found,
        "reduce",
        async_op,
        (array.shape, array.dtype.name, how.op.name, root),
        [tensor],
        call,
        carries,
    )


def broadcast(
    tensor: Tensor,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Give all members the tensor of one.

    Source: torch.distributed.broadcast
    """
    found = chosen(group, "broadcast")
    if found is None:
        return None
    root, carries = place(src, group_src, found, "src"), carrier(found, checked(tensor, "tensor"))
    array = own(tensor, carries)

    def call(transport: Any) -> None:
        transport.broadcast(array, root)
        if transport.rank != root:
            put(tensor, array)

    return start(
        found, "broadcast", async_op, (array.shape, array.dtype.name, root), [tensor], call, carries
    )


def broadcast_together(tensors: Sequence[Tensor], root: int, group: ProcessGroup) -> None:
    """Give all members the tensors of one, those of one dtype in one message.

    Args:
        root: Its rank in the group.
    """
    by_type: dict[Any, list[Any]] = {}
    for x in tensors:
        by_type.setdefault(x.dtype, []).append(x)
    for dtype, alike in by_type.items():
        flat = np.concatenate([own(x).reshape(-1) for x in alike])
        told = (flat.size, str(dtype), root)
        start(group, "broadcast", False, told, [], lambda t, flat=flat: t.broadcast(flat, root))  # type: ignore[misc]
        if group.rank() == root:
            continue
        at = 0
        for x in alike:
            put(x.detach(), flat[at : at + x.numel()].reshape(x.shape))
            at += x.numel()


def all_gather(
    tensor_list: Any, tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Give all members the tensors of all, one after the other; shapes may differ from member to member where all know them.

    Source: torch.distributed.all_gather
    """
    found = chosen(group, "all_gather")
    if found is None:
        return None
    targets, carries = listed(tensor_list, "tensor_list"), carrier(found, checked(tensor, "tensor"))
    array = own(tensor, carries)
    if len(targets) != found.size():
        raise ValueError(
            f"ProcessGroup::allgather: the list has {len(targets)} tensors for {found.size()} members"
        )
    for x in targets:
        if x.dtype is not tensor.dtype:
            raise ValueError(
                f"Invalid usage of tensors with different dtypes: {tensor.dtype} and {x.dtype}"
            )
    even = all(x.shape == tensor.shape for x in targets)

    def call(transport: Any) -> None:
        if even:
            parts = transport.xp.empty((transport.size, *array.shape), array.dtype)
            transport.all_gather(parts, array)
        else:
            parts = [
                array if i == transport.rank else transport.xp.empty(x.shape, array.dtype)
                for i, x in enumerate(targets)
            ]
            for i, part in enumerate(parts):
                transport.broadcast(part, i)
        for x, part in zip(targets, parts):
            put(x, part)

    told = (array.dtype.name, tuple(x.shape for x in targets))
    return start(found, "all_gather", async_op, told, targets, call, carries)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Give all members the tensors of all in one, joined or stacked along its first dimension.

    Raises:
        ValueError: The result has another size or dtype.

    Source: torch.distributed.all_gather_into_tensor
    """
    found = chosen(group, "all_gather_into_tensor")
    if found is None:
        return None
    carries = carrier(found, checked(input_tensor, "input_tensor"))
    array = own(input_tensor, carries)
    _check_whole(checked(output_tensor, "output_tensor"), input_tensor, found, "output", "input")

    def call(transport: Any) -> None:
        whole = own(output_tensor, transport)
        transport.all_gather(whole.reshape(transport.size, *array.shape), array)
        put(output_tensor, whole)

    return start(
        found,
        "all_gather_into_tensor",
        async_op,
        (array.shape, array.dtype.name),
        [output_tensor],
        call,
        carries,
    )


def _check_whole(whole: Tensor, part: Tensor, group: ProcessGroup, name: str, other: str) -> None:
    if whole.dtype is not part.dtype:
        raise TypeError(
            f"{name} tensor must have the same type as {other} tensor: {whole.dtype}, {part.dtype}"
        )
    if whole.numel() != part.numel() * group.size():  # type: ignore[attr-defined]
        raise ValueError(
            f"{name} tensor size must be equal to world_size times {other} tensor size: {list(whole.shape)} for "
            f"{group.size()} of {list(part.shape)}"
        )


def reduce_scatter(
    output: Tensor,
    input_list: Any,
    op: Any = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Join the lists of all members, tensor by tensor; member i gets the result of the i-th.

    Source: torch.distributed.reduce_scatter
    """
    found = chosen(group, "reduce_scatter")
    if found is None:
        return None
    given, target = listed(input_list, "input_list"), checked(output, "output")
    if len(given) != found.size():
        raise ValueError(f"the list has {len(given)} tensors for {found.size()} members")
    alike([target, *given])
    return _reduce_scatter(found, "reduce_scatter", target, _stacked(given, found), op, async_op)


def reduce_scatter_tensor(
    output: Tensor, input: Tensor, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Join the tensors of all members, and give each its part along the first dimension.

    Raises:
        ValueError: The input is not as large as all results together.

    Source: torch.distributed.reduce_scatter_tensor
    """
    found = chosen(group, "reduce_scatter_tensor")
    if found is None:
        return None
    _check_whole(checked(input, "input"), checked(output, "output"), found, "input", "output")
    parts = own(input, carrier(found, input)).reshape(found.size(), *output.shape)
    return _reduce_scatter(found, "reduce_scatter_tensor", output, parts.copy(), op, async_op)


def _reduce_scatter(
    group: ProcessGroup, what: str, output: Tensor, parts: np.ndarray, op: Any, async_op: bool
) -> Work | None:
    how, carries = operation(op), carrier(group, output)

    def call(transport: Any) -> None:
        array = own(output, transport)
        transport.reduce_scatter(array, parts, how)
        put(output, array)

    return start(
        group, what, async_op, (parts.shape, parts.dtype.name, how.op.name), [output], call, carries
    )


def gather(
    tensor: Tensor,
    gather_list: Any = None,
    dst: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Give one member the tensors of all.

    Raises:
        ValueError: The member that gets them gave no list, or another one did.

    Source: torch.distributed.gather
    """
    found = chosen(group, "gather")
    if found is None:
        return None
    root = place(0 if dst is None and group_dst is None else dst, group_dst, found, "dst")
    carries, here = carrier(found, checked(tensor, "tensor")), found.rank() == root
    array = own(tensor, carries)
    targets = _list_of_root(gather_list, "gather_list", here, found, "destination")

    def call(transport: Any) -> None:
        parts = transport.xp.empty((transport.size, *array.shape), array.dtype) if here else None
        transport.gather(parts, array, root)
        for x, part in zip(targets, () if parts is None else parts):
            put(x, part)

    return start(
        found, "gather", async_op, (array.shape, array.dtype.name, root), targets, call, carries
    )


def scatter(
    tensor: Tensor,
    scatter_list: Any = None,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Give each member its tensor of a list that one has.

    Raises:
        ValueError: The member that has them gave no list, or another one did.

    Source: torch.distributed.scatter
    """
    found = chosen(group, "scatter")
    if found is None:
        return None
    root = place(0 if src is None and group_src is None else src, group_src, found, "src")
    here, target = found.rank() == root, checked(tensor, "tensor")
    given = _list_of_root(scatter_list, "scatter_list", here, found, "source")
    carries = carrier(found, target)
    parts = _stacked(given, found) if here else None
    if here:
        alike([target, *given])

    def call(transport: Any) -> None:
        array = own(target, transport)
        transport.scatter(array, parts, root)
        put(target, array)

    return start(
        found,
        "scatter",
        async_op,
        (tuple(target.shape), str(target.dtype), root),
        [target],
        call,
        carries,
    )


def _stacked(tensors: Sequence[Tensor], group: ProcessGroup) -> Any:
    carries = carrier(group, tensors[0])
    return carries.xp.stack([own(x, carries) for x in tensors])


def _list_of_root(
    items: Any, name: str, here: bool, group: ProcessGroup, which: str
) -> list[Tensor]:
    if not here:
        if items:
            raise ValueError(f"``{name}`` belongs to the {which} rank alone")
        return []
    if not items:
        raise ValueError(f"the {which} rank needs ``{name}``")
    if len(items) != group.size():
        raise ValueError(f"``{name}`` has {len(items)} tensors for {group.size()} members")
    return listed(items, name)


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Give each member its rows of the tensors of all.

    Args:
        output_split_sizes: How many rows come from each member; None for as many from each.
        input_split_sizes: How many go to each.

    Raises:
        ValueError: The rows do not add up.

    Source: torch.distributed.all_to_all_single
    """
    found = chosen(group, "all_to_all_single")
    if found is None:
        return None
    alike([checked(output, "output")[:0], checked(input, "input")[:0]])
    size = found.size()
    counts = _splits(output_split_sizes, output, size, "output")
    given = _splits(input_split_sizes, input, size, "input")
    carries = carrier(found, input)
    sent = own(input, carries)

    def call(transport: Any) -> None:
        received = own(output, transport)
        transport.all_to_all(received, sent, counts, given)
        put(output, received)

    return start(
        found,
        "all_to_all_single",
        async_op,
        (sent.shape[1:], sent.dtype.name),
        [output],
        call,
        carries,
    )


def _splits(sizes: Sequence[int] | None, x: Tensor, count: int, name: str) -> list[int]:
    rows = x.shape[0] if x.ndim else 1
    if not sizes:
        if rows % count:
            raise ValueError(
                f"Tensor's dim 0 does not divide equally across group size: {rows} rows of {name}, {count} members"
            )
        return [rows // count] * count
    if len(sizes) != count or sum(sizes) != rows:
        raise ValueError(
            f"Split sizes of {name} don't match its {rows} rows for {count} members: {list(sizes)}"
        )
    return [int(n) for n in sizes]


def all_to_all(
    output_tensor_list: Any, input_tensor_list: Any, group: Any = None, async_op: bool = False
) -> Work | None:
    """Send the i-th tensor of a list to member i; what members send to this one comes into the other list.

    Source: torch.distributed.all_to_all
    """
    found = chosen(group, "all_to_all")
    if found is None:
        return None
    targets, given = (
        listed(output_tensor_list, "output_tensor_list"),
        listed(input_tensor_list, "input_tensor_list"),
    )
    if len(targets) != found.size() or len(given) != found.size():
        raise ValueError(f"all_to_all takes {found.size()} tensors for {found.size()} members")
    alike([x.reshape(-1)[:0] for x in (*targets, *given)])  # type: ignore[attr-defined]
    carries = carrier(found, given[0])
    sent = carries.xp.concatenate([own(x, carries).reshape(-1) for x in given])

    def call(transport: Any) -> None:
        counts = [x.numel() for x in targets]  # type: ignore[attr-defined]
        received = transport.xp.empty(sum(counts), sent.dtype)
        transport.all_to_all(received, sent, counts, [x.numel() for x in given])  # type: ignore[attr-defined]
        at = 0
        for x, n in zip(targets, counts):
            put(x, received[at : at + n].reshape(x.shape))
            at += n

    return start(found, "all_to_all", async_op, (sent.dtype.name,), targets, call, carries)


def barrier(
    group: Any = None,
    async_op: bool = False,
    device_ids: Any = None,
    timeout: timedelta | None = None,
) -> Work | None:
    """Wait until all members have come here.

    Raises:
        DistBackendError: Some did not come in time.

    Source: torch.distributed.barrier
    """
    found = chosen(group, "barrier")
    if found is None:
        return None
    return start(found, "barrier", async_op, (), [], lambda transport: None)


def all_reduce_coalesced(
    tensors: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """`all_reduce` of several tensors.

    Source: torch.distributed.all_reduce_coalesced
    """
    works = [all_reduce(x, op, group, async_op) for x in listed(tensors, "tensors")]
    return works[-1] if works else None


def all_gather_coalesced(
    output_tensor_lists: Any, input_tensor_list: Any, group: Any = None, async_op: bool = False
) -> Work | None:
    """`all_gather` of several tensors: the i-th list has those of member i.

    Source: torch.distributed.all_gather_coalesced
    """
    given = listed(input_tensor_list, "input_tensor_list")
    works = [
        all_gather([row[i] for row in output_tensor_lists], x, group, async_op)
        for i, x in enumerate(given)
    ]
    return works[-1] if works else None


all_gather_single, reduce_scatter_single = all_gather_into_tensor, reduce_scatter_tensor

__all__ = [
    "all_gather",
    "all_gather_coalesced",
    "all_gather_into_tensor",
    "all_gather_single",
    "all_reduce",
    "all_reduce_coalesced",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "gather",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_single",
    "reduce_scatter_tensor",
    "scatter",
]
