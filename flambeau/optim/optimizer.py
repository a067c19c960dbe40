"""Optimizer: parameter groups, the step that all algorithms share, and its hooks."""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .._caller import warn
from ..autograd.mode import enable_grad, mode
from ..autograd.node import RemovableHandle, registered
from ..core.sparse import SparseTensor
from ..core.tensor import Tensor, class_name
from ..formula.quiet import restore, silence, silent
from . import capturable, fused
from .helper import (  # noqa: F401  # PyTorch has them here, and other packages' optimisers use them
    ParamsT,
    _capturable_doc,
    _default_to_fused_or_foreach,
    _device_dtype_check_for_fused,
    _differentiable_doc,
    _disable_dynamo_if_unsupported,
    _dispatch_sqrt,
    _foreach_doc,
    _fused_doc,
    _get_capturable_supported_devices,
    _get_foreach_kernels_supported_devices,
    _get_fused_kernels_supported_devices,
    _get_scalar_dtype,
    _get_value,
    _group_tensors_by_device_and_dtype,
    _maximize_doc,
    _params_doc,
    _params_t,
    _RequiredParameter,
    _stack_if_compiling,
    _to_scalar,
    _use_grad_for_differentiable,
    _view_as_real,
    required,
)
from .state import Stateful, number, start_step

_pre_hooks: OrderedDict = OrderedDict()
_post_hooks: OrderedDict = OrderedDict()
_global_optimizer_pre_hooks, _global_optimizer_post_hooks = _pre_hooks, _post_hooks


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before each step of every optimiser."""
    return registered(hook, _pre_hooks)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after each step of every optimiser."""
    return registered(hook, _post_hooks)


