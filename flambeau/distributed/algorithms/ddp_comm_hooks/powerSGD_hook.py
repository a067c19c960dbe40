"""Gradients as products of two thin matrices, with what was left out added to the next step's.

Source: Vogels, Karimireddy, Jaggi, PowerSGD: Practical Low-Rank Gradient Compression for Distributed Optimization
(NeurIPS 2019); torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook
"""

from __future__ import annotations

import math
from typing import Any

from ....core.tensor import Tensor
from ....futures import Future
from ...collective import all_reduce
from ...process_group import world
from ...reducer import GradBucket
from .default_hooks import allreduce_hook


class PowerSGDState:
    """What the hook remembers from step to step.

    Args:
        process_group: Whose processes; None for all.
        matrix_approximation_rank: Columns of the thin matrices.
        start_powerSGD_iter: Steps of plain means before.
        min_compression_rate: Compress a matrix only if that saves this factor of its elements.
        use_error_feedback: Add what was left out to the next step's gradients.
        warm_start: Begin with the matrices of the step before.
        orthogonalization_epsilon: Added where columns are divided by their length.
        random_seed: Of the first matrices, the same in all processes.
        compression_stats_logging_frequency: Steps between two looks at `compression_stats`; kept for the program.
        batch_tensors_with_same_shape: Not needed: all products of a bucket travel together anyway.

    Raises:
        ValueError: Feedback or warm start would begin before there is anything of theirs.

    Source: torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook.PowerSGDState
    """

    def __init__(
        self,
        process_group: Any = None,
        matrix_approximation_rank: int = 1,
        start_powerSGD_iter: int = 1000,
        min_compression_rate: float = 2,
        use_error_feedback: bool = True,
        warm_start: bool = True,
        orthogonalization_epsilon: float = 0,
        random_seed: int = 0,
        compression_stats_logging_frequency: int = 10_000,
        batch_tensors_with_same_shape: bool = False,
    ) -> None:
        if (use_error_feedback or warm_start) and start_powerSGD_iter <= 1:
            raise ValueError(
                f"start_powerSGD_iter={start_powerSGD_iter}: error feedback and warm starts need two plain steps before"
            )
        self.process_group, self.matrix_approximation_rank = (
            process_group,
            matrix_approximation_rank,
        )
        self.start_powerSGD_iter, self.min_compression_rate = (
            start_powerSGD_iter,
            min_compression_rate,
        )
        self.use_error_feedback, self.warm_start = use_error_feedback, warm_start
        self.orthogonalization_epsilon, self.random_seed = orthogonalization_epsilon, random_seed
        self.compression_stats_logging_frequency = compression_stats_logging_frequency
        self.batch_tensors_with_same_shape = batch_tensors_with_same_shape
        self.iter = 0
        self.error_dict: dict[int, Any] = {}
        self.p_memory_dict: dict[int, list[Any]] = {}
        self.q_memory_dict: dict[int, list[Any]] = {}
        self.total_numel_before_compression = self.total_numel_after_compression = 0

    def maybe_increase_iter(self, bucket: GradBucket) -> None:
        """Count a step, at its last bucket."""
        if bucket.is_last():
            self.iter += 1

    def compression_stats(self) -> tuple[float, int, int]:
        """By how much elements became fewer, how many there were, and how many are left."""
        before, after = self.total_numel_before_compression, self.total_numel_after_compression
        return (before / after if after > 0 else 0.0, before, after)


def _seeded(state: PowerSGDState, like: Any, rows: int, rank: int) -> Any:
    from .... import Generator, randn  # type: ignore[attr-defined]

    generator = Generator()
    generator.manual_seed(state.random_seed + state.iter)
    return randn(rows, rank, dtype=like.dtype, generator=generator)


def _orthogonal(matrix: Any, epsilon: float) -> Any:
    """Columns of length 1 that stand on each other, by QR."""
    from ....linalg import qr

    if epsilon == 0:
        return qr(matrix)[0]
    columns: list[Any] = []
    for i in range(matrix.shape[1]):
        column = matrix[:, i]
        for other in columns:
            column = column - (other * column).sum() * other
        columns.append(column / (column.norm() + epsilon))
    from .... import stack  # type: ignore[attr-defined]

    return stack(columns, 1)


