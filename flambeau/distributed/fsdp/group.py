"""Parameters that are gathered and let go together.

Source: Zhao et al., PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel (VLDB 2023)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...autograd.engine import queue_callback
from ...autograd.location import count_writes
from ...core.kind import kind_of
from ...core.tensor import wrap
from ...nn.parameter import Parameter
from ..collective import own, start
from ..device_mesh import DeviceMesh
from ..kinds import ReduceOp
from ..tensor.dtensor import DTensor, _local, distribute_tensor
from ..tensor.placement_types import Replicate, Shard, part_of
from .memory import Pages
from .policy import MixedPrecisionPolicy


class Sharded:
    """One parameter: the part that this process keeps, and the whole while it is gathered.

    Attributes:
        places: The modules and names that have it.
        part: The parameter of this process, of which the optimiser knows.
        whole: The gathered one, which the modules have while they run.
    """

    def __init__(
        self, places: list[tuple[Any, str]], name: str, param: Any, mesh: DeviceMesh
    ) -> None:
        self.places, self.name = places, name
        self.shape, self.requires_grad = tuple(param.shape), param.requires_grad
        lay = [Shard(0)] if mesh.ndim == 1 else [Replicate(), Shard(0)]
        source = param if param.ndim else param.reshape(1)
        self.part = Parameter(distribute_tensor(source, mesh, lay), param.requires_grad)
        self.whole: Any = None
        self.rows = source.shape[0]
        self.inner = int(np.prod(source.shape[1:], dtype=np.int64))

    def show(self, tensor: Any) -> None:
        """Let the modules have it as their parameter."""
        for module, key in self.places:
            module._parameters[key] = tensor


class Group:
    """Parameters of one `fully_shard`.

    Args:
        found: For each parameter, who has it, its name, and itself.
        mesh: Of one dimension; of two, the first has copies.
        reshards: Let the whole parameters go between forward and backward?
    """

    def __init__(
        self,
        found: Sequence[tuple[list[tuple[Any, str]], str, Any]],
        mesh: DeviceMesh,
        policy: MixedPrecisionPolicy,
        reshards: bool,
    ) -> None:
        self.mesh, self.policy, self.reshards = mesh, policy, reshards
        for _, name, p in found:
            if p.device.type != "cpu":
                raise NotImplementedError(
                    f"fully_shard takes parameters of the CPU, and {name} is on {p.device}: on GPUs use "
                    "DistributedDataParallel"
                )
        self.group = mesh.get_group(mesh.ndim - 1)
        self.copies = mesh.get_group(0) if mesh.ndim == 2 else None
        self.params = [Sharded(places, name, p, mesh) for places, name, p in found]
        for s in self.params:
            s.show(s.part)
        self.pages: Pages | None = None
        self.is_whole = False
        self.versions: tuple[int, ...] = ()
        self.waiting: set[int] = set()
        self.queued = False
        self.syncs = self.reduces_copies = True
        self.reshards_after_backward = True
        self.divisor: float | None = None
        self.decided = self.is_inner = False
        """Was it said whether to let parameters go after forward? Is another group around this one?"""
        size = self.group.size()
        self.each = [-(-s.rows // size) * s.inner for s in self.params]
        """Elements of each parameter that every process sends, the last ones padded."""

    def adopt(self) -> None:
        """Take over what the modules have as parameters now: they were converted."""
        for s in self.params:
            module, key = s.places[0]
            s.part = module._parameters[key]
            s.show(s.part)
        self.pages, self.versions = None, ()

    # ------------------------------------------------------------------------- gathering

    def _dtype(self, s: Sharded) -> Any:
        return self.policy.param_dtype or s.part.dtype

    def _make_whole(self) -> None:
        """Memory for the whole parameters, and tensors in it."""
        kinds = [kind_of(self._dtype(s), s.part.device) for s in self.params]
        offsets, at = [], 0
        for s, kind in zip(self.params, kinds):
            offsets.append(at)
            at += -(-s.rows * s.inner * kind.numpy.itemsize // 64) * 64
        self.pages = Pages(at)
        for i, (s, kind, offset) in enumerate(zip(self.params, kinds, offsets)):
            s.whole = Parameter(
                wrap(self.pages.array(offset, s.shape, kind.numpy), kind), s.requires_grad
            )
            if s.requires_grad:
                s.whole.register_post_accumulate_grad_hook(lambda p, i=i: self._arrived(i))

    def unshard(self) -> None:
        """Gather the parameters, and let the modules have them."""
        if self.is_whole:
            return
        if self.pages is None:
            self._make_whole()
        by_type: dict[Any, list[int]] = {}
        for i, s in enumerate(self.params):
            by_type.setdefault(self._dtype(s), []).append(i)
        for dtype, members in by_type.items():
            self._gather(dtype, members)
        versions = tuple(s.part._version for s in self.params)
        if versions != self.versions:  # the optimiser has been here: these are other values
            if self.versions:
                count_writes([s.whole for s in self.params])
            self.versions = versions
        for s in self.params:
            s.show(s.whole)
        self.is_whole = True

    def _gather(self, dtype: Any, members: Sequence[int]) -> None:
        size, kind = self.group.size(), self.params[members[0]].whole._array.dtype
        flat = np.zeros(sum(self.each[i] for i in members), kind)
        at = 0
        for i in members:
            part = own(_local(self.params[i].part).detach().to(dtype)).reshape(-1)
            flat[at : at + part.size] = part
            at += self.each[i]
        parts = np.empty((size, flat.size), kind)
        start(
            self.group,
            "unshard",
            False,
            (flat.size, str(dtype)),
            [],
            lambda t: t.all_gather(parts, flat),
        )
        at = 0
        for i in members:
            s, each = self.params[i], self.each[i]
            whole = s.whole._array.reshape(-1)
            if each:
                joined = parts[:, at : at + each].reshape(-1)
                whole[...] = joined[: whole.size]
            at += each

    def reshard(self) -> None:
        """Let the whole parameters go."""
        if not self.is_whole:
            return
        for s in self.params:
            s.show(s.part)
        assert self.pages is not None
        self.pages.release()
        self.is_whole = False

    def write_back(self) -> None:
        """Let this process' parts be what the whole parameters are now."""
        rank, size = self.group.rank(), self.group.size()
        for s in self.params:
            begin, end = part_of(s.rows, size, rank)
            whole = own(s.whole.detach()).reshape(s.rows, s.inner)
            local = _local(s.part).detach()
            local._array[...] = whole[begin:end].reshape(local.shape)
            count_writes((s.part,))

    # ------------------------------------------------------------------------- backward

    def before_backward(self) -> None:
        """The first gradient comes near: gather again, and expect the parameters' gradients."""
        self.unshard()
        if not self.queued:
            self.queued = True
            self.waiting = {i for i, s in enumerate(self.params) if s.requires_grad}
            queue_callback(self._end)

    def _arrived(self, i: int) -> None:
        if not self.queued:
            self.before_backward()
        self.waiting.discard(i)
        if not self.waiting:
            self._reduce()

    def _end(self) -> None:
        """Backward has ended: parameters that had no gradient are not waited for any longer."""
        if self.queued and self.waiting:
            self._reduce()
        self.queued = False

    def _reduce(self) -> None:
        """Give each process the mean of its part's gradients, and let the rest go."""
        self.waiting = set()
        if self.syncs:
            by_type: dict[Any, list[int]] = {}
            for i, s in enumerate(self.params):
                if s.requires_grad and self._has_gradient(s):
                    by_type.setdefault(self.policy.reduce_dtype or s.whole.grad.dtype, []).append(i)
            for dtype, members in by_type.items():
                self._reduce_scatter(dtype, members)
        if self.reshards_after_backward:
            self.reshard()

    def _has_gradient(self, s: Sharded) -> bool:
        return s.whole.grad is not None

    def _reduce_scatter(self, dtype: Any, members: Sequence[int]) -> None:
        size = self.group.size()
        first = self.params[members[0]].whole.grad.to(dtype)
        parts = np.zeros((size, sum(self.each[i] for i in members)), own(first).dtype)
        at = 0
        for i in members:
            s, each = self.params[i], self.each[i]
            if each:
                padded = np.zeros(size * each, parts.dtype)
                padded[: s.rows * s.inner] = own(s.whole.grad.to(dtype)).reshape(-1)
                parts[:, at : at + each] = padded.reshape(size, each)
            s.whole.grad = None
            at += each
        mine = np.empty(parts.shape[1], parts.dtype)
        op = ReduceOp(ReduceOp.AVG) if self.divisor is None else ReduceOp()
        start(
            self.group,
            "gradients",
            False,
            (parts.shape, str(dtype)),
            [],
            lambda t: t.reduce_scatter(mine, parts, op),
        )
        if self.copies is not None and self.reduces_copies:
            start(
                self.copies,
                "gradients",
                False,
                (mine.size, str(dtype)),
                [],
                lambda t: t.reduce(mine, op, None),
            )
        if self.divisor is not None:
            np.divide(mine, self.divisor, out=mine, casting="unsafe")
        at = 0
        for i in members:
            s = self.params[i]
            begin, end = part_of(s.rows, size, self.group.rank())
            count = (end - begin) * s.inner
            self._give(s, mine[at : at + count])
            at += self.each[i]

    def _give(self, s: Sharded, values: np.ndarray) -> None:
        local = _local(s.part)
        gradient = local.detach().clone()
        gradient._array[...] = values.reshape(gradient.shape)
        if s.part.grad is None:
            s.part.grad = DTensor._made(
                gradient, s.part.device_mesh, s.part.placements, s.part.shape
            )
        else:
            s.part.grad += DTensor._made(
                gradient, s.part.device_mesh, s.part.placements, s.part.shape
            )
