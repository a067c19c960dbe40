"""Module: a network or a part of one, its parameters, buffers and submodules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..autograd.node import RemovableHandle as RemovableHandle
from ..core.tensor import Tensor
from .convert import Convertible
from .hook import BackwardHook as BackwardHook
from .hook import (
    GlobalHooks,
    Hooked,
    at_registration,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from .parameter import Buffer, Parameter
from .state import EXTRA, Stateful
from .state import _IncompatibleKeys as _IncompatibleKeys

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

# PyTorch's private names of what hooks and state consist of: packages look at them.
_EXTRA_STATE_KEY_SUFFIX = EXTRA
_global_forward_hooks, _global_forward_pre_hooks = GlobalHooks.forward, GlobalHooks.forward_pre
_global_backward_hooks, _global_backward_pre_hooks = GlobalHooks.backward, GlobalHooks.backward_pre
_global_forward_hooks_with_kwargs = GlobalHooks.with_kwargs
_global_forward_hooks_always_called = GlobalHooks.always
_global_parameter_registration_hooks = GlobalHooks.parameter
_global_buffer_registration_hooks = GlobalHooks.buffer
_global_module_registration_hooks = GlobalHooks.module


def _has_any_global_hook() -> bool:
    """Is there a hook on every module's calls?"""
    return any(
        (
            GlobalHooks.forward,
            GlobalHooks.forward_pre,
            GlobalHooks.backward,
            GlobalHooks.backward_pre,
        )
    )


def _addindent(s_: str, numSpaces: int) -> str:
    """A text whose lines after the first begin with so many spaces more."""
    return s_.replace("\n", "\n" + " " * numSpaces)


_DICTS = (
    "_parameters",
    "_buffers",
    "_modules",
)
_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


_CALLED = frozenset(name for name in _HOOKS if "ward" in name and "dict" not in name)
"""Those that a call looks at."""


