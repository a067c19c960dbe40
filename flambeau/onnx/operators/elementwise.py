"""Functions of single elements."""

from __future__ import annotations

import math
from typing import Any

from ...core.dtype import CONVERSIONS, FLOAT, dtype
from ...core.tensor import Tensor
from ...ops.tensor.convert import result_type
from ..builder import BOOL, Builder, Unsupported, Value, translates

_UNARY = {
    "abs": "Abs", "absolute": "Abs", "neg": "Neg", "negative": "Neg", "ceil": "Ceil", "floor": "Floor",
    "sign": "Sign", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos",
    "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh",
    "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh", "tanh": "Tanh", "sigmoid": "Sigmoid", "erf": "Erf",
    "reciprocal": "Reciprocal", "relu": "Relu", "softsign": "Softsign", "mish": "Mish",
    "hardswish": "HardSwish", "arctan": "Atan", "arcsin": "Asin", "arccos": "Acos",
}  # fmt: skip


def _unary(name: str, operator: str) -> None:
    def write(b: Builder, input: Any, inplace: bool = False) -> Value:
        return b.emit(operator, b.tensor(input, b.out[0].dtype))

    translates(name)(write)


for _name, _operator in _UNARY.items():
    _unary(_name, _operator)


def _number(b: Builder, x: Value, value: float) -> Value:
    return b.constant(value, x.type)


def common_type(b: Builder, *operands: Any) -> dtype:
    """The type in which operands meet."""
    return result_type(*(x.example if isinstance(x, Value) else x for x in operands))


# ------------------------------------------------------------------------------- two operands


def _arithmetic(operator: str) -> Any:
    def write(b: Builder, input: Any, other: Any, *, alpha: Any = 1) -> Value:
        kind = b.out[0].dtype
        if kind is BOOL:
            return b.emit({"Add": "Or", "Mul": "And"}[operator], b.tensor(input), b.tensor(other))
        right = b.tensor(other, kind)
        if alpha != 1:
            right = b.emit("Mul", right, _number(b, right, alpha))
        return b.emit(operator, b.tensor(input, kind), right)

    return write


add = _arithmetic("Add")
for _names, _function in (
    (("add", "__add__", "__radd__", "iadd"), add),
    (("sub", "subtract"), _arithmetic("Sub")),
    (("mul", "multiply"), _arithmetic("Mul")),
):
    translates(*_names)(_function)


@translates("rsub")
def rsub(b: Builder, input: Any, other: Any, alpha: Any = 1) -> Value:
    return _arithmetic("Sub")(b, other, input, alpha=alpha)


@translates("div", "divide", "true_divide", "truediv")
def div(b: Builder, input: Any, other: Any, *, rounding_mode: str | None = None) -> Value:
    kind = b.out[0].dtype
    if rounding_mode == "floor":
        return floor_divide(b, input, other)
    quotient = b.emit("Div", b.tensor(input, kind), b.tensor(other, kind))
    if rounding_mode == "trunc" and kind.category >= FLOAT:
        return b.emit("Mul", b.emit("Sign", quotient), b.emit("Floor", b.emit("Abs", quotient)))
    return quotient  # of whole numbers ONNX cuts the fraction off


@translates("floor_divide", "floordiv")
def floor_divide(b: Builder, input: Any, other: Any) -> Value:
    kind = b.out[0].dtype
    x, y = b.tensor(input, kind), b.tensor(other, kind)
    if kind.category >= FLOAT:
        return b.emit("Floor", b.emit("Div", x, y))
    return b.emit("Div", b.emit("Sub", x, b.emit("Mod", x, y)), y)


@translates("remainder", "mod")
def remainder(b: Builder, input: Any, other: Any) -> Value:
    kind = b.out[0].dtype
    x, y = b.tensor(input, kind), b.tensor(other, kind)
    if kind.category < FLOAT:
        return b.emit("Mod", x, y)
    return b.emit("Sub", x, b.emit("Mul", y, b.emit("Floor", b.emit("Div", x, y))))


