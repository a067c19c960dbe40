"""The ONNX graph that is being written: values, constants, nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dtype import DTYPES, dtype
from ..core.tensor import Tensor
from .errors import OnnxExporterError

try:
    import onnx
except ImportError:  # said by `require`, when a model is to be written
    onnx = None  # type: ignore[assignment]

INT64, BOOL = DTYPES["int64"], DTYPES["bool"]


def require() -> None:
    """Raises OnnxExporterError where the package onnx is not installed."""
    if onnx is None:
        raise OnnxExporterError(
            "torch.onnx.export writes models with the package onnx, which is not installed: "
            "pip install 'flambeau[onnx]'"
        )


class Unsupported(Exception):
    """Something that an operation is asked for has no form in ONNX."""


class Value:
    """A value of the ONNX graph: a tensor, or a whole number as a tensor of one element.

    Attributes:
        name: Its name.
        example: What it was when the module ran; None for a value in between, of which `type` is known.
        other: What it was with other open sizes.
        type: Of its elements.
    """

    __slots__ = ("example", "name", "other", "type")

    def __init__(self, name: str, kind: dtype, example: Any = None, other: Any = None) -> None:
        self.name, self.type, self.example, self.other = name, kind, example, other

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return self.example.ndim

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The sizes; None for one that stays open."""
        other = self.example if self.other is None else self.other
        return tuple(n if n == m else None for n, m in zip(self.example.shape, other.shape))


class Builder:
    """Writes nodes.

    Attributes:
        opset: The version of ONNX's operators.
        out: What the node that is being translated gives: its example, and that with other open sizes.
        called: The function that it calls.
    """

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.known: dict[str, np.ndarray] = {}
        self.out: tuple[Any, Any] = (None, None)
        self._count = 0
        self.prefix = self.called = ""

    def fresh(self) -> str:
        """A new name."""
        self._count += 1
        return f"{self.prefix or 'value'}.{self._count}"  # no name of the graph has a point

    # -- constants ---------------------------------------------------------------------------------

    def constant(self, array: Any, kind: dtype | None = None, name: str = "") -> Value:
        """A constant of the graph."""
        tensor = array if isinstance(array, Tensor) else None
        if tensor is not None:
            kind, held = tensor.dtype, tensor.detach()._array
        else:
            kind = INT64 if kind is None else kind
            held = np.asarray(array, dtype=kind.numpy)
        name = name or self.fresh()
        self.initializers[name] = _proto(held, kind, name)
        self.known[name] = held
        return Value(name, kind, tensor if tensor is not None else _Shaped(held))

    def tensor(self, x: Any, kind: dtype | None = None) -> Value:
        """An operand as a value of this type."""
        if isinstance(x, Value):
            if isinstance(x.example, int):
                x = self.emit("Squeeze", x, kind=INT64)
            return x if kind is None else self.cast(x, kind)
        if isinstance(x, Tensor):
            return self.cast(self.constant(x), kind or x.dtype)
        return self.constant(x, kind)

    def ints(self, values: Sequence[Any]) -> Value:
        """Whole numbers, known ones and such that are computed, as one tensor."""
        if all(isinstance(x, int) for x in values):
            return self.constant(np.array(values, np.int64))
        parts = [x if isinstance(x, Value) else self.constant([int(x)]) for x in values]
        return self.emit("Concat", *parts, kind=INT64, axis=0)

    def size(self, x: Value, dim: int) -> Any:
        """The size of a dimension: a number, or a value where it stays open."""
        known = x.shape[dim]
        if known is not None:
            return known
        dim %= x.rank
        return self.emit("Shape", x, kind=INT64, start=dim, end=dim + 1)

    # -- nodes -------------------------------------------------------------------------------------

    def emit(
        self,
        operator: str,
        *inputs: Any,
        kind: dtype | None = None,
        outputs: int = 1,
        **attributes: Any,
    ) -> Any:
        """A node; gives its output, or outputs.

        Args:
            inputs: Values; None for one that is left out.
            kind: The type of the output. Default: that of the first input.
        """
        names = [self.fresh() for _ in range(outputs)]
        given = ["" if x is None else x.name for x in inputs]
        while given and not given[-1]:
            given.pop()
        attributes = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(onnx.helper.make_node(operator, given, names, **attributes))
        kind = inputs[0].type if kind is None else kind
        made = [Value(name, kind) for name in names]
        return made[0] if outputs == 1 else made

    def cast(self, x: Value, kind: dtype) -> Value:
        """The value in another type."""
        if x.type is kind:
            return x
        if x.name in self.known and not kind.is_extension and not x.type.is_extension:
            made = self.constant(self.known[x.name].astype(kind.numpy), kind)
        else:
            made = self.emit("Cast", x, kind=kind, to=number_of(kind))
        made.example, made.other = x.example, x.other
        return made

    def keep(self, made: Value, like: Value) -> Value:
        """Say that a value in between has the shape of another."""
        made.example, made.other = like.example, like.other
        return made


class _Shaped:
    """The shape of a constant."""

    def __init__(self, array: np.ndarray) -> None:
        self.shape, self.ndim = array.shape, array.ndim


def number_of(kind: dtype) -> int:
    """ONNX's number of a type.

    Raises:
        Unsupported: It has none.
    """
    try:
        return onnx.helper.np_dtype_to_tensor_dtype(kind.numpy)
    except (KeyError, ValueError) as error:
        raise Unsupported(f"ONNX has no {kind}") from error


def _proto(array: np.ndarray, kind: dtype, name: str) -> Any:
    if kind.is_extension:
        raw = np.ascontiguousarray(array).tobytes()
        return onnx.helper.make_tensor(name, number_of(kind), array.shape, raw, raw=True)
    return onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)


TRANSLATIONS: dict[str, Callable] = {}
"""How functions and methods of a name are written; in-place forms go by the name without underscore."""


def translates(*names: str) -> Callable:
    """Decorator of what writes the functions and methods of these names.

    It is called as the function was, with a `Builder` before the arguments, and values for tensors.
    """

    def register(function: Callable) -> Callable:
        for name in names:
            TRANSLATIONS[name] = function
        return function

    return register


__all__ = ["BOOL", "INT64", "TRANSLATIONS", "Builder", "Unsupported", "Value", "onnx", "translates"]
