"""Which modules are at work: inside of which modules forward, and backward, is at any moment.

Source: torch.utils.module_tracker
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from ..autograd.graph import register_multi_grad_hook
from ..core.pytree.tree import tree_iter
from ..core.tensor import Tensor
from ..nn.hook import register_module_forward_hook, register_module_forward_pre_hook


class ModuleTracker:
    """A context that knows the modules at work, by their names.

    Attributes:
        parents: Their names: "Global", "Net", "Net.layer".
        is_bw: Is backward running?

    Source: torch.utils.module_tracker.ModuleTracker

    Example:
        >>> import flambeau as torch
        >>> from flambeau.utils.module_tracker import ModuleTracker
        >>> class Net(torch.nn.Module):
        ...     def forward(self, x):
        ...         print(sorted(tracker.parents))
        ...         return x
        >>> with ModuleTracker() as tracker:
        ...     _ = Net()(torch.ones(1))
        ['Global', 'Net']
    """

    def __init__(self) -> None:
        self.parents: set[str] = {"Global"}
        self._names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()
        self._running = False
        self._before: set[str] = {"Global"}

    @property
    def is_bw(self) -> bool:
        return self._running

    def __enter__(self) -> ModuleTracker:
        self._before = set(self.parents)
        self._handles = [
            register_module_forward_pre_hook(self._entered),
            register_module_forward_hook(self._left),
        ]
        return self

    def __exit__(self, *exception: object) -> None:
        for handle in self._handles:
            handle.remove()
        self.parents = self._before

    def _name(self, module: Any) -> str:
        if module not in self._seen:
            self._names.setdefault(module, type(module).__name__)
            self._seen.add(module)
        name = self._names[module]
        for child_name, child in module.named_children():
            if child not in self._seen:
                self._names[child] = f"{name}.{child_name}"
        return name

    def _entered(self, module: Any, inputs: Any) -> None:
        name = self._name(module)
        self.parents.add(name)
        self._on_grads(inputs, lambda: self.parents.discard(name))

    def _left(self, module: Any, inputs: Any, outputs: Any) -> None:
        name = self._name(module)
        self.parents.discard(name)
        self._on_grads(outputs, lambda: self.parents.add(name))

    def _on_grads(self, tree: Any, act: Callable[[], None]) -> None:
        """In backward, act when the gradients of these tensors are there."""
        found = [x for x in tree_iter(tree) if isinstance(x, Tensor) and x._node is not None]
        if found:
            self._handles.append(register_multi_grad_hook(found, lambda grads: self._acted(act)))

    def _acted(self, act: Callable[[], None]) -> None:
        self._running = True
        act()
        self._running = False