class Module(Hooked, Stateful, Convertible):
    """Base class of networks: assign parameters, buffers and modules as attributes, write `forward`.

    Source: torch.nn.Module

    Example:
        >>> import flambeau as torch
        >>> class Scale(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = torch.nn.Parameter(torch.ones(1))
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> [name for name, _ in Scale().named_parameters()]
        ['factor']
    """

    training: bool
    dump_patches = False
    call_super_init = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and (args or kwargs):
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                    f"'{next(iter(kwargs))}'"
                )
            raise TypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were "
                "given"
            )
        state = self.__dict__
        state["training"] = True
        for name in _DICTS:
            state[name] = {}
        state["_non_persistent_buffers_set"] = set()
        state["_is_full_backward_hook"] = None
        for name in _HOOKS:
            state[name] = OrderedDict()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _HOOKS:  # saved by a version that did not have them yet
            self.__dict__.setdefault(name, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)
        if any(self.__dict__[name] for name in _CALLED):
            self._hooked = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it.

        Raises:
            NotImplementedError: The subclass did not.
        """
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile forward: nothing to do here, where kernels are compiled as they are met (see `torch.compile`).

        Args:
            args, kwargs: Advice for a compiler.

        Source: torch.nn.Module.compile
        """

    # ------------------------------------------------------------------------------ attributes

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        if isinstance(value, (Parameter, Module, Buffer)):
            self._assign(name, value)
        elif "_parameters" not in state:
            object.__setattr__(self, name, value)
        elif name in self._parameters:
            self._parameters[name] = _none_or(value, (), "parameter", name, "torch.nn.Parameter")
        elif name in self._modules:
            self._modules[name] = _none_or(value, (), "child module", name, "torch.nn.Module")
        elif name in self._buffers:
            wanted = "torch.nn.Buffer, torch.Tensor"
            self._buffers[name] = _none_or(value, Tensor, "buffer", name, wanted)
        else:
            object.__setattr__(self, name, value)
            if name in _CALLED or name == "_call_impl":  # given hooks, or called in another way
                object.__setattr__(self, "_hooked", True)

    def _assign(self, name: str, value: Any) -> None:
        """Register what belongs to a module under the name it was assigned to."""
        if "_parameters" not in self.__dict__:
            kind = (
                "parameters"
                if isinstance(value, Parameter)
                else "module"
                if isinstance(value, Module)
                else "buffer"
            )
            raise AttributeError(
                f"cannot assign {kind} before Module.__init__() call: begin "
                f"{type(self).__name__}.__init__ with super().__init__()"
            )
        if isinstance(value, Module):
            self._forget(name, self._modules)
            self._modules[name] = at_registration(GlobalHooks.module, self, name, value)
        elif isinstance(value, Parameter):
            self._forget(name, self._parameters)
            self.register_parameter(name, value)
        elif name in self._parameters:
            _none_or(value, (), "parameter", name, "torch.nn.Parameter")
        elif name in self._buffers:
            self._buffers[name] = at_registration(GlobalHooks.buffer, self, name, value)
        else:
            self._forget(name, self._buffers)
            self.register_buffer(name, value, getattr(value, "persistent", True))

    def _forget(self, name: str, but: dict) -> None:
        for place in (self.__dict__, self._parameters, self._buffers, self._modules):
            if place is not but:
                place.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __getattr__(self, name: str) -> Any:
        state = self.__dict__
        if "_parameters" in state:
            if name in (found := state["_parameters"]):
                return found[name]
            if name in (found := state["_modules"]):
                return found[name]
            if name in (found := state["_buffers"]):
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for place in (self._parameters, self._buffers, self._modules):
            if name in place:
                del place[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *self._parameters, *self._buffers, *self._modules})

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or None to reserve its name.

        Raises:
            TypeError, KeyError, ValueError: It is no leaf Parameter, or the name cannot be used.
        """
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_kind_name(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                "created explicitly: compute it in forward(), or detach() it first"
            )
        if param is not None:
            param = at_registration(GlobalHooks.parameter, self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the state but is not trained.

        Args:
            persistent: Is it part of the state_dict?

        Raises:
            TypeError, KeyError: It is no tensor, or the name cannot be used.
        """
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_kind_name(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        self._buffers[name] = at_registration(GlobalHooks.buffer, self, name, tensor)
        kept_out = self._non_persistent_buffers_set
        (kept_out.discard if persistent else kept_out.add)(name)

    def _check_name(self, kind: str, name: str, own: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type(name).__name__}")
        if "." in name:
            got = f", got: {name}" if kind == "module" else ""
            raise KeyError(f'{kind} name can\'t contain "."{got}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[own]:
            raise KeyError(f"attribute '{name}' already exists")

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under a name."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name("module", name, "_modules")
        self._modules[name] = at_registration(GlobalHooks.module, self, name, module)

    # ------------------------------------------------------------------------------- iteration

    def _named_members(
        self,
        get_members_fn: Callable[[Module], Iterable[tuple[str, Any]]],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, value in get_members_fn(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self,
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Parameter]]:
        """Names and parameters of this module and (if `recurse`) those below."""
        return self._named_members(
            lambda m: m._parameters.items(), prefix, recurse, remove_duplicate
        )

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters: what an optimiser takes."""
        return (value for _, value in self.named_parameters(recurse=recurse))

    def named_buffers(
        self,
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Tensor]]:
        """Names and buffers."""
        return self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers."""
        return (value for _, value in self.named_buffers(recurse=recurse))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Names and modules directly below."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below."""
        return (module for _, module in self.named_children())

    def named_modules(
        self,
        memo: set | None = None,
        prefix: str = "",
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Module]]:
        """Names and modules, this one first."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all below."""
        return (module for _, module in self.named_modules())

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path.

        Raises:
            AttributeError: There is none.
        """
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a dotted path, in place of what is there.

        Args:
            strict: There must be one already.

        Raises:
            ValueError: The path is empty, or what is given is no module.
            AttributeError: There is no such path.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{type(parent).__name__} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path.

        Raises:
            AttributeError: There is none.
        """
        found = self._leaf(target)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{target.rpartition('.')[2]}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path.

        Raises:
            AttributeError: There is none.
        """
        found = self._leaf(target)
        path, _, name = target.rpartition(".")
        if name not in self.get_submodule(path)._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return found

    def _leaf(self, target: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        return getattr(module, name)

    def share_memory(self) -> Module:
        """Move parameters and buffers to memory that processes share (`torch.multiprocessing`); itself.

        Source: torch.nn.Module.share_memory
        """
        return self._apply(lambda x: x.share_memory_())

    def _replicate_for_data_parallel(self) -> Module:
        """A copy that has the same submodules and buffers, and no parameters: a replica's are assigned."""
        replica = self.__new__(type(self))
        replica.__dict__ = self.__dict__.copy()
        replica.__dict__.update(
            _parameters={}, _buffers=self._buffers.copy(), _modules=self._modules.copy()
        )
        replica.__dict__["_is_replica"] = True
        return replica

    # ----------------------------------------------------------------------------------- modes

    def train(self, mode: bool = True) -> Module:
        """Set training mode, here and below; gives the module itself."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Module:
        """Set evaluation mode: no dropout, running statistics."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Ask for the gradients of all parameters, or stop asking."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)  # type: ignore[attr-defined]
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or set them to zero."""
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                if parameter.grad.requires_grad:
                    parameter.grad = parameter.grad.detach()
                parameter.grad.zero_()

    def apply(self, fn: Callable[[Module], Any]) -> Module:
        """Call ``fn(module)`` for every module, this one last."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ---------------------------------------------------------------------------------- display

    def extra_repr(self) -> str:
        """The arguments that repr shows."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        for name, module in self._modules.items():
            lines.append(f"({name}): " + repr(module).replace("\n", "\n  "))
        if not lines:
            return f"{self._get_name()}()"
        if not self._modules and len(lines) == 1:
            return f"{self._get_name()}({lines[0]})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


def _kind_name(value: Any) -> str:
    return value.type() if isinstance(value, Tensor) else type(value).__name__


def _none_or(value: Any, allowed: Any, what: str, name: str, wanted: str) -> Any:
    """A value that may take the name of a registered one.

    Raises:
        TypeError: It may not.
    """
    if value is None or isinstance(value, allowed):
        return value
    raise TypeError(
        f"cannot assign '{_kind_name(value)}' as {what} '{name}' ({wanted} or None expected)"
    )