@translates("fmod")
def fmod(b: Builder, input: Any, other: Any) -> Value:
    kind = b.out[0].dtype
    return b.emit("Mod", b.tensor(input, kind), b.tensor(other, kind), fmod=1)


@translates("pow", "float_power")
def pow(b: Builder, input: Any, exponent: Any) -> Value:
    kind = b.out[0].dtype
    return b.emit("Pow", b.tensor(input, kind), b.tensor(exponent, kind))


def _extreme(operator: str) -> Any:
    def write(b: Builder, input: Any, other: Any) -> Value:
        kind = b.out[0].dtype
        return b.emit(operator, b.tensor(input, kind), b.tensor(other, kind))

    return write


translates("maximum")(_extreme("Max"))
translates("minimum")(_extreme("Min"))

_COMPARISONS = {
    "eq": "Equal", "gt": "Greater", "lt": "Less", "ge": "GreaterOrEqual", "le": "LessOrEqual",
    "greater": "Greater", "less": "Less", "greater_equal": "GreaterOrEqual", "less_equal": "LessOrEqual",
}  # fmt: skip


def _comparison(operator: str) -> Any:
    def write(b: Builder, input: Any, other: Any) -> Value:
        kind = common_type(b, input, other)
        return b.emit(operator, b.tensor(input, kind), b.tensor(other, kind), kind=BOOL)

    return write


for _name, _operator in _COMPARISONS.items():
    translates(_name)(_comparison(_operator))


@translates("ne", "not_equal")
def ne(b: Builder, input: Any, other: Any) -> Value:
    return b.emit("Not", _comparison("Equal")(b, input, other))


def _logic(operator: str, bits: str) -> None:
    def logical(b: Builder, input: Any, other: Any) -> Value:
        return b.emit(operator, b.tensor(input, BOOL), b.tensor(other, BOOL))

    def bitwise(b: Builder, input: Any, other: Any) -> Value:
        kind = b.out[0].dtype
        if kind is BOOL:
            return logical(b, input, other)
        return b.emit(f"Bitwise{operator}", b.tensor(input, kind), b.tensor(other, kind))

    translates(f"logical_{bits}")(logical)
    translates(f"bitwise_{bits}", bits, f"{bits}_", f"__{bits}__")(bitwise)


_logic("And", "and")
_logic("Or", "or")
_logic("Xor", "xor")


@translates("logical_not")
def logical_not(b: Builder, input: Any) -> Value:
    return b.emit("Not", b.tensor(input, BOOL))


@translates("bitwise_not", "invert")
def bitwise_not(b: Builder, input: Any) -> Value:
    x = b.tensor(input)
    return b.emit("Not" if x.type is BOOL else "BitwiseNot", x)


@translates("where")
def where(b: Builder, condition: Any, input: Any = None, other: Any = None) -> Value:
    if isinstance(condition.example, Tensor) and condition.type is not BOOL:
        input, condition = condition, input  # the method x.where(condition, other)
    if other is None:
        raise Unsupported("where of a condition alone gives as many indices as there are")
    kind = b.out[0].dtype
    return b.emit("Where", condition, b.tensor(input, kind), b.tensor(other, kind), kind=kind)


@translates("masked_fill")
def masked_fill(b: Builder, input: Any, mask: Any, value: Any) -> Value:
    return b.emit("Where", mask, b.tensor(value, input.type), input, kind=input.type)


@translates("clamp", "clip")
def clamp(b: Builder, input: Any, min: Any = None, max: Any = None) -> Value:
    kind = b.out[0].dtype
    x = b.tensor(input, kind)
    if min is not None:
        x = b.emit("Max", x, b.tensor(min, kind))
    return x if max is None else b.emit("Min", x, b.tensor(max, kind))


