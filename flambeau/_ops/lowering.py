"""Which operations of ATen a function's call is.

Most functions are one, of the function's name. `COMPOSED` takes the others apart as PyTorch does, by
calling operations. What is neither (functions with several outputs that PyTorch computes otherwise, say) is not lowered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..core.handler import DisableTorchDispatch
from ..core.tensor import Tensor
from ..dispatch.torch_function import full_name
from ..ops.nn.interpolate import check_mode, targets
from .adapted import UPSAMPLING
from .definition import DEFINITIONS

COMPOSED: dict[str, Callable] = {}
"""By the function's name, without its place: "linear", "matmul"; or with it, where another has the same name."""

_PREFIXES = {"torch.linalg.": "linalg_", "torch.special.": "special_", "torch.fft.": "fft_"}
_OPERATORS = {
    **{f"__{n}__": n for n in ("add", "sub", "mul", "neg", "abs", "pow", "lt", "le", "gt", "ge")},
    **{f"__{n}__": n for n in ("eq", "ne", "rsub", "matmul")},
    **{f"__i{n}__": f"{n}_" for n in ("add", "sub", "mul", "pow")},
    **{f"__{n}__": f"bitwise_{n}" for n in ("and", "or", "xor")},
    "__radd__": "add",
    "__rmul__": "mul",
    "__truediv__": "div",
    "__itruediv__": "div_",
    "__mod__": "remainder",
    "__floordiv__": "floor_divide",
    "__invert__": "bitwise_not",
    "__getitem__": "getitem",
    "__rtruediv__": "reversed_div",
    "true_divide": "div",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "negative": "neg",
    "absolute": "abs",
    "clip": "clamp",
    "greater": "gt",
    "less": "lt",
    "concat": "cat",
    "concatenate": "cat",
}
_NUMBERS_AS_TENSORS = frozenset(("add", "sub", "mul", "div", "add_", "sub_", "mul_", "div_"))
_UNSEEN = frozenset(
    (
        *("as_tensor", "asarray", "from_numpy", "frombuffer", "fft_fftfreq", "new_tensor"),
        *("size", "stride", "dim", "numel", "is_floating_point", "is_complex", "data_ptr", "type"),
        *("requires_grad_", "backward", "register_hook", "retain_grad", "storage_offset", "numpy"),
        *("is_contiguous", "tolist", "element_size", "untyped_storage", "cpu", "is_same_size"),
        *("broadcast_shapes", "result_type", "promote_types", "can_cast", "set_", "is_inference"),
        *("broadcast_tensors", "get_device", "nelement", "ndimension", "has_names", "is_set_to"),
        *(
            "is_conj",
            "is_neg",
            "is_nonzero",
            "is_signed",
            "resolve_conj",
            "resolve_neg",
            "allclose",
        ),
        *("equal", "is_tensor", "dense_dim", "sparse_dim"),
    )
)


def composed(*names: str) -> Callable[[Callable], Callable]:
    """Put a function into the table."""

    def put(function: Callable) -> Callable:
        for name in names or (function.__name__,):
            COMPOSED[name] = function
        return function

    return put


