"""What optimisers keep: state of the parameters, saving and loading it, and what formulas compute with."""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Sequence
from copy import deepcopy
from itertools import chain
from types import ModuleType
from typing import Any

from ..autograd.node import RemovableHandle, registered
from ..core.device import CPU
from ..core.dtype import float32, float64, get_default_dtype
from ..core.kind import kind_of
from ..core.tensor import Tensor, wrap
from ..ops.view.complex import view_as_real

_HOOKS = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


class Stateful:
    """The half of Optimizer that saves, loads and calls hooks."""

    defaults: dict[str, Any]
    state: defaultdict[Any, dict[str, Any]]
    param_groups: list[dict[str, Any]]
    _optimizer_step_pre_hooks: OrderedDict = OrderedDict()  # of those that never called __init__
    _optimizer_step_post_hooks: OrderedDict = OrderedDict()
    _optimizer_state_dict_pre_hooks: OrderedDict
    _optimizer_state_dict_post_hooks: OrderedDict
    _optimizer_load_state_dict_pre_hooks: OrderedDict
    _optimizer_load_state_dict_post_hooks: OrderedDict

    def _make_hooks(self) -> None:
        for name in _HOOKS:
            self.__dict__.setdefault(name, OrderedDict())

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may give new arguments."""
        self._make_hooks()
        return registered(hook, self._optimizer_step_pre_hooks)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        self._make_hooks()
        return registered(hook, self._optimizer_step_post_hooks)

    def register_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` before `state_dict`."""
        return registered(hook, self._optimizer_state_dict_pre_hooks, first=prepend)

    def register_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after `state_dict`; a result replaces it."""
        return registered(hook, self._optimizer_state_dict_post_hooks, first=prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before loading; a result replaces what is loaded."""
        return registered(hook, self._optimizer_load_state_dict_pre_hooks, first=prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after loading."""
        return registered(hook, self._optimizer_load_state_dict_post_hooks, first=prepend)

    def state_dict(self) -> dict[str, Any]:
        """State and options, parameters replaced by their numbers.

        Source: torch.optim.Optimizer.state_dict

        Example:
            >>> import flambeau as torch
            >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
            >>> optimizer.state_dict()["param_groups"][0]["lr"]
            0.1
        """
        for hook in tuple(self._optimizer_state_dict_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed = {key: value for key, value in group.items() if key != "params"}
            groups.append({**packed, "params": [numbers[id(p)] for p in group["params"]]})
        result: dict[str, Any] = {
            "state": {
                numbers[id(p)] if isinstance(p, Tensor) else p: value
                for p, value in self.state.items()
            },
            "param_groups": groups,
        }
        for hook in tuple(self._optimizer_state_dict_post_hooks.values()):
            result = hook(self, result) or result
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave; the parameters stay this optimiser's.

        Raises:
            ValueError: The groups differ in number or size.
        """
        state_dict = dict(state_dict)
        for hook in tuple(self._optimizer_load_state_dict_pre_hooks.values()):
            state_dict = hook(self, state_dict) or state_dict
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(saved, self.param_groups)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )
        numbers = chain.from_iterable(group["params"] for group in saved)
        by_number: dict[Hashable, Tensor] = dict(
            zip(numbers, chain.from_iterable(group["params"] for group in self.param_groups))
        )
        self.state = defaultdict(dict)
        for number_, values in state_dict["state"].items():
            if number_ in by_number:
                p = by_number[number_]
                self.state[p] = self._fitted(values, p, number_, saved)
            else:
                self.state[number_] = values
        self.param_groups = [_merged(old, new) for old, new in zip(self.param_groups, saved)]
        for hook in tuple(self._optimizer_load_state_dict_post_hooks.values()):
            hook(self)

    def _fitted(self, value: Any, p: Tensor, number: Any, groups: list, key: Any = None) -> Any:
        """A loaded state value for its parameter."""
        if isinstance(value, Tensor):
            placed = self._process_value_according_to_param_policy(p, value, number, groups, key)
            return placed.detach().clone()  # type: ignore[attr-defined]
        if isinstance(value, dict):
            return {k: self._fitted(v, p, number, groups, k) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._fitted(v, p, number, groups) for v in value)
        return deepcopy(value)

    @staticmethod
    def _process_value_according_to_param_policy(
        param: Tensor,
        value: Any,
        param_id: int,
        param_groups: list[dict[Any, Any]],
        key: Any = None,
    ) -> Tensor:
        """A loaded tensor in its parameter's dtype and place; step counts stay as they are.

        Args:
            param_id, param_groups: The parameter's number, and the loaded groups.
            key: The name of the state.
        """
        if key == "step":
            return value
        dtype = param.dtype if param.is_floating_point() else value.dtype
        return value.to(param.device, dtype)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_hooks()


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A loaded group with this optimiser's parameters, and its names where none were saved."""
    merged = {**new, "params": old["params"]}
    if "param_names" in old and "param_names" not in new:
        merged["param_names"] = old["param_names"]
    return merged


def scalar(value: float, device: Any = CPU) -> Tensor:
    """A count or a factor as state keeps it: 0-d, float32 (float64 where that is the default)."""
    dtype = float64 if get_default_dtype() is float64 else float32
    kind = kind_of(dtype, device)
    return wrap(kind.xp.asarray(value, dtype.numpy), kind)


def home(p: Tensor, group: dict[str, Any]) -> Any:
    """Where counts of steps are kept: on the CPU, unless a graph is to record the steps of a device."""
    return p.device if group.get("capturable") else CPU


def start_step(
    p: Tensor, state: dict[str, Any], names: Sequence[str], group: dict[str, Any]
) -> None:
    """A count of 0, and zeros in the parameter's shape for every name."""
    state["step"] = scalar(0.0, home(p, group))
    for name in names:
        state[name] = zeros_like(p)


def zeros_like(p: Tensor, value: complex = 0) -> Tensor:
    """A tensor in the parameter's shape, dtype and layout in memory."""
    return wrap(p._kind.xp.full_like(p._array, value), p._kind)


def number(value: Any, recorded: bool = False) -> Any:
    """An option that may be a tensor of one element, as a number (as it is in a recorded step)."""
    return value if recorded or not isinstance(value, Tensor) else value.item()


def step_size(group: dict[str, Any]) -> Any:
    """The learning rate: a number, unless the step is recorded, for its gradient or by a graph."""
    return number(group["lr"], bool(group.get("differentiable") or group.get("capturable")))


def root(x: Any) -> Any:
    """The square root of a number or of a tensor."""
    return x.sqrt() if isinstance(x, Tensor) else math.sqrt(x)


def handles(recorded: bool, p: Tensor, grad: Tensor, state: Sequence[Tensor]) -> list[Any]:
    """What a formula computes with: the module of functions, then p, its gradient and state, as arrays.

    In a recorded step they are tensors. Complex values are seen as pairs of real ones.
    """
    if recorded:
        return _recorded_handles(p, grad, state)
    kind = p._kind
    if kind.dtype.is_complex:
        tensors = [_real(x) for x in (p, grad, *state)]
        return [kind.xp, *(x._array for x in tensors)]
    return [kind.xp, p._array, grad._array, *[x._array for x in state]]


def _recorded_handles(p: Tensor, grad: Tensor, state: Sequence[Tensor]) -> list[Any]:
    import flambeau

    functions: ModuleType = flambeau
    tensors = (p, grad, *state)
    if p._kind.dtype.is_complex:
        return [functions, *(_real(x) for x in tensors)]
    return [functions, *tensors]


def _real(x: Tensor) -> Tensor:
    return view_as_real(x) if x._kind.dtype.is_complex else x
