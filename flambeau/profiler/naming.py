"""What a Python function that runs is called in a profile.

A profiler sees code objects. Each public function's is looked up in the registry, so nothing has to be
noted while nobody profiles. Functions that one function made share their code; these are told apart by
what their cells hold.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from ..autograd.engine import Bare, Recorded
from ..autograd.function import Function
from ..autograd.node import Node
from ..core.tensor import Tensor
from ..dispatch.registry import NAMESPACES
from ..dispatch.torch_function import guards

OPERATION, BACKWARD, ANNOTATION = 0, 1, 7

RENAMED = {
    "cross_entropy": "cross_entropy_loss", "nll_loss": "nll_loss_nd", "T": "numpy_T",
    "tensor": "lift_fresh", "as_tensor": "lift_fresh", "asarray": "lift_fresh",
    "__truediv__": "div", "__rtruediv__": "div", "__itruediv__": "div_", "__mod__": "remainder",
    "__radd__": "add", "__rmul__": "mul", "__rsub__": "rsub", "__getitem__": "index",
    "__setitem__": "index_put_", "__invert__": "bitwise_not", "__floordiv__": "floor_divide",
    "true_divide": "div", "subtract": "sub", "multiply": "mul", "divide": "div",
}  # fmt: skip
"""Public names whose operation PyTorch calls otherwise, besides operators (``__add__`` is add)."""

UNSEEN = frozenset(
    (
        *("backward", "requires_grad_", "register_hook", "retain_grad", "as_subclass", "size"),
        *("__new__", "__init__", "__repr__", "__str__", "__format__", "__hash__", "__iter__"),
        *("__len__", "__bool__", "__float__", "__int__", "__index__", "__array__", "__contains__"),
        *("__deepcopy__", "__reduce__", "__reduce_ex__", "__setstate__", "__dir__", "numpy"),
        *("__torch_function__", "from_numpy", "manual_seed", "share_memory_", "tolist"),
    )
)
"""Functions that are no operations."""
GENERATOR = 0x20
"""The flag of a generator's code."""
PROPERTIES = frozenset(("T", "mT", "H", "mH", "real", "imag"))

Namer = Callable[[Any], "tuple[str, int] | None"]


def operation_name(name: str) -> str:
    """PyTorch's name of the operation behind a public name."""
    if name in RENAMED:
        return f"aten::{RENAMED[name]}"
    if name.startswith("__i") and name.endswith("__") and f"__{name[3:]}" in Tensor.__dict__:
        return f"aten::{name[3:-2]}_"
    plain = name[2:-2] if name.startswith("__") and name.endswith("__") else name
    return f"aten::{plain}"


class Names:
    """Names of code objects, found when first met and kept.

    `codes` gives for each known code None (it is no event) or a function of the frame that gives
    name and scope.
    """

    def __init__(self) -> None:
        self.codes: dict[CodeType, Namer | None] = {}
        self.functions: dict[CodeType, dict[tuple[int, ...], str]] = {}
        self.count = -1

    def find(self, frame: Any) -> Namer | None:
        """The namer of a code that is not known yet."""
        code = frame.f_code
        self.refresh()
        variants = self.functions.get(code)
        found = _special(frame) if variants is None else _variant(variants, code)
        self.codes[code] = found
        return found

    def refresh(self) -> None:
        """Look at the registry again if families were loaded since."""
        count = sum(map(len, NAMESPACES.values())) + len(Tensor.__dict__)
        if count == self.count:
            return
        self.count, self.functions = count, {}
        for name, function in _public_functions():
            guard = guards.table.get(id(function))
            original = getattr(guard, "original", function)
            if isinstance(original, FunctionType):
                cells = tuple(map(_held, original.__closure__ or ()))
                self.functions.setdefault(original.__code__, {}).setdefault(
                    cells, operation_name(name)
                )
        for code in self.functions:  # what was met before its function was registered
            self.codes.pop(code, None)


def _public_functions() -> Iterator[tuple[str, Any]]:
    for functions in NAMESPACES.values():
        for name, function in functions.items():
            if name not in UNSEEN and not name.startswith(("is_", "set_", "get_")):
                yield name, function
    for name, item in list(Tensor.__dict__.items()):
        hidden = name.startswith("_") and not name.endswith("__")
        if name in PROPERTIES and isinstance(item, property):
            yield name, item.fget
        elif not hidden and name not in UNSEEN and not name.startswith("is_"):
            yield name, item


def _held(cell: Any) -> int:
    try:
        return id(cell.cell_contents)
    except ValueError:  # still empty
        return 0


def _variant(variants: dict[tuple[int, ...], str], code: CodeType) -> Namer:
    if len(variants) == 1:
        (name,) = variants.values()
        answer = name, OPERATION
        return lambda frame: answer
    cells = code.co_freevars

    def namer(frame: Any) -> tuple[str, int] | None:
        held = frame.f_locals
        name = variants.get(tuple([id(held[cell]) if cell in held else 0 for cell in cells]))
        return None if name is None else (name, OPERATION)

    return namer


# ------------------------------------------------------------- what is no function of the registry

_ACCUMULATE = {Bare.accumulate.__code__, Recorded.accumulate.__code__}
_APPLY = Function.__dict__["apply"].__func__.__code__


def _special(frame: Any) -> Namer | None:
    """Gradients, custom functions, optimizers and data loaders."""
    code = frame.f_code
    if code in _ACCUMULATE:
        return lambda frame: ("torch::autograd::AccumulateGrad", BACKWARD)
    if code is _APPLY:
        return lambda frame: (frame.f_locals["cls"].__name__, OPERATION)
    if code.co_name in ("backward", "backward_recorded", "backward_into"):
        return _node if isinstance(_self(frame), Node) else None
    if code.co_name in ("step", "zero_grad"):
        optim = sys.modules.get("flambeau.optim.optimizer")
        return _optimizer if optim and isinstance(_self(frame), optim.Optimizer) else None
    if code.co_name == "__next__":
        data = sys.modules.get("flambeau.utils.data.epoch")
        return _loader if data and isinstance(_self(frame), data._BaseDataLoaderIter) else None
    return None


def _self(frame: Any) -> Any:
    return frame.f_locals.get("self")


def _node(frame: Any) -> tuple[str, int]:
    return _self(frame).name(), BACKWARD


def _optimizer(frame: Any) -> tuple[str, int]:
    method, name = frame.f_code.co_name, type(_self(frame)).__name__
    return f"Optimizer.{method}#{name}.{method}", ANNOTATION


def _loader(frame: Any) -> tuple[str, int]:
    """The next batch of a loader's iterator."""
    return f"enumerate(DataLoader)#{type(_self(frame)).__name__}.__next__", ANNOTATION


names = Names()