def lowered(function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The result of a function's operations; NotImplemented where it is not lowered."""
    full = full_name(function)
    name = full.rpartition(".")[2]
    if name in ("__get__", "__set__") or name in _UNSEEN:
        return _property(full, args) if name == "__get__" else NotImplemented
    name = _OPERATORS.get(name, name)
    if kwargs.get("out", 0) is None:
        kwargs = {key: value for key, value in kwargs.items() if key != "out"}
    apart = COMPOSED.get(full) or COMPOSED.get(name)
    if apart is not None:
        return apart(*args, **kwargs)
    for prefix, short in _PREFIXES.items():
        if full.startswith(prefix):
            name = short + name
    found = _chosen(name, args, kwargs)
    return NotImplemented if found is None else found()


_PROPERTIES = {"T": "numpy_T", "mT": "mT", "data": "detach"}


def _property(full: str, args: tuple) -> Any:
    name = full.removeprefix("torch.Tensor.").removesuffix(".__get__")
    x = args[0]
    if name == "T":
        return _aten().permute.default(x, list(range(x.ndim))[::-1])
    if name == "mT":
        return _aten().transpose.int(x, -2, -1)
    return NotImplemented


def _chosen(name: str, args: tuple, kwargs: dict[str, Any]) -> Callable | None:
    """A call of the first operation of a name that takes the arguments."""
    definitions = DEFINITIONS.find("aten", name)
    if not definitions:
        return None
    packet = getattr(_aten(), name)
    plain = not ({"out", "rounding_mode"} & kwargs.keys())
    if name in _NUMBERS_AS_TENSORS and len(args) == 2 and plain:
        kwargs = {k: v for k, v in kwargs.items() if not (k == "alpha" and v == 1)}
        return lambda: packet.Tensor(*args, **kwargs)
    for overload in definitions:
        operation = getattr(packet, overload or "default")
        given = _fitting(operation._schema, args, kwargs)
        if given is not None:
            return lambda operation=operation, given=given: operation(*given[0], **given[1])
    return None


def _fitting(schema: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict] | None:
    """The arguments as the schema takes them, or None."""
    names = {a.name for a in schema.arguments}
    if any(a.is_out for a in schema.arguments) != ("out" in kwargs):
        return None
    named = {}
    for key, value in kwargs.items():
        own = "self" if key == "input" and "self" in names else key
        if own not in names:
            if value is None or value is False:
                continue  # dtype=None, requires_grad=False: nothing is asked
            return None
        named[own] = value
    for attempt in (args, _gathered(schema, args)):
        if attempt is None:
            continue
        try:
            schema.bind(attempt, named)
        except RuntimeError:
            continue
        return attempt, named
    return None


def _gathered(schema: Any, args: tuple) -> tuple | None:
    """``x.view(2, 3)`` as ``x.view([2, 3])``: numbers at the end that one list takes."""
    positional = schema.positional
    for i, argument in enumerate(positional):
        if argument.type.suffix.startswith("[") and argument.type.base in ("int", "SymInt"):
            rest = args[i:]
            if rest and all(isinstance(n, int) for n in rest):
                return (*args[:i], list(rest))
            return None
    return None


def _aten() -> Any:
    from . import ops

    return ops.aten


# ---------------------------------------------------------------------------------------- composites


@composed()
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    aten = _aten()
    rows = input
    if input.ndim != 2:
        rows = reshape(input, [math.prod(input.shape[:-1]), input.shape[-1]])
    turned = aten.t.default(weight)
    plain = bias is None
    result = aten.mm.default(rows, turned) if plain else aten.addmm.default(bias, rows, turned)
    if input.ndim == 2:
        return result
    return aten.view.default(result, [*input.shape[:-1], weight.shape[0]])


@composed("matmul", "bmm_or_mm")
def matmul(input: Tensor, other: Tensor, **out: Any) -> Any:
    aten = _aten()
    if not isinstance(other, Tensor) or out:
        return NotImplemented
    n, m = input.ndim, other.ndim
    if n == 1 and m == 1:
        return aten.dot.default(input, other)
    if n == 2 and m == 1:
        return aten.mv.default(input, other)
    if n == 1 and m == 2:
        row = aten.mm.default(aten.unsqueeze.default(input, 0), other)
        return aten.squeeze.dim(row, 0)
    if n == 2 and m == 2:
        return aten.mm.default(input, other)
    if n >= 3 and m in (1, 2):
        rows = reshape(input, [math.prod(input.shape[:-1]), input.shape[-1]])
        result = aten.mm.default(rows, other) if m == 2 else aten.mv.default(rows, other)
        return aten._unsafe_view.default(result, [*input.shape[:-1], *other.shape[1:]])
    if n == 0 or m == 0:
        return NotImplemented
    return _batched(input, other)


def _batched(input: Tensor, other: Tensor) -> Any:
    aten = _aten()
    if input.ndim == 1:
        return aten.squeeze.dim(_batched(aten.unsqueeze.default(input, 0), other), -2)
    if other.ndim == 1:
        return aten.squeeze.dim(_batched(input, aten.unsqueeze.default(other, 1)), -1)
    size = _broadcast(input.shape[:-2], other.shape[:-2])
    count = math.prod(size)
    left, right = [
        reshape(aten.expand.default(x, [*size, *x.shape[-2:]]), [count, *x.shape[-2:]])
        for x in (input, other)
    ]
    result = aten.bmm.default(left, right)
    return aten._unsafe_view.default(result, [*size, input.shape[-2], other.shape[-1]])


def _broadcast(a: Sequence[int], b: Sequence[int]) -> list[int]:
    n = max(len(a), len(b))
    a, b = (1,) * (n - len(a)) + tuple(a), (1,) * (n - len(b)) + tuple(b)
    return [y if x == 1 else x for x, y in zip(a, b)]


def _convolution(n: int) -> None:
    def wide(value: Any) -> list[int]:
        return [value] * n if isinstance(value, int) else list(value) * (n // len(value))

    @composed(f"conv{n}d")
    def conv(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        if isinstance(padding, str) or input.ndim != n + 2:
            return NotImplemented
        return _aten().convolution.default(
            input, weight, bias, wide(stride), wide(padding), wide(dilation), False, [0] * n, groups
        )

    @composed(f"conv_transpose{n}d")
    def transposed(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        if input.ndim != n + 2:
            return NotImplemented
        out = wide(output_padding)
        return _aten().convolution.default(
            input, weight, bias, wide(stride), wide(padding), wide(dilation), True, out, groups
        )


for _n in (1, 2, 3):
    _convolution(_n)


@composed()
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    if dropout_p or enable_gqa or query.ndim != 4 or query.shape[:2] != key.shape[:2]:
        return NotImplemented
    options: dict[str, Any] = {}
    if attn_mask is not None:
        options["attn_mask"] = attn_mask
    if scale is not None:
        options["scale"] = scale
    operation = _aten()._scaled_dot_product_flash_attention_for_cpu.default
    return operation(query, key, value, 0.0, is_causal, **options)[0]


def _soft(name: str) -> None:
    @composed(name)
    def soft(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
        if dim is None or not isinstance(dim, int):
            return NotImplemented
        x = input if dtype is None else _aten()._to_copy.default(input, dtype=dtype)
        return getattr(_aten(), f"_{name}").default(x, dim, False)


_soft("softmax")
_soft("log_softmax")


@composed()
def relu(input: Tensor, inplace: bool = False) -> Any:
    return (_aten().relu_ if inplace else _aten().relu).default(input)


def _activation(name: str) -> None:
    @composed(name)
    def activation(input: Tensor, *args: Any, inplace: bool = False, **named: Any) -> Any:
        found = _chosen(f"{name}_" if inplace else name, (input, *args), named)
        return NotImplemented if found is None else found()


for _name in ("silu", "leaky_relu", "elu", "hardtanh", "hardswish", "hardsigmoid", "mish", "gelu"):
    _activation(_name)


@composed()
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:
    shape = list(normalized_shape)
    return _aten().native_layer_norm.default(input, shape, weight, bias, eps)[0]


@composed()
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:
    n, c = input.shape[:2]
    rest = math.prod(input.shape[2:])
    return _aten().native_group_norm.default(input, weight, bias, n, c, rest, num_groups, eps)[0]


@composed()
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *enabled: bool,
) -> Any:
    if enabled:  # torch.batch_norm: the weight and bias come first
        weight, bias, running_mean, running_var = running_mean, running_var, weight, bias
    given = (input, weight, bias, running_mean, running_var, training, momentum, eps)
    return _aten().native_batch_norm.default(*given)[0]


_REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


@composed()
def mse_loss(
    input: Tensor, target: Tensor, *args: Any, reduction: str = "mean", **others: Any
) -> Any:
    if args or any(value is not None for value in others.values()):
        return NotImplemented
    how = () if reduction == "mean" else (_REDUCTIONS[reduction],)
    return _aten().mse_loss.default(input, target, *how)


@composed()
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    if input.ndim != 2 or target.ndim != 1 or label_smoothing or size_average is not None:
        return NotImplemented
    logs = _aten()._log_softmax.default(input, 1, False)
    how = _REDUCTIONS[reduction]
    return _aten().nll_loss_forward.default(logs, target, weight, how, ignore_index)[0]


@composed()
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    if max_norm is not None or scale_grad_by_freq or sparse:
        return NotImplemented
    extra = () if padding_idx is None else (padding_idx % len(weight),)
    return _aten().embedding.default(weight, input, *extra)


@composed()
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    name = UPSAMPLING.get((mode, input.ndim - 2))
    if name is None or not input.is_floating_point():
        return NotImplemented
    sizes, scales = targets(input, size, scale_factor, recompute_scale_factor)
    check_mode(input, mode, align_corners, antialias)
    corners = () if mode.startswith("nearest") else (bool(align_corners),)
    given = () if None in scales else tuple(scales)
    operation = getattr(_aten(), f"_{name}_aa" if antialias else name).default
    return operation(input, sizes, *corners, *given)


@composed("torch.nn.functional.unfold")
def im2col(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    pairs = [
        [n, n] if isinstance(n, int) else list(n) for n in (kernel_size, dilation, padding, stride)
    ]
    return _aten().im2col.default(input, *pairs)


@composed()
def stft(input: Tensor, *args: Any, **named: Any) -> Any:
    return _aten().stft.center(input, *args, **named)


@composed()
def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    def pair(value: Any) -> list[int]:
        return [value, value] if isinstance(value, int) else list(value)

    step = pair(kernel_size if stride is None else stride)
    found = _aten().max_pool2d_with_indices.default(
        input, pair(kernel_size), step, pair(padding), pair(dilation), ceil_mode
    )
    return found if return_indices else found[0]


@composed()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Any:
    if not isinstance(start_dim, int) or input.ndim == 0:
        return NotImplemented
    first, last = start_dim % input.ndim, end_dim % input.ndim
    if first == last:
        return input
    sizes = list(input.shape)
    size = math.prod(sizes[first : last + 1])
    return _aten().view.default(input, [*sizes[:first], size, *sizes[last + 1 :]])


@composed("reshape")
def reshape(input: Tensor, *shape: Any) -> Any:
    sizes = list(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else list(shape)
    with DisableTorchDispatch():
        shared = (
            input.is_contiguous() or input.detach().reshape(sizes).data_ptr() == input.data_ptr()
        )
    if shared:
        return _aten().view.default(input, sizes)
    return _aten()._unsafe_view.default(_aten().clone.default(input), sizes)


@composed("contiguous")
def contiguous(input: Tensor, **format: Any) -> Any:
    return input if input.is_contiguous(**format) else _aten().clone.default(input, **format)


@composed("reversed_div")
def reversed_div(input: Tensor, other: Any) -> Any:
    return _aten().mul.Tensor(_aten().reciprocal.default(input), other)


@composed("rsub")
def rsub(input: Tensor, other: Any) -> Any:
    aten = _aten()
    return (aten.rsub.Tensor if isinstance(other, Tensor) else aten.rsub.Scalar)(input, other)


@composed("item")
def item(input: Tensor) -> Any:
    return _aten()._local_scalar_dense.default(input)


@composed("to")
def to(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    copy = kwargs.pop("copy", False)
    target = {"dtype": input.dtype, "device": input.device}
    for value in args:
        if isinstance(value, Tensor):
            target = {"dtype": value.dtype, "device": value.device}
        elif value.__class__ is target["dtype"].__class__:
            target["dtype"] = value
        elif not isinstance(value, bool):
            target["device"] = value
    target.update({k: v for k, v in kwargs.items() if k in target and v is not None})
    changed = {k: v for k, v in target.items() if str(v) != str(getattr(input, k))}
    if not changed and not copy:
        return input
    return _aten()._to_copy.default(input, **changed)


def _conversion(name: str, dtype: str) -> None:
    @composed(name)
    def convert(input: Tensor, **format: Any) -> Any:
        import flambeau

        return to(input, getattr(flambeau, dtype))


for _name, _dtype in (
    *(("double", "float64"), ("float", "float32"), ("half", "float16"), ("long", "int64")),
    *(("int", "int32"), ("bool", "bool"), ("bfloat16", "bfloat16")),
):
    _conversion(_name, _dtype)


@composed("tensor")
def tensor(*args: Any, **kwargs: Any) -> Any:
    import flambeau

    with DisableTorchDispatch():
        made = flambeau.tensor(*args, **kwargs)
    return made if made.requires_grad else _aten().lift_fresh.default(made)


@composed("einsum")
def einsum(equation: Any, *operands: Any) -> Any:
    """Two operands without repeated letters or dots: permuted, and multiplied as batches of matrices."""
    given = operands[0] if len(operands) == 1 and not isinstance(operands[0], Tensor) else operands
    if not isinstance(equation, str) or len(given) != 2 or "." in equation:
        return NotImplemented
    inside, arrow, out = equation.replace(" ", "").partition("->")
    a, _, b = inside.partition(",")
    if not arrow or not all(len(set(part)) == len(part) for part in (a, b, out)):
        return NotImplemented
    if any(letter not in b + out for letter in a) or any(letter not in a + out for letter in b):
        return NotImplemented  # a sum over one operand's own dimension
    batch = [letter for letter in a if letter in b and letter in out]
    shared = [letter for letter in a if letter in b and letter not in out]
    left = [letter for letter in a if letter not in b]
    right = [letter for letter in b if letter not in a]
    size = dict(zip(a + b, (*given[0].shape, *given[1].shape)))
    if any(given[0].shape[a.index(x)] != size[x] for x in (*batch, *shared)):
        return NotImplemented  # one of them is broadcast

    def matrix(x: Tensor, letters: str, *groups: list[str]) -> Any:
        order = [letters.index(letter) for group in groups for letter in group]
        turned = _aten().permute.default(x, order)
        return reshape(turned, [math.prod(size[letter] for letter in group) for group in groups])

    product = _aten().bmm.default(
        matrix(given[0], a, batch, left, shared), matrix(given[1], b, batch, shared, right)
    )
    letters = [*batch, *left, *right]
    result = reshape(product, [size[letter] for letter in letters])
    return _aten().permute.default(result, [letters.index(letter) for letter in out])


@composed("chunk")
def chunk(input: Tensor, chunks: int, dim: int = 0) -> Any:
    size = input.shape[dim]
    if size == 0:
        return NotImplemented
    return _aten().split.Tensor(input, -(-size // chunks), dim)


@composed("dropout")
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    aten = _aten()
    if not training or p == 0:
        return input
    if inplace or not 0 < p < 1:
        return NotImplemented
    mask = aten.bernoulli_.float(aten.empty_like.default(input), 1 - p)
    return aten.mul.Tensor(input, aten.div_.Scalar(mask, 1 - p))


@composed("adaptive_avg_pool2d")
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Any:
    size = [output_size] * 2 if isinstance(output_size, int) else list(output_size)
    if size == [1, 1]:
        return _aten().mean.dim(input, [-1, -2], True)
    if None in size:
        return NotImplemented
    return _aten()._adaptive_avg_pool2d.default(input, size)


@composed("pad")
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Any:
    if mode != "constant":
        return NotImplemented
    return _aten().constant_pad_nd.default(input, list(pad), *(() if value is None else (value,)))


def _deviation(name: str) -> None:
    @composed(name)
    def deviation(
        input: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, **named: Any
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        correction = named.pop("correction", int(unbiased))
        if any(value is not None for value in named.values()):
            return NotImplemented
        axes = [dim] if isinstance(dim, int) else None if dim is None else list(dim)
        operation = getattr(_aten(), name).correction
        return operation(input, axes, correction=correction, keepdim=keepdim)


_deviation("var")
_deviation("std")


@composed("__setitem__")
def setitem(input: Tensor, index: Any, value: Any) -> Any:
    if input.requires_grad or getattr(value, "requires_grad", False):
        return NotImplemented
    place = getitem(input, index) if not isinstance(index, Tensor) else NotImplemented
    if place is NotImplemented:
        return NotImplemented
    aten = _aten()
    if isinstance(value, Tensor):
        aten.copy_.default(place, value)
    else:
        aten.fill_.Scalar(place, value)
    return None


@composed("getitem")
def getitem(input: Tensor, index: Any) -> Any:
    aten = _aten()
    parts = index if isinstance(index, tuple) else (index,)
    if not all(type(part) in (int, slice) or part is None or part is ... for part in parts):
        if len(parts) == 1 and isinstance(parts[0], Tensor):
            return aten.index.Tensor(input, [parts[0]])
        return NotImplemented
    taken = sum(type(part) in (int, slice) for part in parts)
    dim, x = 0, input
    for part in parts:
        if part is ...:
            dim += input.ndim - taken
        elif part is None:
            x, dim = aten.unsqueeze.default(x, dim), dim + 1
        elif type(part) is int:
            x = aten.select.int(x, dim, part)
        else:
            if part != slice(None):
                given = [9223372036854775807 if part.stop is None else part.stop]
                given += [] if part.step in (None, 1) else [part.step]
                x = aten.slice.Tensor(x, dim, part.start or 0, *given)
            dim += 1
    return x
