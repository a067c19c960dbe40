"""``__torch_function__``: classes that handle torch's functions themselves.

Note: gates. Asking at every call whether an operand wants to handle it would cost each small call a
tenth of its time, and almost no program has such operands. So nothing asks for long, until there is
something to ask: a tensor of a subclass, a `TorchFunctionMode`, another object whose class defines
``__torch_function__``, or the import of `overrides`. From then on every public function and every
method of Tensor has another code object (``function.__code__``), which asks first and then calls
the original. The function objects stay the same, so ``func is torch.add`` holds wherever `torch.add`
was imported to. `gates.close` does this, once.

Tensors of subclasses and modes are noticed when they are made. Of other objects nothing is known
before a function meets one: formulas notice it where their fast path fails, and every other
public function asks during its first calls (`Gate.wait`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType
from typing import Any

from ..core.handler import PLAIN, DisableTorchFunctionSubclass, entered, handlers, handles, state
from ..core.size import Size
from ..core.tensor import Tensor, class_hooks


def override(function: Callable, operands: Iterable[Any], args: tuple, kwargs: dict) -> Any:
    """Give the call to the mode or the first operand that handles it.

    Raises:
        TypeError: Every one answered NotImplemented.
    """
    return dispatch(function, handlers(operands) if state.enabled else [], args, kwargs)


def dispatch(function: Callable, found: list[Any], args: tuple, kwargs: dict) -> Any:
    """The same for operands that were found to handle functions."""
    gates.close()
    types = tuple(type(item) for item in found)
    if state.modes:
        result = _ask_mode(function, types, args, kwargs)
        if result is not NotImplemented:
            return result
    for operand in found:
        handler = operand.__torch_function__
        if getattr(handler, "__self__", None) is operand:
            warnings.warn(
                "Defining your `__torch_function__` as a plain method is deprecated and will be an error "
                "in future, please define it as a classmethod.",
                stacklevel=4,
            )
        result = handler(function, types, args, kwargs)
        if result is not NotImplemented:
            return result
    name = full_name(function)
    raise TypeError(
        f"Multiple dispatch failed for '{name}'; all __torch_function__ handlers returned "
        f"NotImplemented: no implementation found for '{name}' on types that implement "
        f"__torch_function__: {list(types)}"
    )


def _ask_mode(function: Callable, types: tuple, args: tuple, kwargs: dict) -> Any:
    """The innermost mode's answer; while it runs, the modes outside of it are in force."""
    before = state.modes
    state.modes = before[:-1]
    try:
        return before[-1].__torch_function__(function, types, args, kwargs)
    finally:
        state.modes = before


def full_name(function: Any) -> str:
    """A function's name for messages: "torch.add", "torch.Tensor.add"."""
    known = gates.names().get(function)
    return known or str(getattr(function, "__name__", function))


# ------------------------------------------------------------------------------------- the gates

# What a subclass's operators are reported as: PyTorch's operators are these methods.
_REPORTED = {
    **{f"__{name}__": name for name in ("add", "sub", "mul", "matmul", "neg", "abs")},
    **{f"__{name}__": name for name in ("lt", "le", "gt", "ge")},
    **{f"__i{name}__": f"{name}_" for name in ("add", "sub", "mul")},
    "__radd__": "add",
    "__rmul__": "mul",
    "__truediv__": "div",
    "__itruediv__": "div_",
    "__mod__": "remainder",
    "__imod__": "remainder_",
    "__pos__": "positive",
}
_NOT_GATED = frozenset(
    (
        *("__new__", "__init__", "__init_subclass__", "__subclasshook__", "__hash__"),
        *("__iter__", "__dir__", "__class_getitem__", "__getattr__", "__setattr__"),
        *("__delattr__", "__getattribute__", "__torch_function__", "as_subclass"),
    )
)
"""Methods that no class handles: they concern the object, or are made of methods that it handles."""

_MODES_ONLY = frozenset(
    (
        *("tensor", "as_tensor", "asarray", "from_numpy", "from_dlpack", "frombuffer"),
        *("scalar_tensor", "empty", "zeros", "ones", "full", "eye", "arange", "range"),
        *("linspace", "logspace", "rand", "randn", "randint", "randperm", "tril_indices"),
        *("triu_indices",),
    )
)
"""Functions that make tensors of what they are given; modes see them, classes do not."""

