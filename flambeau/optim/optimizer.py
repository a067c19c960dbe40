"""Optimizer: parameter groups, state, and what all optimisers share."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from ..autograd.mode import enable_grad, no_grad
from ..autograd.node import Handle
from ..core.tensor import Tensor


class Optimizer:
    """Base class: subclasses write `update(group)`, which changes the group's parameters.

    Args:
        params: Parameters, or dicts of groups with their own options.
        defaults: Options of groups that do not give them.

    Raises:
        TypeError: A parameter is no tensor.
        ValueError: There are none, one occurs twice, or one is no leaf.

    Source: torch.optim.Optimizer
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {type(params).__name__}: put it in a list"
            )
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._step_pre_hooks: OrderedDict = OrderedDict()
        self._step_post_hooks: OrderedDict = OrderedDict()
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(dict(group))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of "
                "tensors in sets will change between runs. Please use a list instead."
            )
        names: list[str] = []
        listed = list(params)
        if listed and isinstance(listed[0], tuple):
            names, listed = [n for n, _ in listed], [p for _, p in listed]
            param_group["param_names"] = names
        for p in listed:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}"
                )
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        if len({id(p) for p in listed}) != len(listed):
            raise ValueError("some parameters appear more than once in a parameter group")
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in listed):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(
            {
                "params": listed,
                **{
                    key: deepcopy(value)
                    for key, value in self.defaults.items()
                    if key not in param_group
                },
                **{key: value for key, value in param_group.items() if key != "params"},
            }
        )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the parameters' gradients, or set them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p.grad is not None:
                    p.grad.detach_().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by their gradients.

        Args:
            closure: Computes the loss (and the gradients) again; its result is given back.
        """
        for hook in tuple(self._step_pre_hooks.values()):
            hook(self, (closure,), {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                self.update(group)
        for hook in tuple(self._step_post_hooks.values()):
            hook(self, (closure,), {})
        return loss

    def update(self, group: dict[str, Any]) -> None:
        """Change one group's parameters; every subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} has no update(group)")

    def register_step_pre_hook(self, hook: Callable) -> Handle:
        """Call ``hook(optimizer, args, kwargs)`` before each step."""
        return Handle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> Handle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return Handle(self._step_post_hooks, hook)

    def state_dict(self) -> dict[str, Any]:
        """State and options, parameters replaced by their numbers.

        Source: torch.optim.Optimizer.state_dict
        """
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed = {key: value for key, value in group.items() if key != "params"}
            groups.append({**packed, "params": [numbers[id(p)] for p in group["params"]]})
        return {
            "state": {numbers[id(p)]: dict(value) for p, value in self.state.items()},
            "param_groups": groups,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave; the parameters stay this optimiser's.

        Raises:
            ValueError: The groups differ in number or size.
        """
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(saved, self.param_groups)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )
        numbers = chain.from_iterable(group["params"] for group in saved)
        by_number = dict(
            zip(numbers, chain.from_iterable(group["params"] for group in self.param_groups))
        )
        self.state = defaultdict(dict)
        for number, values in state_dict["state"].items():
            p = by_number[number]
            self.state[p] = {key: _fitted(key, value, p) for key, value in values.items()}
        self.param_groups = [
            {
                "params": old["params"],
                **{key: deepcopy(value) for key, value in new.items() if key != "params"},
            }
            for old, new in zip(self.param_groups, saved)
        ]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _fitted(key: str, value: Any, p: Tensor) -> Any:
    """A loaded state value in its parameter's dtype; step counts stay as they are."""
    if not isinstance(value, Tensor):
        return deepcopy(value)
    value = value.detach().clone()  # type: ignore[attr-defined]
    if key == "step" or not p.is_floating_point():
        return value
    return value.to(p.dtype)


def checked(name: str, value: float, high: float = float("inf")) -> None:
    """Raises ValueError unless 0 <= value < high."""
    if not 0.0 <= value < high:
        raise ValueError(f"Invalid {name}: {value}")


def gradients(group: dict[str, Any]) -> Iterable[tuple[Tensor, Any]]:
    """The group's parameters that have a gradient, with its array (negated for maximize)."""
    for p in group["params"]:
        grad = p.grad
        if grad is not None:
            yield p, -grad._array if group.get("maximize") else grad._array
