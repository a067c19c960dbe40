"""Checkpoints without reentrance: saved tensors that are computed again when backward asks for them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .. import empty  # type: ignore[attr-defined]
from ..amp.autocast_mode import kept
from ..autograd.engine import current_task
from ..autograd.function import Function
from ..autograd.graph import saved_tensors_hooks
from ..autograd.location import user_location
from ..autograd.mode import enable_grad, mode
from ..core.random.default import Snapshot
from ..core.random.default import kept as generators_kept
from ..core.tensor import Tensor


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function did not do what the first one did."""


class _Stop(Exception):
    """Everything that backward needs was computed again."""


@contextmanager
def random_state(state: Snapshot | None) -> Iterator[None]:
    """Draw from `state` (None: as usual), and go on from where the generators were afterwards."""
    if state is None:
        yield
        return
    with generators_kept():
        state.restore()
        yield


class _Inputs(Function):
    """Keeps the arguments as values saved for backward, so that checkpoints around this one see them."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        return anchor.detach()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise AssertionError("nothing computes with the anchor")


class _Holder:
    """Stands in the graph for a saved tensor."""

    __slots__ = ("__weakref__", "task", "value")

    def __init__(self) -> None:
        self.task: int | None = None
        self.value: Any = None


def _metadata(tensor: Tensor) -> dict[str, Any]:
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


class Frame:
    """One checkpointed call: what is needed to run it again, and what stands for its saved tensors."""

    def __init__(
        self, function: Callable, kwargs: dict, preserve: bool, context_fn: Callable, check: str
    ):
        if check not in ("default", "none"):
            raise ValueError(
                f"determinism_check should be one of ['default', 'none'], but got {check}"
            )
        self.function, self.kwargs, self.check = function, kwargs, check
        self.contexts = context_fn()
        self.early_stop, self.debug = True, False
        self.generator_state = Snapshot() if preserve else None
        self.autocast = kept()
        self.holders: list[weakref.ref[_Holder]] = []
        self.first: list[dict[str, Any]] = []
        self.again: list[dict[str, Any]] = []
        self.lines: tuple[list[str], list[str]] = ([], [])
        self.done: set[int] = set()

    def first_run(self, args: tuple) -> Any:
        """The forward pass."""
        if not mode.recording:
            with self.contexts[0]:
                return self.function(*args, **self.kwargs)
        self.places = [i for i, x in enumerate(args) if isinstance(x, Tensor)]
        self.others = [None if isinstance(x, Tensor) else x for x in args]
        anchor = empty(0).requires_grad_()
        self.inputs = _Inputs.apply(anchor, *(args[i] for i in self.places))
        with saved_tensors_hooks(self.pack, self.unpack), self.contexts[0]:
            return self.function(*args, **self.kwargs)

    def pack(self, tensor: Tensor) -> _Holder:
        holder = _Holder()
        self.holders.append(weakref.ref(holder))
        self.first.append(_metadata(tensor))
        if self.debug:
            self.lines[0].append(str(user_location()))
        return holder

    def unpack(self, holder: _Holder) -> Tensor:
        task = current_task()
        if task == -1 or task not in self.done:
            self.run_again(task)
            if task != -1:
                self.done.add(task)
        if holder.task != task or holder.value is None:
            raise CheckpointError(
                "torch.utils.checkpoint: a tensor that the forward pass saved was not saved again by the "
                "second run of the function"
            )
        return holder.value

    def run_again(self, task: int) -> None:
        """Compute the saved tensors again."""
        args = list(self.others)
        for i, saved in zip(self.places, self.inputs.grad_fn.saved_tensors):
            args[i] = saved
        self.again = []
        self.lines[1].clear()

        def keep(tensor: Tensor) -> Tensor:
            at = len(self.again)
            self.again.append(_metadata(tensor))
            if self.debug:
                self.lines[1].append(str(user_location()))
            if at >= len(self.holders):
                self.fail(
                    "trying to save more tensors during recomputation than during the original forward "
                    "pass."
                )
            holder, value = self.holders[at](), tensor.detach()
            if holder is not None:
                holder.task, holder.value = task, value
            if self.early_stop and at + 1 == len(self.holders):
                raise _Stop
            return value

        try:
            with (
                random_state(self.generator_state),
                saved_tensors_hooks(keep, lambda tensor: tensor),
                enable_grad(),
                self.autocast(),
                self.contexts[1],
            ):
                self.function(*args, **self.kwargs)
        except _Stop:
            pass
        self.compare()

    def compare(self) -> None:
        """Raises CheckpointError where the second run saved other tensors."""
        if len(self.again) != len(self.first):
            self.fail(
                "A different number of tensors was saved during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.first)}\n"
                f"Number of tensors saved during recomputation: {len(self.again)}."
            )
        if self.check == "none":
            return
        differing = [
            f"tensor at position {i}:\nsaved metadata: {then}\nrecomputed metadata: {now}"
            for i, (then, now) in enumerate(zip(self.first, self.again))
            if then != now and self.holders[i]() is not None
        ]
        if differing:
            self.fail(
                "Recomputed values for the following tensors have different metadata than during the forward "
                "pass.\n" + "\n".join(differing)
            )

    def fail(self, text: str) -> None:
        if self.debug:
            text += "\nLines that saved a tensor in the forward pass:\n  " + "\n  ".join(
                self.lines[0]
            )
            text += "\nand in the second run:\n  " + "\n  ".join(self.lines[1])
        else:
            text += "\nTip: checkpoint(..., debug=True) lists the lines of both runs."
        raise CheckpointError(f"torch.utils.checkpoint: {text}")