def _watched(step: Callable) -> Callable:
    """A step that runs the hooks around itself, where there are any."""

    @functools.wraps(step)
    def wrapped(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._opt_called = True
        own = self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks
        if not (own or _pre_hooks or _post_hooks):
            return step(self, *args, **kwargs)
        args = (self, *args)
        for hook in (*_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
            result = hook(self, args, kwargs)
            if result is None:
                continue
            if not isinstance(result, tuple) or len(result) != 2:
                raise RuntimeError(
                    f"{type(self).__name__}.step pre hook must return None or a tuple of (new_args, "
                    f"new_kwargs), but got {result}."
                )
            args, kwargs = result
        out = step(*args, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_post_hooks.values()):
            hook(self, args, kwargs)
        return out

    wrapped.hooked = True  # type: ignore[attr-defined]
    return wrapped


class Optimizer(Stateful):
    """Base class of optimisers. Own ones override `step`, or write `plan` and `slots`.

    Args:
        params: Parameters, ``(name, parameter)`` pairs, or dicts of groups with their own options.
        defaults: Options of groups that do not give them.

    Raises:
        TypeError: A parameter is no tensor.
        ValueError: There are none, one occurs twice, or one is no leaf.

    An algorithm of this package is a formula (see `plan`): it becomes a kernel, and runs on tensors where
    ``differentiable=True`` asks for a recorded step. There is one implementation, so ``foreach=`` and
    ``fused=``, which choose among PyTorch's, give the same result whatever they are.

    Source: torch.optim.Optimizer
    """

    _opt_called = False
    _lists: tuple[str, ...] = ()
    """The state that `_init_group` lists, in PyTorch's order."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("step")
        if own is not None and not getattr(own, "hooked", False):
            cls.step = _watched(own)

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {params.type()}: put it in a list"  # type: ignore[attr-defined]
            )
        if hasattr(params, "parameters"):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got the module {type(params).__name__}: give its parameters, model.parameters()"
            )
        if defaults.get("fused"):
            _check_fused(defaults)
        self.defaults = defaults
        self._make_hooks()
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(dict(group) if isinstance(group, dict) else group)

    # ------------------------------------------------------------------------------- the step

    profile_hook_step = staticmethod(_watched)

    def _patch_step_function(self) -> None:
        """Let hooks run around a `step` that was put into the class after it was made."""
        if not getattr(type(self).step, "hooked", False):
            type(self).step = _watched(type(self).step)

    def _cuda_graph_capture_health_check(self) -> None:
        """Nothing to check: no graph is recorded without a device that could."""

    def _init_group(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], *lists: list[Any]
    ) -> bool:
        """Append a group's parameters that have gradients, their gradients and state to lists, made where
        there is none: what a `step` of your own over an algorithm of this package begins with.

        Args:
            lists: For each kind of state in PyTorch's order; a kind that the group does not keep gets nothing.

        Returns:
            Is a parameter complex?
        """
        names = self.slots(group)
        for p in group["params"]:
            if p.grad is None:
                continue
            params.append(p)
            grads.append(p.grad)
            state = self.state[p]
            if not state and (names or "step" in self._lists):
                self.start(p, state, group)
            for name, target in zip(self._lists, lists):
                if name in state:
                    target.append(state[name])
        return any(p.is_complex() for p in params)

    @staticmethod
    def _group_tensors_by_device_and_dtype(
        tensorlistlist: Sequence[Sequence[Any]], with_indices: bool = False
    ) -> dict:
        """Lists of tensors by device and dtype, as implementations of several at once want them."""
        return _group_tensors_by_device_and_dtype(tensorlistlist, with_indices)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by their gradients.

        Args:
            closure: Computes the loss (and the gradients) again; its result is given back.
        """
        own = self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks
        if own or _pre_hooks or _post_hooks:
            args = () if closure is None else (closure,)
            return _watched(type(self)._step)(self, *args)
        return self._step(closure)

    step.hooked = True  # type: ignore[attr-defined]

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        self._opt_called = True
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if self.defaults.get("differentiable"):
            for group in self.param_groups:
                self.update(group)
            return loss
        before = mode.recording
        mode.recording = False
        token = silence(silent)
        try:
            for group in self.param_groups:
                self.update(group)
        finally:
            restore(token)
            mode.recording = before
        return loss

    def update(self, group: dict[str, Any]) -> None:
        """Change one group's parameters by the algorithm's `plan`, all together where a kernel can."""
        if group.get("capturable"):
            _check_capturable(group)
            capturable.update(self, group, *_decay(group, True))
            return
        recorded, maximize = group.get("differentiable", False), group.get("maximize", False)
        names, plan, prepare = self.slots(group), self.plan(group), self.prepare
        decay, how = _decay(group, recorded)
        batches: dict[Any, fused.Batch] = {}
        last: Any = None
        for p in group["params"]:
            try:
                grad = p._grad
            except AttributeError:  # it never had one; the property warns where none can come
                grad = p.grad
            if grad is None:
                continue
            if grad.__class__ is SparseTensor:
                grad = self.sparse_gradient(p, grad, group)
                if grad is None:
                    continue
            clock, state = prepare(p, group, names)
            key = p._kind, clock
            if key != last:
                last = key
                batch = batches.get(key)
                if batch is None:
                    formula, numbers = plan(clock)
                    if how:
                        numbers["decay"] = decay
                    if how or maximize:
                        formula = fused.completed(formula, maximize, how)
                    batch = fused.Batch(p._kind, formula, numbers, len(names), recorded)
                    batches[key] = batch
                add = batch.members.append
            add((p, grad, state))
        for batch in batches.values():
            batch.run(self._writer)

    def sparse_gradient(self, p: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor | None:
        """What to do about a sparse gradient: a dense one to step by, or None where the step is done.

        Raises:
            RuntimeError: The algorithm has no step for sparse gradients.
        """
        raise RuntimeError(
            f"{type(self).__name__} does not support sparse gradients, please consider "
            f"{'SparseAdam' if 'Adam' in type(self).__name__ else 'SGD, Adagrad or SparseAdam'} instead"
        )

    @property
    def _writer(self) -> str:
        """Who wrote to the parameters, for messages."""
        return f"{type(self).__name__}.step()"

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        """The algorithm, with the group's options: from what `count` gave to a formula and its numbers.

        The formula is ``f(xp, p, g, *state, **numbers)`` and gives the new p and state, in the order of
        `slots`; xp has the functions (sqrt, maximum, ...). It must be a function of a module: the kernel
        is kept by it. Decay and the gradient's sign are not its business.
        """
        raise NotImplementedError(
            f"{type(self).__name__} defines no algorithm: override step(), or write plan() and slots()"
        )

    def prepare(
        self, p: Tensor, group: dict[str, Any], names: tuple[str, ...]
    ) -> tuple[Any, Sequence[Tensor]]:
        """What `count` says of this step, and the parameter's state."""
        state = self.state[p]
        if not state:
            self.start(p, state, group)
        return self.count(state, group), [state[name] for name in names]

    def count(self, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """Count a step. Gives all that the numbers of the step depend on besides the group: its number."""
        step = state["step"]._array
        t = step.item() + 1
        step.fill(t)
        return t

    def clock(self, states: list[dict[str, Any]], group: dict[str, Any]) -> Any:
        """`count` for parameters whose counts are on their device, all at once: tensors with an element for each."""
        steps = [state["step"] for state in states]
        capturable.add_one(steps)
        return capturable.listed(steps)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of what is kept for each parameter from step to step, beside the count."""
        return ()

    def start(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Fill the state before a parameter's first step: zeros, unless an algorithm says otherwise."""
        start_step(p, state, self.slots(group), group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the parameters' gradients, or set them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p.grad is not None:
                    if p.grad._node is not None:
                        p.grad = p.grad.detach()
                    p.grad.zero_()

    # --------------------------------------------------------------------------------- groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own.

        Raises:
            TypeError, ValueError: As for the constructor.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        names, listed = _parted(param_group["params"])
        self._check_params(listed)
        group = {"params": listed}
        if names:
            group["param_names"] = names
        group |= {key: value for key, value in param_group.items() if key != "params"}
        for key, value in self.defaults.items():
            group.setdefault(key, value)
        if len({id(p) for p in listed}) != len(listed):
            warn(
                "optimizer contains a parameter group with duplicate parameters: each would be "
                "changed twice a step; give every parameter once"
            )
        for old in self.param_groups:
            if ("param_names" in old) != ("param_names" in group):
                which = "with" if names else "without"
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{which} names to the optimizer"
                )
        known = {id(p) for old in self.param_groups for p in old["params"]}
        if any(id(p) in known for p in listed):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(group)

    def _check_params(self, params: list[Any]) -> None:
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {class_name(p)}"
                )
            if not (self.defaults.get("differentiable") or p.is_leaf):
                raise ValueError("can't optimize a non-leaf Tensor")

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _parted(params: Any) -> tuple[list[str], list[Any]]:
    """A group's names, if it has any, and its parameters."""
    if isinstance(params, Tensor):
        params = [params]
    elif isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of "
            "tensors in sets will change between runs. Please use a list instead."
        )
    listed = list(params)
    named = sum(isinstance(item, tuple) for item in listed)
    if named and named < len(listed):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    if named:
        return [name for name, _ in listed], [p for _, p in listed]
    return [], listed


def _decay(group: dict[str, Any], recorded: bool) -> tuple[Any, str]:
    """How weights decay: the number that `fused.completed` takes, and where it enters."""
    decay = number(group.get("weight_decay", 0), recorded)
    if not decay:
        return 0, ""
    if group.get("decoupled_weight_decay"):
        return 1 - number(group["lr"], recorded) * decay, "value"
    return decay, "gradient"


def _check_fused(defaults: dict[str, Any]) -> None:
    if defaults.get("differentiable"):
        raise RuntimeError("`fused` does not support `differentiable`")
    if defaults.get("foreach"):
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def _check_capturable(group: dict[str, Any]) -> None:
    for p in group["params"]:
        if p.device.type == "cpu":
            raise AssertionError(
                "If capturable=True, params and state_steps must be on supported devices: ['cuda']: it "
                "is for steps recorded into a CUDA graph; leave it out for parameters on the CPU"
            )


def checked(name: str, value: Any, high: float = float("inf")) -> None:
    """Raises ValueError unless 0 <= value < high."""
    if not 0.0 <= value < high:
        raise ValueError(f"Invalid {name}: {value}")


def checked_lr(lr: Any, defaults: dict[str, Any] | None = None) -> None:
    """Raises ValueError unless the step size is a number of at least 0, or a tensor of one."""
    if isinstance(lr, Tensor):
        if defaults and defaults.get("foreach") and not defaults.get("capturable"):
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
    checked("learning rate", lr)


def checked_betas(betas: Iterable[Any]) -> None:
    """Raises ValueError unless every beta is in [0, 1)."""
    for i, beta in enumerate(betas):
        checked(f"beta parameter at index {i}", beta, 1.0)
