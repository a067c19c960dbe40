"""Parameter and Buffer: tensors that a Module finds among its attributes; and those without shape."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from .._caller import OURS
from ..autograd.node import Leaf
from ..core.device import default_device, resolve
from ..core.dtype import CONVERSIONS, state
from ..core.handler import disabled
from ..core.kind import kind_of
from ..core.memory import keep_alive
from ..core.tensor import Tensor, become, wrap
from ..ops.tensor.handle import bare

_array_slot = Tensor.__dict__["_array"]


class _Marked(type):
    """The class of Parameter and Buffer: a tensor of another class may be one too, by a mark."""

    mark: str

    def __instancecheck__(cls, instance: object) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return isinstance(instance, Tensor) and cls.mark in instance.__dict__ and cls in _MARKED


def _empty() -> Tensor:
    kind = kind_of(state.default, default_device())
    return wrap(kind.xp.empty(0, kind.numpy), kind)


class Parameter(Tensor, metaclass=_Marked):
    """A tensor that requires grad and that a Module registers when it is assigned.

    Args:
        data: The values, whose memory it shares. A tensor of a subclass of Tensor keeps its class.
        requires_grad: Is its gradient wanted?

    Raises:
        RuntimeError: Integers cannot require grad.

    Source: torch.nn.Parameter

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Parameter(torch.ones(2))
        Parameter containing:
        tensor([1., 1.], requires_grad=True)
    """

    mark = "_is_param"
    shown_as = "tensor("
    __torch_function__ = disabled

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = _empty()
        elif not isinstance(data, Tensor):
            raise AttributeError(
                f"{type(data).__name__!r} object has no attribute 'detach': a Parameter is made of a "
                "tensor; use torch.tensor(...) first"
            )
        if type(data) is Tensor or isinstance(data, Parameter):
            return become(bare(data), cls).requires_grad_(requires_grad)
        kept = data.detach().requires_grad_(requires_grad)
        if type(kept) is not type(data):
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {type(data).__name__} requires that "
                f"detach() returns an instance of the same type, but return type "
                f"{type(kept).__name__} was found instead: define detach() in the class"
            )
        kept._is_param = True
        return kept

    def __repr__(self) -> str:
        return "Parameter containing:\n" + Tensor.__repr__(self)

    def __deepcopy__(self, memo: dict) -> Any:
        found = memo.get(id(self))
        if found is None:
            values: Any = self.detach().clone()  # as in PyTorch without the gradient
            found = memo[id(self)] = type(self)(values, self.requires_grad)
            keep_alive(self, memo)
        return found


class Buffer(Tensor, metaclass=_Marked):
    """A tensor that a Module registers as a buffer when it is assigned.

    It is a Tensor like any other, marked as a buffer.

    Args:
        data: The values, whose memory it shares.
        persistent: Is it part of the module's state_dict?

    Source: torch.nn.Buffer

    Example:
        >>> import flambeau as torch
        >>> buffer = torch.nn.Buffer(torch.ones(2), persistent=False)
        >>> isinstance(buffer, torch.nn.Buffer), buffer.persistent
        (True, False)
    """

    mark = "_is_buffer"

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = _empty()
        made: Any = data.detach().requires_grad_(data.requires_grad)
        made.persistent, made._is_buffer = persistent, True
        return made


_MARKED = (Parameter, Buffer)


class UninitializedTensorMixin:
    """What parameters and buffers without shape share: they refuse everything until `materialize`."""

    plain: type = Tensor

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become a parameter (buffer) of this shape, not initialised.

        Args:
            shape: The sizes.
            device, dtype: Default: those it has.
        """
        tensor: Any = self
        kind = kind_of(dtype or tensor.dtype, tensor.device if device is None else resolve(device))
        tensor.data = wrap(kind.xp.empty(tuple(shape), kind.numpy), kind)
        tensor.__class__ = self.plain

    @property
    def data(self) -> Any:
        """An empty tensor of its dtype, on its device."""
        return wrap(_array_slot.__get__(self), self._kind)  # type: ignore[attr-defined,has-type]

    @data.setter
    def data(self, value: Tensor) -> None:
        _array_slot.__set__(self, value._array)
        self._kind = value._kind
        node = self._node
        if node is not None:
            node.shape, node.kind = value._array.shape, value._kind

    @property
    def _array(self) -> Any:
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {_public_caller()}. This error happens "
            "when you are using a `LazyModule` or explicitly manipulating "
            f"`torch.nn.parameter.{type(self).__name__}` objects. When using LazyModules Call "
            "`forward` with a dummy batch to initialize the parameters before calling torch functions"
        )

    @_array.setter
    def _array(self, value: Any) -> None:
        _array_slot.__set__(self, value)

    @property
    def shape(self) -> NoReturn:
        """There is none yet: RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens "
            "in `load_state_dict` when trying to load an uninitialized parameter into an initialized "
            "one. Call `forward` to initialize the parameters before accessing their attributes."
        )

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Ask for its gradient, once it has a shape."""
        self._node = Leaf(self, (0,)) if requires_grad else None
        return self

    def share_memory_(self) -> NoReturn:
        """There is no memory yet: RuntimeError."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize "
            "the parameters before calling `module.share_memory()`."
        )

    def detach(self) -> Any:
        """Another one without history."""
        return type(self)(device=self.device, dtype=self.dtype)  # type: ignore[attr-defined,call-arg]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> tuple:
        tensor: Any = self
        return type(self), (tensor.requires_grad, str(tensor.device), tensor.dtype)


def _public_caller() -> str:
    """The name of the outermost function of this library that is being called."""
    frame: Any = sys._getframe(2)
    name = frame.f_code.co_name
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        name = frame.f_code.co_name
        frame = frame.f_back
    return name


def _conversion(name: str) -> None:
    def convert(self: Any, *args: Any, **options: Any) -> Tensor:
        return getattr(self.data, name)(*args, **options)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"`Tensor.{name}` of the empty tensor that it is so far."
    setattr(UninitializedTensorMixin, name, convert)


for _name in ("to", "type", "cpu", "cuda", *CONVERSIONS):
    _conversion(_name)


def _without_shape(cls: type, device: Any, dtype: Any) -> Any:
    kind = kind_of(dtype or state.default, default_device() if device is None else resolve(device))
    return become(wrap(kind.xp.empty(0, kind.numpy), kind), cls)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet.

    Source: torch.nn.parameter.UninitializedParameter

    Example:
        >>> import flambeau as torch
        >>> p = torch.nn.parameter.UninitializedParameter()
        >>> p.materialize((2, 3))
        >>> p.shape
        torch.Size([2, 3])
    """

    plain = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _without_shape(cls, device, dtype).requires_grad_(requires_grad)

    def __deepcopy__(self, memo: dict) -> Any:
        found = memo.get(id(self))
        if found is None:
            found = type(self)(self.requires_grad, self.device, self.dtype)
            memo[id(self)] = found
        return found


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet.

    Source: torch.nn.parameter.UninitializedBuffer
    """

    __torch_function__ = disabled

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> Any:
        made = _without_shape(cls, device, dtype).requires_grad_(requires_grad)
        made.persistent, made._is_buffer = persistent, True
        return made


def is_lazy(param: Any) -> bool:
    """Is its shape not known yet?"""
    return isinstance(param, UninitializedTensorMixin)
