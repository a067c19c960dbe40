"""In which order pieces of a batch run.

Source: Huang et al., GPipe (NeurIPS 2019); Narayanan et al., PipeDream-2BW (ICML 2021), for one forward, one backward;
torch.distributed.pipelining.schedules
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...autograd.mode import mode
from ...core.tensor import Tensor
from .stage import PipelineStage


class _Schedule:
    """Runs batches in pieces through the stages of all processes.

    Args:
        stage: This process' own.
        n_microbatches: Pieces of a batch, cut along the first dimension.
        loss_fn: ``f(output, target)``, in the last stage; without it, nothing runs back.
        scale_grads: Divide gradients by the number of pieces, as of a mean loss of the whole batch.
        args_chunk_spec, kwargs_chunk_spec, output_merge_spec: Not there: pieces are cut and joined along dimension 0.
    """

    def __init__(
        self,
        stage: PipelineStage,
        n_microbatches: int,
        loss_fn: Callable | None = None,
        args_chunk_spec: Any = None,
        kwargs_chunk_spec: Any = None,
        output_merge_spec: Any = None,
        scale_grads: bool = True,
    ) -> None:
        if any(x is not None for x in (args_chunk_spec, kwargs_chunk_spec, output_merge_spec)):
            raise NotImplementedError(
                "pieces are cut and joined along dimension 0; leave the specs out"
            )
        if n_microbatches < 1:
            raise ValueError(f"n_microbatches must be positive, got {n_microbatches}")
        self._stage, self._count, self._loss_fn, self._scales = (
            stage,
            n_microbatches,
            loss_fn,
            scale_grads,
        )

    def step(
        self,
        *args: Any,
        target: Any = None,
        losses: list | None = None,
        return_outputs: bool = True,
        loss_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run a batch: the first stage is given the inputs, the last the target; the last gives the result.

        Args:
            losses: A list that gets the loss of each piece.

        Raises:
            ValueError: The batch has fewer rows than there are pieces.

        Source: torch.distributed.pipelining.schedules.PipelineScheduleSingle.step
        """
        stage, count = self._stage, self._count
        stage.has_backward = self._loss_fn is not None and mode.recording is not False
        pieces = [_cut(x, count) for x in args]
        named = {k: _cut(v, count) for k, v in kwargs.items()}
        targets = _cut(target, count) if target is not None else [None] * count
        found: list[Any] = [None] * count
        outputs: list[Any] = [None] * count

        def forward(i: int) -> None:
            given = tuple(piece[i] for piece in pieces) if stage.is_first else ()
            outputs[i] = stage.forward_one(i, given, {k: v[i] for k, v in named.items()})
            if stage.is_last and self._loss_fn is not None:
                found[i] = self._loss_fn(outputs[i], targets[i], **(loss_kwargs or {}))

        def backward(i: int) -> None:
            if stage.has_backward:
                stage.backward_one(i, found[i])

        self._run(forward, backward)
        stage.finish()
        if stage.has_backward and self._scales and count > 1:
            for p in stage.submod.parameters():
                if p.grad is not None:
                    p.grad /= count
        if losses is not None and stage.is_last:
            losses[:] = found
        if not stage.is_last or not return_outputs:
            return None
        return _joined(outputs)

    def _run(self, forward: Callable[[int], None], backward: Callable[[int], None]) -> None:
        raise NotImplementedError


class ScheduleGPipe(_Schedule):
    """All pieces forward, then all back.

    Source: torch.distributed.pipelining.ScheduleGPipe
    """

    __doc__ = f"{__doc__}\n{_Schedule.__doc__}"

    def _run(self, forward: Callable[[int], None], backward: Callable[[int], None]) -> None:
        for i in range(self._count):
            forward(i)
        for i in range(self._count):
            backward(i)


class Schedule1F1B(_Schedule):
    """One piece forward, one back: no stage holds more pieces than there are stages behind it.

    Source: torch.distributed.pipelining.Schedule1F1B
    """

    def _run(self, forward: Callable[[int], None], backward: Callable[[int], None]) -> None:
        ahead = min(self._count, self._stage.num_stages - self._stage.stage_index)
        for i in range(ahead):
            forward(i)
        for i in range(self._count):
            backward(i)
            if i + ahead < self._count:
                forward(i + ahead)


def _cut(x: Any, count: int) -> list[Any]:
    """Pieces of a tensor; other values as they are."""
    if not isinstance(x, Tensor):
        return [x] * count
    if x.shape[0] < count:
        raise ValueError(f"a batch of {x.shape[0]} rows has no {count} pieces")
    return list(x.tensor_split(count))  # type: ignore[attr-defined]


def _joined(outputs: list[Any]) -> Any:
    from ... import cat  # type: ignore[attr-defined]

    if isinstance(outputs[0], Tensor):
        return cat(outputs)
    if isinstance(outputs[0], (list, tuple)):
        return type(outputs[0])(_joined(list(part)) for part in zip(*outputs))
    return outputs