_UNSEEN = frozenset(
    (
        *("is_tensor", "is_storage", "is_grad_enabled", "can_cast", "promote_types"),
        *("manual_seed", "seed", "initial_seed", "get_rng_state", "set_rng_state"),
    )
)
"""Functions that are no operations."""


GATE_FILE = "<flambeau gate>"
_SOURCE = """
def outer({cells}):
    def asking(*args, gate_, **kwargs):
        if 0: ({cells})
        if not kwargs and not gate_.modes:
            plain = gate_.plain
            for value in args:
                if value.__class__ not in plain:
                    break
            else:
                return gate_.original(*args)
        return gate_.ask(args, kwargs)

    def waiting(*args, gate_, **kwargs):
        if 0: ({cells})
        return gate_.first_calls(args, kwargs)

    return asking.__code__, waiting.__code__
"""
_codes: dict[int, tuple[CodeType, CodeType]] = {}


def _gate_codes(cells: int) -> tuple[CodeType, CodeType]:
    """The codes of gated functions that had so many cells; they have as many, and use none.

    The gate is the default value of an argument that no caller gives.
    """
    codes = _codes.get(cells)
    if codes is None:
        names = "".join(f"cell{i}, " for i in range(cells))
        scope: dict[str, Any] = {}
        exec(compile(_SOURCE.format(cells=names), GATE_FILE, "exec"), scope)
        codes = _codes[cells] = scope["outer"](*range(cells))
    return codes


class Gate:
    """One function, its own code, and whom it asks first.

    Attributes:
        function: The public function.
        original: Another function with the code, defaults and cells that it came with.
        reported: What handlers are told is being called.
        asks_classes: Whether operands' classes are asked, and not modes only.
        left: After how many calls it stops to wait.
    """

    __slots__ = ("asks_classes", "function", "left", "original", "reported")

    plain, modes = PLAIN, entered  # the gate codes run in other modules and see only their gate

    def __init__(self, function: FunctionType, reported: Any, asks_classes: bool = True):
        self.function, self.reported, self.asks_classes = function, reported, asks_classes
        code, defaults = function.__code__, function.__kwdefaults__
        name, cells = function.__name__, function.__closure__
        original = FunctionType(code, function.__globals__, name, function.__defaults__, cells)
        original.__kwdefaults__ = defaults
        self.original: Callable = original
        self.left = 16
        function.__wrapped__ = original  # type: ignore[attr-defined]  # for inspect.signature
        function.__kwdefaults__ = {**(defaults or {}), "gate_": self}

    def close(self) -> None:
        """From now on the function asks at every call."""
        cells = len(self.function.__code__.co_freevars)
        self.function.__code__ = _gate_codes(cells)[0]

    def wait(self) -> None:
        """Ask during the first calls only."""
        cells = len(self.function.__code__.co_freevars)
        self.function.__code__ = _gate_codes(cells)[1]

    def first_calls(self, args: tuple, kwargs: dict) -> Any:
        self.left -= 1
        if self.left < 1 and not gates.closed:
            self.function.__code__ = self.original.__code__
        return self.ask(args, kwargs)

    def ask(self, args: tuple, kwargs: dict) -> Any:
        if not self.asks_classes:
            if state.modes:
                return dispatch(self.reported, [], args, kwargs)
            with DisableTorchFunctionSubclass():
                return self.original(*args, **kwargs)
        found = handlers((*args, *kwargs.values())) if state.enabled else []
        if found or state.modes:
            return dispatch(self.reported, found, args, kwargs)
        return self.original(*args, **kwargs)