@translates("hardtanh")
def hardtanh(
    b: Builder, input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Value:
    return clamp(b, input, min_val, max_val)


@translates("relu6")
def relu6(b: Builder, input: Any, inplace: bool = False) -> Value:
    return clamp(b, input, 0.0, 6.0)


@translates("clamp_min")
def clamp_min(b: Builder, input: Any, min: Any) -> Value:
    return clamp(b, input, min)


@translates("clamp_max")
def clamp_max(b: Builder, input: Any, max: Any) -> Value:
    return clamp(b, input, None, max)


# ------------------------------------------------------------------------------- compositions


@translates("square")
def square(b: Builder, input: Any) -> Value:
    return b.emit("Mul", input, input)


@translates("rsqrt")
def rsqrt(b: Builder, input: Any) -> Value:
    return b.emit("Reciprocal", b.emit("Sqrt", b.tensor(input, b.out[0].dtype)))


@translates("expm1")
def expm1(b: Builder, input: Any) -> Value:
    y = b.emit("Exp", b.tensor(input, b.out[0].dtype))
    return b.emit("Sub", y, _number(b, y, 1))


@translates("log1p")
def log1p(b: Builder, input: Any) -> Value:
    x = b.tensor(input, b.out[0].dtype)
    return b.emit("Log", b.emit("Add", x, _number(b, x, 1)))


@translates("log2")
def log2(b: Builder, input: Any) -> Value:
    y = b.emit("Log", b.tensor(input, b.out[0].dtype))
    return b.emit("Div", y, _number(b, y, math.log(2)))


@translates("log10")
def log10(b: Builder, input: Any) -> Value:
    y = b.emit("Log", b.tensor(input, b.out[0].dtype))
    return b.emit("Div", y, _number(b, y, math.log(10)))


@translates("trunc", "fix")
def trunc(b: Builder, input: Any) -> Value:
    return b.emit("Mul", b.emit("Sign", input), b.emit("Floor", b.emit("Abs", input)))


@translates("round")
def round(b: Builder, input: Any, *, decimals: int = 0) -> Value:
    x = b.tensor(input, b.out[0].dtype)
    if not decimals:
        return b.emit("Round", x)
    scale = _number(b, x, 10.0 ** abs(decimals))
    there, back = ("Mul", "Div") if decimals > 0 else ("Div", "Mul")
    return b.emit(back, b.emit("Round", b.emit(there, x, scale)), scale)


@translates("isnan")
def isnan(b: Builder, input: Any) -> Value:
    return b.emit("IsNaN", input, kind=BOOL)


@translates("isinf")
def isinf(b: Builder, input: Any) -> Value:
    return b.emit("IsInf", input, kind=BOOL)


@translates("addcmul")
def addcmul(b: Builder, input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Value:
    product = b.emit("Mul", tensor1, tensor2)
    return b.emit("Add", input, b.emit("Mul", product, _number(b, product, value)))


@translates("addcdiv")
def addcdiv(b: Builder, input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Value:
    quotient = b.emit("Div", tensor1, tensor2)
    return b.emit("Add", input, b.emit("Mul", quotient, _number(b, quotient, value)))


@translates("lerp")
def lerp(b: Builder, input: Any, end: Any, weight: Any) -> Value:
    step = b.emit("Mul", b.emit("Sub", end, input), b.tensor(weight, input.type))
    return b.emit("Add", input, step)


@translates("gelu")
def gelu(b: Builder, input: Any, approximate: str = "none") -> Value:
    if b.opset >= 20:
        return b.emit("Gelu", input, approximate=approximate)
    half = _number(b, input, 0.5)
    if approximate == "tanh":
        cube = b.emit("Mul", b.emit("Mul", input, input), input)
        inner = b.emit("Add", input, b.emit("Mul", cube, _number(b, input, 0.044715)))
        inner = b.emit("Tanh", b.emit("Mul", inner, _number(b, input, math.sqrt(2 / math.pi))))
    else:
        inner = b.emit("Erf", b.emit("Mul", input, _number(b, input, math.sqrt(0.5))))
    return b.emit("Mul", b.emit("Mul", input, half), b.emit("Add", inner, _number(b, input, 1)))


@translates("silu")
def silu(b: Builder, input: Any, inplace: bool = False) -> Value:
    return b.emit("Mul", input, b.emit("Sigmoid", input))


@translates("softplus")
def softplus(b: Builder, input: Any, beta: float = 1, threshold: float = 20) -> Value:
    scaled = b.emit("Mul", input, _number(b, input, beta))
    soft = b.emit("Div", b.emit("Softplus", scaled), _number(b, input, beta))
    large = b.emit("Greater", scaled, _number(b, input, threshold), kind=BOOL)
    return b.emit("Where", large, input, soft, kind=input.type)


@translates("logsigmoid")
def logsigmoid(b: Builder, input: Any) -> Value:
    return b.emit("Neg", b.emit("Softplus", b.emit("Neg", input)))


@translates("leaky_relu")
def leaky_relu(
    b: Builder, input: Any, negative_slope: float = 0.01, inplace: bool = False
) -> Value:
    return b.emit("LeakyRelu", input, alpha=float(negative_slope))


@translates("elu")
def elu(b: Builder, input: Any, alpha: float = 1.0, inplace: bool = False) -> Value:
    return b.emit("Elu", input, alpha=float(alpha))


@translates("celu")
def celu(b: Builder, input: Any, alpha: float = 1.0, inplace: bool = False) -> Value:
    return b.emit("Celu", input, alpha=float(alpha))


@translates("selu")
def selu(b: Builder, input: Any, inplace: bool = False) -> Value:
    return b.emit("Selu", input, alpha=1.6732632423543772, gamma=1.0507009873554805)


@translates("hardsigmoid")
def hardsigmoid(b: Builder, input: Any, inplace: bool = False) -> Value:
    return b.emit("HardSigmoid", input, alpha=1 / 6, beta=0.5)


@translates("prelu")
def prelu(b: Builder, input: Any, weight: Any) -> Value:
    if input.rank > 2 and weight.shape != (1,):
        shape = b.constant([-1, *(1,) * (input.rank - 2)])
        weight = b.emit("Reshape", weight, shape)
    return b.emit("PRelu", input, weight)


@translates("threshold")
def threshold(
    b: Builder, input: Any, threshold: float, value: float, inplace: bool = False
) -> Value:
    above = b.emit("Greater", input, _number(b, input, threshold), kind=BOOL)
    return b.emit("Where", above, input, _number(b, input, value), kind=input.type)


@translates("glu")
def glu(b: Builder, input: Any, dim: int = -1) -> Value:
    left, right = b.emit("Split", input, outputs=2, axis=dim, num_outputs=2)
    return b.emit("Mul", left, b.emit("Sigmoid", right))


@translates("softmax")
def softmax(
    b: Builder, input: Any, dim: int = -1, _stacklevel: int = 3, dtype: Any = None
) -> Value:
    return b.emit("Softmax", b.tensor(input, b.out[0].dtype), axis=dim)


@translates("safe_softmax", "_safe_softmax")
def safe_softmax(b: Builder, input: Any, dim: int = -1, dtype: Any = None) -> Value:
    """`softmax`, and zeros for a row of nothing but -inf."""
    weights = softmax(b, input, dim)
    hidden = b.emit("IsNaN", weights, kind=BOOL)
    return b.emit("Where", hidden, _number(b, weights, 0), weights, kind=weights.type)


@translates("log_softmax")
def log_softmax(
    b: Builder, input: Any, dim: int = -1, _stacklevel: int = 3, dtype: Any = None
) -> Value:
    return b.emit("LogSoftmax", b.tensor(input, b.out[0].dtype), axis=dim)


@translates(
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "alpha_dropout",
    "feature_alpha_dropout",
    "feature_dropout",
)
def dropout(
    b: Builder, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Value:
    if training and p:
        raise Unsupported("dropout in training draws random numbers: export the module in eval()")
    return b.emit("Identity", input)


@translates("to", "type", "type_as", *CONVERSIONS)
def to(b: Builder, input: Any, *args: Any, **options: Any) -> Value:
    kind = b.out[0].dtype
    return b.emit("Identity", input) if input.type is kind else b.cast(input, kind)


@translates(
    "clone", "contiguous", "detach", "cpu", "alias", "requires_grad_", "positive", "lift_fresh_copy"
)
def identity(b: Builder, input: Any, *args: Any, **options: Any) -> Value:
    return b.emit("Identity", input)
