"""Looking into the recorded graph, and deciding what it keeps.

Source: torch.autograd.graph
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..core.tensor import Tensor
from . import engine
from .gradient import GradientEdge, history
from .location import count_writes
from .mode import arrange, mode, no_grad
from .node import Leaf, Node, RemovableHandle


class saved_tensors_hooks:
    """Context manager: what operations save for backward goes through a pair of functions.

    Hooks that surround another pair do not see what the inner one sees.

    Args:
        pack_hook: Called with each tensor that is saved; what it returns is kept instead. It must
            not write to the tensor.
        unpack_hook: Called with that when backward needs it; gives a tensor of the same values.

    Raises:
        RuntimeError: They are disabled here, or pack_hook wrote to its tensor.
        TypeError: unpack_hook gave something else than a tensor.

    Source: torch.autograd.graph.saved_tensors_hooks

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
        ...     y = x.exp()
        >>> y.sum().backward()
        >>> x.grad
        tensor([2.7183, 2.7183])
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if mode.unpackable is not None:
            raise RuntimeError(mode.unpackable)
        mode.packers = (*mode.packers, (self._pack, self._unpack))
        arrange()

    def __exit__(self, *exception: object) -> None:
        mode.packers = mode.packers[:-1]
        arrange()

    def _pack(self, tensor: Tensor) -> Any:
        version = tensor._cell[0]
        with no_grad():
            packed = self.pack_hook(tensor)
        if tensor._cell[0] != version:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place: the operation's own value would "
                "change. clone() the tensor in the hook before writing to it"
            )
        return packed

    def _unpack(self, packed: Any) -> Tensor:
        tensor = self.unpack_hook(packed)
        if not isinstance(tensor, Tensor):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        return tensor


class save_on_cpu(saved_tensors_hooks):
    """Context manager: what is saved for backward waits in the memory of the CPU.

    Args:
        pin_memory: Keep it in page-locked memory, which moves faster.
        device_type: The kind of device for which memory is locked.

    Source: torch.autograd.graph.save_on_cpu

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.autograd.graph.save_on_cpu():
        ...     y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        tensor([2., 2.])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        if pin_memory:
            raise RuntimeError(
                "save_on_cpu(pin_memory=True): page-locked memory is not available here; leave "
                "pin_memory out, and the saved values go to ordinary memory"
            )

        def pack(tensor: Tensor) -> tuple[Any, Tensor]:
            kept = tensor.clone() if tensor.device.type == "cpu" else tensor.cpu()
            return tensor.device, kept

        def unpack(packed: tuple[Any, Tensor]) -> Tensor:
            device, tensor = packed
            return tensor.to(device)

        super().__init__(pack, unpack)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Context manager: entering `saved_tensors_hooks` raises RuntimeError with this message.

    Raises:
        RuntimeError: Such hooks are in force already.

    Source: torch.autograd.graph.disable_saved_tensors_hooks
    """
    if mode.packers:
        raise RuntimeError(error_message)
    before, mode.unpackable = mode.unpackable, error_message
    try:
        yield
    finally:
        mode.unpackable = before


class _Mutations:
    """What `allow_mutation_on_saved_tensors` yields."""

    def clear(self) -> None:
        """Copies belong to their nodes here and go with them; there is nothing else to clear."""


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Mutations]:
    """Context manager: tensors saved for backward may be written in place afterwards.

    Each saved value is copied when it is saved, whether or not somebody writes to it.

    Source: torch.autograd.graph.allow_mutation_on_saved_tensors

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
        ...     y = x.clone()
        ...     out = (y ** 2).sum()
        ...     _ = y.sin_()
        ...     out.backward()
        >>> x.grad
        tensor([2., 2.])
    """
    with saved_tensors_hooks(lambda tensor: tensor.clone(), lambda tensor: tensor):
        yield _Mutations()


@contextmanager
def node_creation_hook(hook: Callable[[Node], None]) -> Iterator[None]:
    """Context manager: a function is called with each node that is recorded.

    Where several are in force, the outermost is called first. A leaf's AccumulateGrad is shown with the first
    node that leads to it.

    Args:
        hook: Sees the node when it is complete. It may attach hooks and metadata, and must record nothing.

    Raises:
        RuntimeError: The function recorded an operation.

    Source: torch.autograd.graph.node_creation_hook

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.autograd.graph.node_creation_hook(lambda node: print(node.name())):
        ...     y = x.exp().sum()
        torch::autograd::AccumulateGrad
        ExpBackward0
        SumBackward0
    """
    leaves: weakref.WeakSet[Node] = weakref.WeakSet()
    calling = False

    def call(node: Node) -> None:
        nonlocal calling
        calling = True
        try:
            hook(node)
        finally:
            calling = False

    def watch(node: Node, results: Sequence[Any]) -> None:
        if calling:
            raise RuntimeError(
                "node_creation_hook: the hook recorded an operation; it may only look at its node"
            )
        for edge in node.edges:
            if edge.__class__ is Leaf and edge not in leaves:
                leaves.add(edge)
                call(edge)
        call(node)

    mode.watchers = (*mode.watchers, watch)
    try:
        yield
    finally:
        mode.watchers = tuple(item for item in mode.watchers if item is not watch)


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where in the graph the gradient of a tensor arrives.

    Raises:
        RuntimeError: It requires no grad.

    Source: torch.autograd.graph.get_gradient_edge

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> torch.autograd.graph.get_gradient_edge(x.exp()).output_nr
        0
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    return GradientEdge(tensor._node.node, tensor._node.index)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Count the version up, as an in-place write does: saved values become stale.

    Source: torch.autograd.graph.increment_version
    """
    count_writes((tensor,) if isinstance(tensor, Tensor) else tensor)


class _MultiHandle(RemovableHandle):
    """Removes a hook from all of its tensors."""

    def __init__(self, handles: Sequence[RemovableHandle]):
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[..., None], *, mode: str = "all"
) -> RemovableHandle:
    """Call `fn` in a backward when gradients of several tensors are there.

    Args:
        tensors: Tensors that require grad.
        fn: Called with the list of gradients, None for those that this backward does not compute;
            under mode "any" with the first gradient alone.
        mode: "all": when the last of them is there; "any": when the first is.

    Raises:
        ValueError: Another mode.

    Source: torch.autograd.graph.register_multi_grad_hook

    Example:
        >>> import flambeau as torch
        >>> x, y = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
        >>> handle = torch.autograd.graph.register_multi_grad_hook([x, y], print)
        >>> (x + y * 2).backward()
        [tensor([1.]), tensor([2.])]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    lock = threading.Lock()
    if mode == "any":
        seen: list[int] = []

        def once(grad: Tensor) -> None:
            task = engine.current_task()
            with lock:
                if task in seen:
                    return
                seen[:] = [task]
            fn(grad)

        return _MultiHandle([t.register_hook(once) for t in tensors])
    counts: dict[int, int] = {}
    grads: dict[int, list[Any]] = {}
    nodes = [history(t).node for t in tensors]

    def hook_of(i: int) -> Callable[[Tensor], None]:
        def hook(grad: Tensor) -> None:
            task, ready = engine.current_task(), False
            with lock:
                if task not in counts:
                    counts[task] = sum(map(engine.will_execute, nodes))
                    grads[task] = [None] * len(nodes)
                grads[task][i] = grad
                counts[task] -= 1
                if not counts[task]:
                    ready, values = True, grads.pop(task)
                    del counts[task]
            if ready:
                fn(values)

        return hook

    return _MultiHandle([t.register_hook(hook_of(i)) for i, t in enumerate(tensors)])


__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]
