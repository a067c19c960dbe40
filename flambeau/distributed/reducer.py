"""Adding up the gradients of all processes while backward still runs.

Parameters lie in buckets, in the reverse of their order in the module, which is about the order in which backward finishes
their gradients. When a bucket's last gradient is there, the group's thread begins to add it up; the last wait is at the end
of backward. All processes fill the buckets alike and send them in one order, so the sums have the same bits everywhere, and
with one number of processes the same in every run.

Source: Li et al., PyTorch Distributed: Experiences on Accelerating Data Parallel Training (VLDB 2020)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..autograd.engine import queue_callback
from ..autograd.location import count_writes
from ..core.tensor import Tensor, address, wrap
from .collective import carrier, own, put, start
from .kinds import ReduceOp
from .process_group import ProcessGroup

FIRST_BYTES = 1 << 20
"""Bytes of the first bucket, which begins early."""


class Bucket:
    """Parameters whose gradients travel together.

    Attributes:
        flat: Their gradients, one after the other.
        views: The part of `flat` that is each parameter's, in its shape.
    """

    def __init__(self, index: int, params: Sequence[Tensor]) -> None:
        self.index, self.params = index, list(params)
        kind = params[0]._kind.strided
        count = sum(p.numel() for p in params)  # type: ignore[attr-defined]
        self.tensor = wrap(kind.xp.zeros(count, kind.numpy), kind)
        self.flat = self.tensor._array
        self.views, at = [], 0
        for p in params:
            count = p.numel()  # type: ignore[attr-defined]
            self.views.append(self.flat[at : at + count].reshape(p.shape))
            at += count
        self.missing: set[int] = set()
        self.work: Any = None


class GradBucket:
    """What a communication hook is given of a bucket.

    Source: torch.distributed.GradBucket
    """

    def __init__(self, bucket: Bucket, is_last: bool) -> None:
        self._bucket, self._is_last = bucket, is_last
        self._buffer = bucket.tensor.detach()  # type: ignore[attr-defined]

    def index(self) -> int:
        """Its number; buckets are sent in this order."""
        return self._bucket.index

    def buffer(self) -> Tensor:
        """The gradients, one after the other."""
        return self._buffer

    def set_buffer(self, buffer: Tensor) -> None:
        """Let another tensor be the gradients."""
        self._buffer = buffer

    def gradients(self) -> list[Tensor]:
        """The gradient of each parameter, in its shape."""
        made, at = [], 0
        for p in self._bucket.params:
            count = p.numel()  # type: ignore[attr-defined]
            made.append(self._buffer[at : at + count].view(p.shape))  # type: ignore[attr-defined]
            at += count
        return made

    def parameters(self) -> list[Tensor]:
        """The parameters."""
        return list(self._bucket.params)

    def is_last(self) -> bool:
        """Is it the last that is sent?"""
        return self._is_last


def in_buckets(params: Iterable[Tensor], cap: int) -> list[Bucket]:
    """Parameters by dtype, last first, no more than `cap` bytes together unless one alone has more."""
    parts: list[list[Tensor]] = []
    filling: dict[Any, tuple[list[Tensor], int]] = {}
    for p in reversed(list(params)):
        size = p.numel() * p._kind.numpy.itemsize  # type: ignore[attr-defined]
        part, used = filling.get(p.dtype, ([], 0))
        limit = min(cap, FIRST_BYTES) if not parts or part is parts[0] else cap
        if not part or used + size > limit:
            part, used = [], 0
            parts.append(part)
        part.append(p)
        filling[p.dtype] = part, used + size
    return [Bucket(i, part) for i, part in enumerate(parts)]


class Reducer:
    """Adds up the gradients of parameters.

    Args:
        named: The parameters that have gradients, with their names.
        cap: Bytes of a bucket at most.
        as_views: Let gradients be parts of the buckets' memory, which saves a copy.
        finds_unused: Look, before each backward, which parameters the result does not depend on.
        static: The same parameters take part in every step, in any number of backwards within it.
    """

    def __init__(
        self,
        named: Sequence[tuple[str, Tensor]],
        group: ProcessGroup,
        cap: int,
        as_views: bool,
        finds_unused: bool,
        static: bool,
    ) -> None:
        self.names = {id(p): name for name, p in named}
        self.group, self.as_views = group, as_views
        self.finds_unused, self.static = finds_unused, static
        self.buckets = in_buckets([p for _, p in named], cap)
        self.place = {id(p): (b, i) for b in self.buckets for i, p in enumerate(b.params)}
        self.hook: tuple[Callable, Any] | None = None
        self.divisor = group.size()
        self.expects = self.queued = False
        self.sent = 0
        self.fired: set[int] = set()
        self.used: set[int] | None = None  # of a static graph, after the first step
        for _, p in named:
            p.register_post_accumulate_grad_hook(self._arrived)  # type: ignore[attr-defined]

    # ------------------------------------------------------------------------- a step

    def prepare(self, outputs: Sequence[Tensor] | None) -> None:
        """Expect a backward.

        Args:
            outputs: What it begins at, where unused parameters are looked for.

        Raises:
            RuntimeError: The one before did not reach all parameters.
        """
        self.expects, self.queued, self.sent = True, False, 0
        self.fired.clear()
        for bucket in self.buckets:
            bucket.missing, bucket.work = set(range(len(bucket.params))), None
        if self.finds_unused and not self.static and outputs is not None:
            found = _reached(outputs)
            for key in self.place:
                if key not in found:
                    self._mark(key, None)

    def check_finished(self) -> None:
        """Raises RuntimeError if the step before was begun and did not end."""
        if not (self.expects and self.queued and self.sent < len(self.buckets)):
            return
        late = [self.names[id(b.params[i])] for b in self.buckets for i in sorted(b.missing)]
        raise RuntimeError(
            f"the reduction of the step before is not finished: the loss did not depend on {', '.join(late)}, so that the "
            "others waited for it. Pass find_unused_parameters=True to DistributedDataParallel, or let every output take "
            "part in the loss."
        )

    def _arrived(self, param: Tensor) -> None:
        """A gradient is finished (the engine calls this)."""
        if not self.expects:
            return
        if not self.queued:
            self.queued = True
            queue_callback(self._end)
        self.fired.add(id(param))
        if self.static and self.used is None:
            return  # the first step of a static graph: all at the end
        self._mark(id(param), param)

    def _mark(self, key: int, param: Tensor | None) -> None:
        bucket, i = self.place[key]
        if i not in bucket.missing:
            if self.static:
                self._fill(bucket, i, param)
                return
            raise RuntimeError(
                f"{self.names[key]} got two gradients in one step: it is used in several backwards (reentrant checkpoints, "
                "or a second backward). static_graph=True allows it."
            )
        bucket.missing.discard(i)
        self._fill(bucket, i, param)
        while self.sent < len(self.buckets) and not self.buckets[self.sent].missing:
            self._send(self.buckets[self.sent])
            self.sent += 1

    def _fill(self, bucket: Bucket, i: int, param: Tensor | None) -> None:
        """Write a gradient into its place, divided by the number of processes unless a hook does that."""
        grad = None if param is None else param.grad  # type: ignore[attr-defined]
        view = bucket.views[i]
        if grad is None:
            view[...] = 0
            return
        array, xp = grad._array, grad._kind.xp
        if self.hook is not None:
            if address(array) != address(view):
                view[...] = array
        elif view.dtype.kind == "V" or view.dtype.itemsize == 2:
            view[...] = (array.astype(np.float32) / np.float32(self.divisor)).astype(view.dtype)
        else:
            xp.multiply(array, view.dtype.type(1) / view.dtype.type(self.divisor), out=view)

    def _send(self, bucket: Bucket) -> None:
        if self.hook is not None:
            hook, state = self.hook
            bucket.work = hook(state, GradBucket(bucket, bucket.index == len(self.buckets) - 1))
            return
        op, carries = ReduceOp(), carrier(self.group, bucket.tensor)
        flat = own(bucket.tensor, carries)

        def call(transport: Any) -> None:
            transport.reduce(flat, op, None)
            put(bucket.tensor, flat)

        bucket.work = start(
            self.group, "gradients", True, (bucket.index, flat.size, flat.dtype.name), [],
            call, carries,
        )  # fmt: skip

    # ------------------------------------------------------------------------- the end of a backward

    def _end(self) -> None:
        if self.static and self.used is None:
            self.used = set(self.fired)
        if self.static:
            for key, (bucket, i) in self.place.items():
                if i in bucket.missing:
                    param = bucket.params[i] if key in self.fired else None
                    self._mark(key, param)
        if self.sent < len(self.buckets):
            return  # `check_finished` says so at the next forward, as PyTorch does
        self.finish()

    def finish(self) -> None:
        """Wait for the sums, and give them to the parameters."""
        used = self._used_by_anybody()
        for bucket in self.buckets:
            self._receive(bucket, used)
        self.expects = False

    def _receive(self, bucket: Bucket, used: set[int] | None) -> None:
        result = bucket.work.wait()
        if self.hook is not None:
            result = result[0] if isinstance(result, (list, tuple)) else result
            bucket.flat[...] = result._array.reshape(-1)
        for p, view in zip(bucket.params, bucket.views):
            if used is not None and id(p) not in used:
                continue  # nobody's loss depends on it: its gradient is left as it was
            grad = p.grad  # type: ignore[attr-defined]
            if self.as_views:
                if grad is None or address(grad._array) != address(view):
                    p.grad = wrap(view, bucket.tensor._kind)  # type: ignore[attr-defined]
                else:
                    count_writes((grad,))
            elif grad is None:
                p.grad = wrap(view.copy(), bucket.tensor._kind)  # type: ignore[attr-defined]
            else:
                grad._array[...] = view
                count_writes((grad,))

    def _used_by_anybody(self) -> set[int] | None:
        """Which parameters some process has a gradient of; None where all have all."""
        if not (self.finds_unused or self.static):
            return None
        keys = [id(p) for b in self.buckets for p in b.params]
        flags = np.array([key in self.fired for key in keys], np.int32)
        work = start(
            self.group, "used parameters", True, (flags.size,), [],
            lambda transport: transport.reduce(flags, ReduceOp(ReduceOp.MAX), None),
        )  # fmt: skip
        assert work is not None
        work.wait()
        return {key for key, flag in zip(keys, flags) if flag}

    def shadow(self) -> None:
        """Take part in a step of the others, with gradients of zero."""
        self.prepare(None)
        self.queued = True
        for bucket in self.buckets:
            bucket.missing = set()
            bucket.flat[...] = 0
            self._send(bucket)
        self.sent = len(self.buckets)
        self._used_by_anybody()
        for bucket in self.buckets:
            bucket.work.wait()
        self.expects = False


def _reached(outputs: Sequence[Tensor]) -> set[int]:
    """The leaves that tensors depend on, by id."""
    seen: set[Any] = set()
    stack = [x._node.node for x in outputs if x._node is not None]
    found = set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None) if not node.edges else None
        if variable is not None:
            found.add(id(variable))
        stack.extend(edge.node for edge in node.edges if edge is not None)
    return found
