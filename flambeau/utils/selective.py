"""Checkpoints that keep the results of some operations and compute the others again.

Two modes see a function's operations (`_python_dispatch`): the first one, in the forward pass, asks the policy and
keeps results; the second one, when backward runs the function again, gives them in the place of the operations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from enum import Enum
from typing import Any

from .. import ops  # type: ignore[attr-defined]
from .._ops import OpOverload
from ..core.pytree.tree import tree_map
from ..core.tensor import Tensor
from ._python_dispatch import TorchDispatchMode


class CheckpointPolicy(Enum):
    """What is to become of an operation's result: `MUST` is not to be changed by a compiler, `PREFER` may be.

    Memory is the CPU's already, so results that are to be offloaded are kept as those that are to be saved.

    Source: torch.utils.checkpoint.CheckpointPolicy
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_KEPT = frozenset(p for p in CheckpointPolicy if "RECOMPUTE" not in p.name)

SAC_IGNORED_OPS = frozenset({ops.aten.detach.default})
"""Operations whose results are not asked about."""


class SelectiveCheckpointContext:
    """What a policy is told besides the operation and its arguments.

    Attributes:
        is_recompute: Is it the second run? Policies are asked in the first one only.
        op_output: The operation's result.

    Source: torch.utils.checkpoint.SelectiveCheckpointContext
    """

    def __init__(self, *, is_recompute: bool, op_output: Any = None) -> None:
        self.is_recompute, self.op_output = is_recompute, op_output


class _Kept:
    """A result, and the versions that its tensors had."""

    def __init__(self, result: Any) -> None:
        self.versions: list[tuple[Tensor, int]] = []
        self.result = tree_map(self._own, result)

    def _own(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        own = value.detach()
        self.versions.append((own, own._version))
        return own

    def get(self, may_change: bool) -> Any:
        """The result.

        Raises:
            RuntimeError: It was written to since.
        """
        if not may_change and any(x._version != version for x, version in self.versions):
            raise RuntimeError(
                "Tensor cached during selective activation checkpoint has been mutated: write to a copy, or "
                "pass allow_cache_entry_mutation=True"
            )
        return self.result


Storage = dict[Any, list[_Kept | None]]


class _Keeping(TorchDispatchMode):
    """The mode of the first run."""

    def __init__(self, policy: Callable, storage: Storage) -> None:
        super().__init__()
        self.policy, self.storage = policy, storage

    def __torch_dispatch__(
        self, func: Any, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        named = kwargs or {}
        result = func(*args, **named)
        if func in SAC_IGNORED_OPS:
            return result
        context = SelectiveCheckpointContext(is_recompute=False, op_output=result)
        chosen = self.policy(context, func, *args, **named)
        if isinstance(chosen, bool):
            chosen = CheckpointPolicy.MUST_SAVE if chosen else CheckpointPolicy.PREFER_RECOMPUTE
        self.storage[func].append(_Kept(result) if chosen in _KEPT else None)
        return result


class _Giving(TorchDispatchMode):
    """The mode of the second run."""

    def __init__(self, storage: Storage, may_change: bool) -> None:
        super().__init__()
        self.storage, self.may_change = storage, may_change

    def __torch_dispatch__(
        self, func: Any, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func in SAC_IGNORED_OPS:
            return func(*args, **(kwargs or {}))
        if func not in self.storage:
            raise RuntimeError(
                f"{func} encountered during backward, but not found in storage: the second run of the function "
                "does other operations than the first"
            )
        if not self.storage[func]:
            raise RuntimeError(
                "Trying to backward an extra time. You are only allowed to backward once on any region computed "
                "under selective activation checkpoint."
            )
        kept = self.storage[func].pop(0)
        return func(*args, **(kwargs or {})) if kept is None else kept.get(self.may_change)


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Callable | list, allow_cache_entry_mutation: bool = False
) -> tuple[TorchDispatchMode, TorchDispatchMode]:
    """The contexts of the two runs, for the `context_fn` of `checkpoint`.

    Args:
        policy_fn_or_list: A function of a `SelectiveCheckpointContext`, an operation and its arguments that gives
            a `CheckpointPolicy` or a bool (True to keep), or a list of the operations whose results are kept.
        allow_cache_entry_mutation: Results that are kept may be written to in between.

    Raises:
        TypeError: Neither a function nor a list.
        ValueError: What is in the list is no operation.

    Source: torch.utils.checkpoint.create_selective_checkpoint_contexts

    Example:
        >>> import functools
        >>> import flambeau as torch
        >>> from flambeau.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts
        >>> contexts = functools.partial(
        ...     create_selective_checkpoint_contexts, [torch.ops.aten.mm.default]
        ... )
        >>> w = torch.eye(2, requires_grad=True)
        >>> y = checkpoint(lambda x: (x @ x).exp(), w, use_reentrant=False, context_fn=contexts)
        >>> y.sum().backward()
        >>> w.grad
        tensor([[5.4366, 2.0000],
                [2.0000, 5.4366]])
    """
    policy: Any = policy_fn_or_list
    if isinstance(policy_fn_or_list, list):
        listed = frozenset(map(_operation, policy_fn_or_list))

        def policy(context: Any, func: Any, *args: Any, **kwargs: Any) -> bool:
            return func in listed

    elif not callable(policy_fn_or_list):
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    storage: Storage = defaultdict(list)
    return _Keeping(policy, storage), _Giving(storage, allow_cache_entry_mutation)


def _operation(entry: Any) -> OpOverload:
    if not isinstance(entry, OpOverload):
        raise ValueError(
            f"Expected op in `op_list` to be an OpOverload but got: {entry} of type {type(entry)}: "
            "torch.ops.aten.mm.default is one"
        )
    return entry
