"""Which parts of a module are gathered by themselves.

Source: torch.distributed.fsdp.wrap
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any


def always_wrap_policy(*args: Any, **kwargs: Any) -> bool:
    """Every part.

    Source: torch.distributed.fsdp.wrap.always_wrap_policy
    """
    return True


def size_based_auto_wrap_policy(
    module: Any,
    recurse: bool,
    nonwrapped_numel: int,
    min_num_params: int = int(1e8),
    force_leaf_modules: Any = None,
    exclude_wrap_modules: Any = None,
) -> bool:
    """Parts with so many parameters at least that no part of theirs was taken with.

    Source: torch.distributed.fsdp.wrap.size_based_auto_wrap_policy
    """
    from ...nn.container import ModuleDict, ModuleList
    from ...nn.multihead_attention import MultiheadAttention

    leaves = (MultiheadAttention,) if force_leaf_modules is None else tuple(force_leaf_modules)
    excluded = (
        (ModuleList, ModuleDict) if exclude_wrap_modules is None else tuple(exclude_wrap_modules)
    )
    large = nonwrapped_numel >= min_num_params
    if recurse:
        return large and not isinstance(module, leaves)
    return large and not isinstance(module, excluded)


def transformer_auto_wrap_policy(
    module: Any, recurse: bool, nonwrapped_numel: int, transformer_layer_cls: Collection[type]
) -> bool:
    """Parts of some classes, such as a transformer's blocks.

    Source: torch.distributed.fsdp.wrap.transformer_auto_wrap_policy
    """
    return True if recurse else isinstance(module, tuple(transformer_layer_cls))


class ModuleWrapPolicy:
    """Parts of some classes.

    Source: torch.distributed.fsdp.wrap.ModuleWrapPolicy
    """

    def __init__(self, module_classes: Collection[type]) -> None:
        self.classes = tuple(module_classes)

    def _matches(self, module: Any) -> bool:
        return isinstance(module, self.classes)

    def __call__(self, module: Any, recurse: bool, *args: Any, **kwargs: Any) -> bool:
        return True if recurse else self._matches(module)


class CustomPolicy:
    """Parts for which a function says so.

    Source: torch.distributed.fsdp.wrap.CustomPolicy
    """

    def __init__(self, lambda_fn: Callable[[Any], Any]) -> None:
        self._matches = lambda_fn


def lambda_auto_wrap_policy(
    module: Any, recurse: bool, nonwrapped_numel: int, lambda_fn: Callable[[Any], bool]
) -> bool:
    """Parts for which a function says so.

    Source: torch.distributed.fsdp.wrap.lambda_auto_wrap_policy
    """
    return True if recurse else bool(lambda_fn(module))


def _or_policy(
    module: Any, recurse: bool, nonwrapped_numel: int, policies: Collection[Callable]
) -> bool:
    """Parts that one of several policies takes."""
    return any(
        policy(module=module, recurse=recurse, nonwrapped_numel=nonwrapped_numel)
        for policy in policies
    )
