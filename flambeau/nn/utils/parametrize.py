"""Parametrizations: a parameter computed from another one whenever it is looked up."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...autograd.mode import no_grad
from ...core.tensor import Tensor
from ..container import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

_cached: dict[tuple[int, str], Any] = {}
_depth = 0


@contextmanager
def cached() -> Iterator[None]:
    """Inside, a parametrized parameter is computed once and then looked up.

    Source: torch.nn.utils.parametrize.cached
    """
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _cached.clear()


class ParametrizationList(ModuleList):
    """The steps that compute a parameter, and what they start from: `original`, or `original0`, ...

    Source: torch.nn.utils.parametrize.ParametrizationList
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        value: Any = original
        with no_grad():
            for module in reversed(modules):
                inverse = getattr(module, "right_inverse", None)
                if inverse is not None:
                    value = inverse(value)
        self.is_tensor = isinstance(value, Tensor)
        self.ntensors = 1 if self.is_tensor else len(value)
        if self.is_tensor:
            self._keep("original", value, original)
        else:
            for i, part in enumerate(value):
                self._keep(f"original{i}", part, original)
        if not unsafe:
            made = self()
            if made.dtype is not original.dtype or made.shape != original.shape:
                raise ValueError(
                    "Registering a parametrization may not change the dtype or shape of the tensor: it "
                    f"was {original.dtype} {tuple(original.shape)} and became {made.dtype} "
                    f"{tuple(made.shape)}; pass unsafe=True if that is wanted"
                )

    def _keep(self, name: str, value: Tensor, original: Tensor) -> None:
        if isinstance(original, Parameter):
            kept = original if value is original else Parameter(value, original.requires_grad)
            self.register_parameter(name, kept)
        else:
            self.register_buffer(name, value)

    def _originals(self) -> list[Any]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set what the steps start from so that they give `value`.

        Raises:
            RuntimeError: A step has no right_inverse.
        """
        with no_grad():
            result: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                result = module.right_inverse(result)
            parts = [result] if self.is_tensor else list(result)
            for kept, part in zip(self._originals(), parts):
                kept.copy_(part)

    def forward(self) -> Tensor:
        """The parameter."""
        first, *rest = self
        value = first(*self._originals())
        for module in rest:
            value = module(value)
        return value


def _property(name: str) -> property:
    def get(self: Any) -> Any:
        if not _depth:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _cached:
            _cached[key] = self.parametrizations[name]()
        return _cached[key]

    def put(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


def _inject_class(module: Any) -> None:
    """Give the module a class of its own, to which properties can be added."""
    base = type(module)

    def getstate(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(): the class was "
            "made while running"
        )

    def deepcopy(self: Any, memo: dict) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        result = self.__new__(type(self))
        memo[id(self)] = result
        result.__dict__ = copy.deepcopy(self.__dict__, memo)
        return result

    body = {"__getstate__": getstate, "__deepcopy__": deepcopy, "__module__": base.__module__}
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), body)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute a parameter or buffer by a module, from what it was.

    Args:
        tensor_name: The parameter's name.
        parametrization: Its forward gives the parameter; its right_inverse, if it has one, what forward
            starts from.
        unsafe: Do not check that dtype and shape stay.

    Raises:
        ValueError: There is no such parameter, or dtype or shape changed.

    Source: torch.nn.utils.parametrize.register_parametrization
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        steps = module.parametrizations[tensor_name]
        if not unsafe:
            before = getattr(module, tensor_name)
            made = parametrization(before)
            if made.dtype is not before.dtype or made.shape != before.shape:
                raise ValueError(
                    "Registering a parametrization may not change the dtype or shape of the tensor; pass "
                    "unsafe=True if that is wanted"
                )
        if hasattr(parametrization, "right_inverse"):
            wanted = parametrization.right_inverse(getattr(module, tensor_name))
            steps.right_inverse(wanted)
        steps.append(parametrization)
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    original = getattr(module, tensor_name)
    steps = ParametrizationList([parametrization], original, unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        _inject_class(module)
        module.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, _property(tensor_name))
    module.parametrizations[tensor_name] = steps
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Is a parameter of the module (or this one) parametrized?

    Source: torch.nn.utils.parametrize.is_parametrized
    """
    steps = module._modules.get("parametrizations")
    if not isinstance(steps, ModuleDict):
        return False
    return len(steps) > 0 if tensor_name is None else tensor_name in steps


def remove_parametrizations(
    module: Any, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make the parameter an ordinary one again.

    Args:
        leave_parametrized: With the value computed; False: with what it was computed from.

    Raises:
        ValueError: It is not parametrized, or was computed from several tensors.

    Source: torch.nn.utils.parametrize.remove_parametrizations
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    steps = module.parametrizations[tensor_name]
    if not leave_parametrized and not steps.is_tensor:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in "
            "terms of a sequence of tensors."
        )
    value = steps().detach() if leave_parametrized else None
    kept = steps._originals()[0]
    if value is not None:
        if steps.is_tensor:
            with no_grad():
                kept.set_(value) if hasattr(kept, "set_") else kept.copy_(value)
        else:
            wanted = any(p.requires_grad for p in steps.parameters(recurse=False))
            kept = Parameter(value, wanted) if isinstance(kept, Parameter) else value
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if not is_parametrized(module):
        del module._modules["parametrizations"]
        module.__class__ = type(module).__bases__[0]
    if isinstance(kept, Parameter):
        module.register_parameter(tensor_name, kept)
    else:
        module.register_buffer(tensor_name, kept)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The module's class, before it was given one of its own.

    Source: torch.nn.utils.parametrize.type_before_parametrizations
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)