def powerSGD_hook(state: PowerSGDState, bucket: GradBucket) -> Future[Tensor]:
    """The mean of gradients, each matrix as a product of two thin ones; vectors as they are.

    Source: torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook.powerSGD_hook
    """
    group = world() if state.process_group is None else state.process_group
    if state.iter < state.start_powerSGD_iter:
        state.maybe_increase_iter(bucket)
        return allreduce_hook(group, bucket)
    return _compressed(
        state,
        bucket,
        group,
        [g if g.ndim < 2 else g.view(g.shape[0], -1) for g in bucket.gradients()],
    )


def batched_powerSGD_hook(state: PowerSGDState, bucket: GradBucket) -> Future[Tensor]:
    """The mean of gradients, all of a bucket as one square matrix: less accurate, and faster.

    Source: torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook.batched_powerSGD_hook
    """
    group = world() if state.process_group is None else state.process_group
    if state.iter < state.start_powerSGD_iter:
        state.maybe_increase_iter(bucket)
        return allreduce_hook(group, bucket)
    buffer: Any = bucket.buffer()
    side = math.ceil(math.sqrt(buffer.numel()))
    padded = buffer.new_zeros(side * side)
    padded[: buffer.numel()] = buffer
    square = padded.view(side, side)
    _compressed(state, bucket, group, [square], whole=False).wait()
    buffer.copy_(square.reshape(-1)[: buffer.numel()])
    done: Future[Any] = Future()
    done.set_result(buffer)
    return done


def _compressed(
    state: PowerSGDState, bucket: GradBucket, group: Any, grads: list[Any], whole: bool = True
) -> Future[Tensor]:
    from .... import cat  # type: ignore[attr-defined]

    index, size = bucket.index(), group.size()
    rank = state.matrix_approximation_rank
    error = state.error_dict.get(index)
    if error is not None:
        for g, e in zip(grads, error):
            g.add_(e)
    kept = [g.clone() for g in grads] if state.use_error_feedback else None

    def small(g: Any) -> bool:
        n, m = g.shape
        r = min(n, m, rank)
        return (n + m) * r * state.min_compression_rate < n * m

    matrices = [g for g in grads if g.ndim == 2 and small(g)]
    others = [g for g in grads if not (g.ndim == 2 and small(g))]
    state.total_numel_before_compression += sum(g.numel() for g in grads)
    if others:
        flat = cat([g.reshape(-1) for g in others])
        all_reduce(flat, group=group)
        flat.div_(size)
        state.total_numel_after_compression += flat.numel()
        at = 0
        for g in others:
            g.copy_(flat[at : at + g.numel()].view(g.shape))
            at += g.numel()
    if matrices:
        warm = state.warm_start and index in state.q_memory_dict
        qs = (
            state.q_memory_dict[index]
            if warm
            else [_seeded(state, g, g.shape[1], min(*g.shape, rank)) for g in matrices]
        )
        qs = [_orthogonal(q, state.orthogonalization_epsilon) for q in qs]
        ps = _summed([g @ q for g, q in zip(matrices, qs)], group, cat)
        ps = [_orthogonal(p, state.orthogonalization_epsilon) for p in ps]
        qs = [q.div_(size) for q in _summed([g.t() @ p for g, p in zip(matrices, ps)], group, cat)]
        for g, p, q in zip(matrices, ps, qs):
            g.copy_(p @ q.t())
        state.total_numel_after_compression += sum(p.numel() + q.numel() for p, q in zip(ps, qs))
        if state.warm_start:
            state.p_memory_dict[index], state.q_memory_dict[index] = ps, qs
    if kept is not None:
        state.error_dict[index] = [k.sub_(g) for k, g in zip(kept, grads)]
    state.maybe_increase_iter(bucket)
    done: Future[Any] = Future()
    done.set_result(bucket.buffer() if whole else grads[0])
    return done


def _summed(parts: list[Any], group: Any, cat: Any) -> list[Any]:
    """The sums of matrices over all processes, sent together."""
    flat = cat([p.reshape(-1) for p in parts])
    all_reduce(flat, group=group)
    made, at = [], 0
    for p in parts:
        made.append(flat[at : at + p.numel()].view(p.shape).clone())
        at += p.numel()
    return made
