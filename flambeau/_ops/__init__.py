"""Operations by the names that PyTorch's dispatcher gives them: ``torch.ops.aten.add.Tensor``, ``torch.ops.my.scale``.

``torch.ops.NAMESPACE.NAME`` is an `OpOverloadPacket`: all operations of this name. Each of them, ``.default`` or
``.Tensor``, is an `OpOverload`, which has a schema. Those of the namespace aten are flambeau's own functions
(`_ops.aten`), those of torchvision too (`ops.vision`), and programs define others (`library`).

Source: torch._ops
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ..core.handler import DISPATCHED, state
from ..core.tensor import Tensor
from ..dispatch.torch_function import dispatch
from . import below
from .definition import DEFINITIONS, Definition
from .schema import FunctionSchema

__all__ = [
    "HigherOrderOperator",
    "OpOverload",
    "OpOverloadPacket",
    "OperatorBase",
    "_OpNamespace",
    "ops",
]


class OperatorBase:
    """What all that is called through `torch.ops` is.

    Source: torch._ops.OperatorBase
    """

    __name__: str


class OpOverload(OperatorBase):
    """One operation: called with arguments that fit its schema.

    Source: torch._ops.OpOverload

    Example:
        >>> import flambeau as torch
        >>> add = torch.ops.aten.add.Tensor
        >>> print(add, "|", add._schema)
        aten.add.Tensor | aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor
        >>> add(torch.ones(2), torch.ones(2), alpha=3)
        tensor([4., 4.])
    """

    def __init__(self, packet: OpOverloadPacket, definition: Definition) -> None:
        self._overloadpacket, self._definition = packet, definition
        schema = self._schema = definition.schema
        self._name = schema.name
        if schema.overload_name:
            self._name += f".{schema.overload_name}"
        self._overloadname = schema.overload_name or "default"
        self._opname = packet.__name__
        self.__name__ = f"{packet.__name__}.{self._overloadname}"
        self.__module__ = packet.__module__
        self.__qualname__ = self._name
        self.__annotations__ = {}
        self.tags = definition.tags
        self.py_kernels = definition.kernels

    @property
    def namespace(self) -> str:
        """The part of its name before the colons."""
        return self._schema.name.partition("::")[0]

    @property
    def overloadpacket(self) -> OpOverloadPacket:
        """All operations of this name."""
        return self._overloadpacket

    @property
    def op(self) -> OpOverload:
        return self

    _op = op

    @property
    def is_view(self) -> bool:
        """Does the result share the first argument's memory?"""
        return self._schema.is_view

    def name(self) -> str:
        """Its full name: "aten::add.Tensor"."""
        return self._name

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if state.casting and self._definition.autocast:
            args, kwargs = self._definition.cast(args, kwargs)
        found = below.handling(args, kwargs)
        if found or state.modes:
            return below.asked(self, found, args, kwargs)
        if (state.dispatch or DISPATCHED) and below.is_seen(args, kwargs):
            return below.call(self, args, kwargs)
        return self._definition.call(self, args, kwargs)

    def redispatch(self, keyset: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call it below the keys that were handled: there is nothing between, so just call it."""
        return self._definition.call(self, args, kwargs)

    def decompose(self, *args: Any, **kwargs: Any) -> Any:
        """What it is made of, where it is made of other operations: NotImplemented, as none is asked for."""
        return NotImplemented

    def has_kernel_for_dispatch_key(self, k: Any) -> bool:
        """Was something registered for a key?"""
        return getattr(k, "name", k) in self._definition.kernels

    def py_impl(self, k: Any) -> Any:
        """A decorator: register what is run for a key."""

        def put(function: Any) -> Any:
            self._definition.register(getattr(k, "name", k), function)
            return function

        return put

    def __str__(self) -> str:
        return ".".join((*self._schema.name.split("::"), self._overloadname))

    def __repr__(self) -> str:
        return f"<OpOverload(op='{self._schema.name.replace('::', '.')}', overload='{self._overloadname}')>"

    def __hash__(self) -> int:
        return hash(self._name)

    def __reduce__(self) -> tuple:
        name, overload = self._schema.name.split("::"), self._overloadname
        return _found, (*name, overload)

    def __copy__(self) -> OpOverload:
        return self

    def __deepcopy__(self, memo: dict) -> OpOverload:
        return self


def _found(namespace: str, name: str, overload: str) -> OpOverload:
    return getattr(getattr(getattr(ops, namespace), name), overload)  # type: ignore[no-any-return]


class OpOverloadPacket(OperatorBase):
    """All operations of one name; calling it calls the first whose schema the arguments fit.

    Source: torch._ops.OpOverloadPacket
    """

    def __init__(self, namespace: str, name: str, definitions: dict[str, Definition]) -> None:
        self._qualified_op_name = f"{namespace}::{name}"
        self.__name__, self.__module__ = name, f"torch._ops.{namespace}"
        self._definitions = definitions

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_definitions":
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        definition = self._definitions.get("" if name == "default" else name)
        if definition is None:
            place = self._qualified_op_name.replace("::", ".")
            raise AttributeError(f"The underlying op of '{place}' has no overload name '{name}'")
        made = OpOverload(self, definition)
        setattr(self, name, made)
        return made

    @property
    def _overload_names(self) -> list[str]:
        return list(self._definitions)

    @property
    def _schemas(self) -> dict[str, FunctionSchema]:
        return {name: item.schema for name, item in self._definitions.items()}

    @property
    def op(self) -> OpOverloadPacket:
        return self

    _op = op

    def overloads(self) -> list[str]:
        """The names of the operations: "default", "Tensor", "out", ..."""
        return [name or "default" for name in self._definitions]

    def __iter__(self) -> Iterator[str]:
        return iter(self.overloads())

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *self.overloads()]

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        unbound = [x for x in below.handling(args, kwargs) if not isinstance(x, Tensor)]
        if unbound:  # no schema tells of them, so none is chosen
            return dispatch(self, unbound, args, kwargs)
        names = self.overloads()
        if len(names) == 1:
            return getattr(self, names[0])(*args, **kwargs)
        refusals = []
        for name in names:
            overload = getattr(self, name)
            try:
                overload._schema.bind(args, kwargs)
            except RuntimeError as error:
                refusals.append(str(error))
            else:
                return overload(*args, **kwargs)
        raise RuntimeError(
            f"No operation of {self._qualified_op_name} takes these arguments:\n"
            + "\n".join(refusals)
        )

    def __str__(self) -> str:
        return self._qualified_op_name.replace("::", ".")

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='{self}')>"

    def __copy__(self) -> OpOverloadPacket:
        return self

    def __deepcopy__(self, memo: dict) -> OpOverloadPacket:
        return self


class _OpNamespace(ModuleType):
    """The operations whose names begin alike: ``torch.ops.aten``.

    Source: torch._ops._OpNamespace
    """

    __file__ = "torch.ops"

    def __init__(self, name: str) -> None:
        super().__init__(f"torch.ops.{name}")
        self.name = name
        self._dir: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return iter(self._dir)

    def __getattr__(self, op_name: str) -> OpOverloadPacket:
        if op_name.startswith("__") and op_name.endswith("__"):
            raise AttributeError(
                f"'_OpNamespace' '{self.__name__}' object has no attribute '{op_name}'"
            )
        definitions = DEFINITIONS.find(self.name, op_name)
        if not definitions:
            raise AttributeError(
                f"'_OpNamespace' '{self.name}' object has no attribute '{op_name}'"
            )
        packet = OpOverloadPacket(self.name, op_name, definitions)
        setattr(self, op_name, packet)
        self._dir.append(op_name)
        return packet


class HigherOrderOperator(OperatorBase):
    """An operation that takes functions: a base of classes that define ``__call__``.

    Source: torch._ops.HigherOrderOperator
    """

    def __init__(self, name: str, *, cacheable: bool = False) -> None:
        self._name = self.__name__ = name
        self._ns = "higher_order"
        self.py_kernels: dict[Any, Any] = {}

    def name(self) -> str:
        """Its name."""
        return self._name

    def py_impl(self, k: Any) -> Any:
        """A decorator: register what is run for a key, which is of no use without keys but to be found."""

        def put(function: Any) -> Any:
            self.py_kernels[k] = function
            return function

        return put

    def __str__(self) -> str:
        return self._name


# -------------------------------------------------------------------------------- torch.ops itself

_LIBRARIES = {("torchvision", "_C"): "torchvision", ("torchvision", "_C_stable"): "torchvision"}
"""Compiled libraries of packages whose operations flambeau has of its own, by folder and file."""


class _Ops:
    """Finds namespaces; programs see it as ``torch.ops``, which is also the package of our own files.

    Source: torch.ops
    """

    def __init__(self) -> None:
        self.namespaces: dict[str, _OpNamespace] = {}
        self.loaded_libraries: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self.namespaces.get(name)
        if found is None:
            found = self.namespaces[name] = _OpNamespace(name)
        return found

    def load_library(self, path: str | os.PathLike[str]) -> None:
        """Take over the operations of a compiled library, where flambeau has them of its own (torchvision's).

        Raises:
            OSError: It is another library: machine code for PyTorch cannot run here.

        Source: torch.ops.load_library
        """
        file = Path(path)
        if (file.parent.name, file.name.partition(".")[0]) not in _LIBRARIES:
            raise OSError(
                f"Could not load this library: {path}. It is machine code made for PyTorch, which flambeau cannot run; "
                "define its operations in Python with torch.library.custom_op"
            )
        self.loaded_libraries.add(str(path))

    def import_module(self, module: str) -> None:
        """Import a Python module that defines operations.

        Source: torch.ops.import_module
        """
        from importlib import import_module

        import_module(module)


ops = _Ops()


def _len_torch_dispatch_stack() -> int:
    return len(state.dispatch or ())
