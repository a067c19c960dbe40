"""How generated code calls functions, types and values."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
import types
from typing import Any

from ..dispatch.registry import NAMESPACES
from ..dispatch.torch_function import guards

PACKAGE = __package__.partition(".")[0]


def is_ours(obj: Any) -> bool:
    """Does it belong to this package, so that generated code may say ``torch.`` and its path?"""
    module = getattr(obj, "__module__", None) or ""
    return module.partition(".")[0] in (PACKAGE, "torch")


def torch_path(name: str) -> str:
    """A dotted name with torch where this package's own name stands."""
    head, dot, rest = name.partition(".")
    return f"torch{dot}{rest}" if head == PACKAGE else name


def found(path: str) -> Any:
    """What a dotted name of torch means here; None if nothing."""
    obj: Any = sys.modules[PACKAGE]
    for part in path.split(".")[1:]:
        obj = getattr(obj, part, None)
        if obj is None:
            return None
    return obj


def public_name(function: Any) -> str | None:
    """The name of one of torch's functions or methods: "torch.add", "torch.Tensor.relu"; None of others.

    Of a function that stands in two places, the one where PyTorch has a function written in Python.
    """
    try:
        name = guards.names().get(function)
    except TypeError:  # it cannot be a key
        return None
    short = (name or "").rpartition(".")[2]
    if short not in AS_CALLED and NAMESPACES["nn.functional"].get(short) is function:
        return f"torch.nn.functional.{short}"
    return name


AS_CALLED = frozenset(
    (
        *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "avg_pool1d"),
        *("avg_pool2d", "avg_pool3d", "bilinear", "celu_", "channel_shuffle", "conv1d", "conv2d"),
        *("conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        *("cosine_similarity", "elu_", "gelu", "hardshrink", "hardtanh_", "leaky_relu_", "linear"),
        *("logsigmoid", "native_channel_shuffle", "one_hot", "pairwise_distance", "pdist"),
        *("pixel_shuffle", "pixel_unshuffle", "prelu", "relu_", "rrelu_", "selu_", "softplus"),
        *("scaled_dot_product_attention", "softshrink", "softsign", "tanhshrink", "threshold_"),
        *("sigmoid", "tanh"),
    )
)
"""Functions of nn.functional that PyTorch does not write in Python, or writes without arguments by name."""


def qualified_name(function: Any) -> str:
    """A function's name as generated code writes it: ``torch.relu``, ``operator.add``, ``math.sqrt``.

    Source: torch.fx.node._get_qualified_name

    Raises:
        RuntimeError: It has no name that would be found again.
    """
    name = getattr(function, "__name__", None)
    if isinstance(name, str) and getattr(builtins, name, None) is function:
        return f"builtins.{name}"
    public = public_name(function)
    if public is not None and not public.startswith("torch.Tensor."):
        return _native_names().get(public, public)
    module = getattr(function, "__module__", None)
    if name is None:  # an operation of torch.ops, a functools.partial
        return torch_path(str(function))
    if isinstance(function, (types.MethodDescriptorType, types.WrapperDescriptorType)):
        return f"{function.__objclass__.__module__}.{function.__objclass__.__name__}.{name}"
    if public is not None:
        return public
    module = module or "builtins"
    if is_ours(function) and found(f"torch.{name}") is function:
        return f"torch.{name}"
    if module.endswith("._ops"):
        module = "torch.ops"
    module = module.replace("torch._ops", "torch.ops")  # of operations: torch.ops.aten.relu.default
    return f"{torch_path(module).replace('_operator', 'operator')}.{name}"


_NATIVE = (
    *("avg_pool2d", "avg_pool3d", "elu_", "gelu", "hardtanh_", "leaky_relu_", "linear", "one_hot"),
    *("scaled_dot_product_attention", "softplus", "softshrink", "log_sigmoid"),
)
"""Functions of nn.functional that PyTorch's programs see as ``torch._C._nn``'s."""