class Gates:
    """All gates. They are open (nobody asks) until `close` is first called.

    Attributes:
        namespaces: The registry's public functions.
        closed: Are the functions asking?
        table: The gate of each function that is or was gated, by the function's id.
    """

    def __init__(self) -> None:
        self.namespaces: dict[str, dict[str, Any]] = {}
        self.closed = False
        self.table: dict[int, Gate] = {}
        self._names: dict[Any, str] = {}

    def close(self) -> None:
        """From now on all functions ask."""
        if self.closed:
            return
        self.closed = True
        for name, item in list(Tensor.__dict__.items()):
            self.admit_method(name, item)
        for functions in self.namespaces.values():
            for name, function in functions.items():
                self.admit(name, function)

    def admit(self, name: str, function: Any) -> None:
        """Gate a public function; what is no formula waits where gates are open."""
        self._names = {}
        if name not in _UNSEEN and (self.closed or not hasattr(function, "operation")):
            self._gate(function, function, name not in _MODES_ONLY)

    def admit_method(self, name: str, item: Any) -> None:
        """Gate a method or property of Tensor, if gates are closed."""
        private = name.startswith("_") and not name.endswith("__")
        if not self.closed or private or name in _NOT_GATED:
            return
        if isinstance(item, property):
            self._gate(item.fget, item.__get__)
            self._gate(item.fset, item.__set__)
        elif isinstance(item, FunctionType):
            if (
                item.__name__ not in Tensor.__dict__
                and item.__name__ not in self.namespaces["torch"]
            ):
                item.__name__ = item.__qualname__ = name  # handlers look at func.__name__
            self._gate(item, getattr(Tensor, _REPORTED.get(name, name), item))

    def _gate(self, function: Any, reported: Any, asks_classes: bool = True) -> None:
        if not isinstance(function, FunctionType):
            return
        gate = self.table.get(id(function))
        if gate is None:
            gate = self.table[id(function)] = Gate(function, reported, asks_classes)
        if self.closed:
            gate.close()
        elif asks_classes:
            gate.wait()

    def names(self) -> dict[Any, str]:
        """The full name of every function, method and property: "torch.add", "torch.Tensor.T.__get__"."""
        if not self._names:
            found = self._names
            for space, functions in self.namespaces.items():
                prefix = "torch." if space == "torch" else f"torch.{space}."
                for name, function in functions.items():
                    found.setdefault(function, prefix + name)
            for name, item in Tensor.__dict__.items():
                if isinstance(item, property):
                    found[item.__get__] = f"torch.Tensor.{name}.__get__"
                    found[item.__set__] = f"torch.Tensor.{name}.__set__"
                elif isinstance(item, FunctionType):
                    found.setdefault(item, f"torch.Tensor.{name}")
        return self._names


gates = Gates()


def meet(cls: type) -> None:
    """Called with each subclass of Tensor that tensors are made of, when the first one is."""
    if handles(cls):
        gates.close()
    else:
        PLAIN.add(cls)


class_hooks.append(meet)


# ------------------------------------------------------------------------ what subclasses inherit


def _keep_class(result: Any, cls: type) -> Any:
    """Results, and what sequences of results hold, as tensors of `cls`."""
    if cls is Tensor:
        return result
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else result.as_subclass(cls)
    if isinstance(result, (tuple, list)) and type(result) is not Size:
        items = [_keep_class(item, cls) for item in result]
        kind: Any = type(result)
        return kind(*items) if hasattr(kind, "_fields") else kind(items)
    return result


def _torch_function(
    cls: type, func: Callable, types: Iterable[type], args: tuple = (), kwargs: Any = None
) -> Any:
    """Run a function, and give its results this class.

    Override it to see or change every call that has a tensor of the class among its operands, and
    call ``super().__torch_function__(func, types, args, kwargs)`` to go on.

    Args:
        func: The function, or the method, or ``Tensor.shape.__get__`` for a property.
        types: The operands' classes that handle functions.
        args, kwargs: What the function was called with.

    Source: torch.Tensor.__torch_function__
    """
    if not all(issubclass(cls, other) for other in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
    if func == Tensor.grad.__get__ or func == Tensor._base.__get__:  # type: ignore[attr-defined,union-attr]
        return result
    return _keep_class(result, cls)


_torch_function.__name__ = _torch_function.__qualname__ = "__torch_function__"
Tensor.__torch_function__ = classmethod(_torch_function)  # type: ignore[attr-defined]
