"""The layers of one process, and what goes to and comes from its neighbours.

Source: torch.distributed.pipelining.stage
"""

from __future__ import annotations

from typing import Any

from ...core.tensor import Tensor
from ..message import irecv, isend
from ..objects import recv_object_list, send_object_list
from ..process_group import ProcessGroup, world
from ..work import Work


class PipelineStage:
    """The layers of one process.

    Args:
        submodule: What it runs: the result of one is the input of the next.
        stage_index, num_stages: Which of how many it is.
        device: Where.
        input_args, output_args: Not needed: what is sent says what it is.
        group: Whose processes; the stage is its rank in it.

    Raises:
        ValueError: The stage is none of this process.

    Source: torch.distributed.pipelining.PipelineStage
    """

    def __init__(
        self,
        submodule: Any,
        stage_index: int,
        num_stages: int,
        device: Any,
        input_args: Any = None,
        output_args: Any = None,
        output_grads: Any = None,
        input_grads: Any = None,
        group: Any = None,
        **options: Any,
    ) -> None:
        if any(v is not None for v in options.values()):
            raise NotImplementedError(
                f"PipelineStage: {', '.join(options)} are not there; leave them out"
            )
        self.submod, self.stage_index, self.num_stages, self.device = (
            submodule,
            stage_index,
            num_stages,
            device,
        )
        self.group: ProcessGroup = world() if group is None else group
        if num_stages != self.group.size() or stage_index != self.group.rank():
            raise ValueError(
                f"a stage for each process: stage {stage_index} of {num_stages}, in rank {self.group.rank()} of "
                f"{self.group.size()}"
            )
        self.has_backward = True
        self._inputs: dict[int, tuple[Any, ...]] = {}
        self._outputs: dict[int, Any] = {}
        self._sent: list[Work | None] = []
        self._meta: dict[str, list[Any]] = {}

    @property
    def is_first(self) -> bool:
        """Is it the first?"""
        return self.stage_index == 0

    @property
    def is_last(self) -> bool:
        """Is it the last?"""
        return self.stage_index == self.num_stages - 1

    # ------------------------------------------------------------------------- messages

    def _send(self, tensors: tuple[Any, ...], to: int, key: str) -> None:
        if key not in self._meta:  # once: what will come
            self._meta[key] = [
                (tuple(x.shape), str(x.dtype).removeprefix("torch."), x.requires_grad)
                for x in tensors
            ]
            send_object_list([self._meta[key]], group=self.group, group_dst=to)
        for x in tensors:
            self._sent.append(isend(x.detach().contiguous(), group=self.group, group_dst=to))

    def _receive(self, source: int, key: str) -> list[Any]:
        from ... import empty

        if key not in self._meta:
            box: list[Any] = [None]
            recv_object_list(box, group=self.group, group_src=source)
            self._meta[key] = box[0]
        made = []
        for shape, dtype, _ in self._meta[key]:
            x = empty(shape, dtype=_dtype(dtype))
            work = irecv(x, group=self.group, group_src=source)
            assert work is not None
            work.wait()
            made.append(x)
        return made

    def finish(self) -> None:
        """Wait until everything was taken."""
        for work in self._sent:
            if work is not None:
                work.wait()
        self._sent.clear()

    # ------------------------------------------------------------------------- work

    def forward_one(self, i: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run piece `i`."""
        if not self.is_first:
            received = self._receive(self.stage_index - 1, f"forward {len(args)}")
            flags = [flag for *_, flag in self._meta[f"forward {len(args)}"]]
            args = tuple(
                x.requires_grad_(self.has_backward and flag) for x, flag in zip(received, flags)
            )
        output = self.submod(*args, **kwargs)
        several = tuple(output) if isinstance(output, (list, tuple)) else (output,)
        self._inputs[i], self._outputs[i] = args, several
        if not self.is_last:
            self._send(several, self.stage_index + 1, f"forward to {len(several)}")
        return output

    def backward_one(self, i: int, loss: Any = None) -> None:
        """Run piece `i` back."""
        from ...autograd import backward

        inputs, outputs = self._inputs.pop(i), self._outputs.pop(i)
        if self.is_last:
            loss.backward()
        else:
            wanted = [x for x in outputs if isinstance(x, Tensor) and x.requires_grad]
            grads = self._receive(self.stage_index + 1, "backward from") if wanted else []
            backward(wanted, grads)
        if not self.is_first:
            back = tuple(x.grad for x in inputs if isinstance(x, Tensor) and x.requires_grad)
            if back:
                self._send(back, self.stage_index - 1, "backward to")


def _dtype(name: str) -> Any:
    from ...core import dtype

    return getattr(dtype, name)