def _native_names() -> dict[str, str]:
    """For a public name, the one under which ``torch._C._nn`` has the same function, where it has."""
    space = found("torch._C._nn")
    if space is not None and not _natives:
        for name in _NATIVE:
            public = "logsigmoid" if name == "log_sigmoid" else name
            if getattr(space, name, None) is found(f"torch.nn.functional.{public}"):
                _natives[f"torch.nn.functional.{public}"] = f"torch._C._nn.{name}"
    return _natives


_natives: dict[str, str] = {}


def type_repr(obj: Any) -> str:
    """A type as generated code writes it: ``int``, ``torch.Tensor``, ``typing.Optional[int]``.

    Source: torch.fx.node._type_repr
    """
    if isinstance(obj, type) and not hasattr(obj, "__origin__"):
        if obj.__module__ == "builtins":
            return obj.__qualname__
        if is_ours(obj) and found(f"torch.{obj.__name__}") is obj:
            return f"torch.{obj.__name__}"
        return torch_path(f"{obj.__module__}.{obj.__qualname__}")
    if obj is ...:
        return "..."
    if isinstance(obj, types.FunctionType):
        return obj.__name__
    return repr(obj)


def target_text(target: Any) -> str:
    """A node's target as listings show it."""
    if isinstance(target, str):
        return target
    return qualified_name(target) if hasattr(target, "__module__") else str(target)


_CAPITAL = re.compile("(?<=[a-z])[A-Z]")


def snake_case(name: str) -> str:
    """``BatchNorm2d`` as ``batch_norm2d``, ``add.Tensor`` as ``add.tensor``."""
    return _CAPITAL.sub(lambda found: f"_{found[0]}", name).lower()


_NOT_NAME = re.compile("[^0-9a-zA-Z_]+")
_NUMBERED = re.compile(r"^(.*)_(\d+)$")
_RESERVED = frozenset(
    (
        *(*dir(builtins), *keyword.kwlist),
        *("inf", "nan", "NoneType", "torch", "device", "fx_pytree", "pytree"),
    )
)
"""What generated code has names of its own for."""


class Namespace:
    """Names of one scope, each given once.

    Source: torch.fx.graph._Namespace
    """

    def __init__(self) -> None:
        self._obj_to_name: dict[Any, str] = {}
        self._used_names: set[str] = set()
        self._base_count: dict[str, int] = {}

    def create_name(self, candidate: str, obj: Any) -> str:
        """A name like `candidate` that is free; of `obj` it will be the name from now on."""
        if obj is not None and obj in self._obj_to_name:
            return self._obj_to_name[obj]
        candidate = _NOT_NAME.sub("_", candidate) or "_unnamed"
        if candidate[0].isdigit():
            candidate = f"_{candidate}"
        match = _NUMBERED.match(candidate)
        base, number = (match[1], int(match[2])) if match else (candidate, 0)
        if self._is_taken(candidate, obj):
            number = max(number, self._base_count.get(base, 0))
            while self._is_taken(candidate, obj):
                number += 1
                candidate = f"{base}_{number}"
        self._used_names.add(candidate)
        if number:
            self._base_count[base] = max(self._base_count.get(base, 0), number)
        if obj is not None:
            self._obj_to_name[obj] = candidate
        return candidate

    def associate_name_with_obj(self, name: str, obj: Any) -> None:
        """From now on `obj` has this name, which `create_name` gave."""
        self._obj_to_name.setdefault(obj, name)

    def _rename_object(self, obj: Any, name: str) -> None:
        self._obj_to_name[obj] = name
        self._used_names.add(name)

    def _is_taken(self, name: str, obj: Any) -> bool:
        return name in self._used_names or self._is_illegal_name(name, obj)

    def _is_illegal_name(self, name: str, obj: Any) -> bool:
        if name in _RESERVED:
            return obj is None or getattr(builtins, name, _NOT_NAME) is not obj
        return False
