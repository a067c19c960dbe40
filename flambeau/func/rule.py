"""Rules of vmap: how a function is run once on a whole batch.

A rule is called with the mapping, the function and its arguments, of which some are samples, and gives what the
function gives, as samples; or NotImplemented, and the function is run on each sample. Formulas of single elements
have one rule, which lines the batches up; for others, the dimensions that arguments name are counted from the
end, where a batch changes nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

from ..core.tensor import Tensor
from ..dispatch.formula.formula_operation import FormulaOperation
from ..dispatch.registry import NAMESPACES
from ..dispatch.torch_function import full_name
from .tree import leaves

Rule = Callable[[Any, Callable, tuple, dict], Any]

RULES: dict[str, Rule] = {}
"""By the names of functions and methods: "sum", "linalg.inv", "shape.__get__"."""

AROUND: dict[str, Rule] = {}
"""The same for functions that have no guard."""


def words(text: str) -> frozenset[str]:
    """Names that spaces part."""
    return frozenset(text.split())


RANDOM = words(
    "rand randn randint randperm rand_like randn_like randint_like normal bernoulli "
    "multinomial poisson binomial _sample_dirichlet _standard_gamma rrelu dropout dropout1d dropout2d dropout3d "
    "alpha_dropout feature_dropout feature_alpha_dropout gumbel_softmax "
    "scaled_dot_product_attention fractional_max_pool2d fractional_max_pool3d svd_lowrank "
    "pca_lowrank bernoulli_ cauchy_ exponential_ geometric_ log_normal_ normal_ random_ "
    "uniform_ dropout_ alpha_dropout_ feature_dropout_ rrelu_ feature_alpha_dropout_ "
    "multi_head_attention_forward"
)
"""Functions that may draw random numbers."""


@cache
def _short(func: Callable) -> str:
    """A function's name within its namespace; that of linalg's and fft's functions with it."""
    name = full_name(func).removeprefix("torch.")
    for prefix in ("Tensor.", "nn.functional.", "special."):
        name = name.removeprefix(prefix)
    return name


@cache
def of(func: Callable) -> Rule | None:
    """The rule of a function, if it has one."""
    name = _short(func)
    found = RULES.get(name)
    if found is not None:
        return found
    operation = getattr(func, "operation", None)
    if isinstance(operation, FormulaOperation) and not operation.rows:
        return pointwise
    return pointwise if name.removesuffix("_") in _POINTWISE else None


@cache
def writes(func: Callable) -> bool:
    """Does it write into its first argument?"""
    name = _short(func)
    if name.endswith("__"):
        return name in ("__setitem__", "__delitem__") or name in _WRITING or ".__set__" in name
    return name.endswith("_")


_WRITING = frozenset(
    f"__i{name}__"
    for name in words("add sub mul truediv floordiv mod pow and or xor lshift rshift")
)


def ruled(*names: str) -> Callable[[Rule], Rule]:
    """Decorator: make it the rule of the functions of these names, which spaces part."""

    def register(made: Rule) -> Rule:
        RULES.update(dict.fromkeys(" ".join(names).split(), made))
        return made

    return register


def around(name: str) -> Callable[[Rule], Rule]:
    """Decorator: make it the rule of a function without a guard."""

    def register(made: Rule) -> Rule:
        AROUND[name] = made
        return made

    return register


# ------------------------------------------------------------------------------ what cannot be done


def _refusal(message: str) -> Rule:
    def refuse(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> NoReturn:
        raise RuntimeError(message.format(func.__name__))

    return refuse


ruled("item __int__ __float__ __complex__ __index__ __contains__ tensor arange")(
    _refusal(
        "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a "
        "Tensor, please try to rewrite what you're doing with other operations."
    )
)
ruled("__bool__ is_nonzero allclose equal")(
    _refusal(
        "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support "
        "that yet: each sample may take another branch, so choose with torch.where instead."
    )
)
ruled("numpy tolist __array__ data_ptr __dlpack__ storage untyped_storage")(
    _refusal(
        "Cannot access data pointer of Tensor that doesn't have storage: {}() was called on a sample of a vmap"
    )
)
ruled("nonzero argwhere masked_select unique unique_consecutive")(
    _refusal(
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over "
        "aten::{}: use a function whose result has the same shape for all samples, as torch.where."
    )
)
ruled("resize_ resize_as_ set_ data.__set__ grad.__set__")(
    _refusal(
        "vmap: {} on a sample of a vmap would change its memory, which it shares with the other samples: use an "
        "out-of-place function instead"
    )
)
ruled("requires_grad_ retain_grad backward")(
    _refusal(
        "You are attempting to call Tensor.{}() (or perhaps using torch.autograd.functional.* APIs) inside of a "
        "function being transformed by a functorch transform. This is unsupported, please attempt to use the "
        "functorch transforms (e.g. grad, vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside of a "
        "function being transformed instead."
    )
)


# ------------------------------------------------------------------------------- one for many


@ruled(
    "shape.__get__ ndim.__get__ dtype.__get__ device.__get__ layout.__get__ dim "
    "ndimension size numel nelement __len__ is_floating_point is_complex element_size "
    "itemsize.__get__ is_signed is_conj is_neg get_device is_inference is_sparse.__get__ __hash__"
)
def metadata(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """What all samples have in common."""
    return func(args[0].sample, *args[1:], **kwargs)


@ruled("requires_grad.__get__ is_leaf.__get__ grad_fn.__get__ _version.__get__")
def of_whole(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """What is the batch's own."""
    return func(mapping.value(args[0]))


@ruled("__repr__")
def shown(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> str:
    inner = "\n".join("    " + line for line in repr(mapping.value(args[0])).splitlines())
    return f"BatchedTensor(bdim=0, value=\n{inner}\n)"


@ruled(
    "clone detach to float double half bfloat16 int long bool short byte char cfloat "
    "cdouble conj resolve_conj resolve_neg real imag zeros_like ones_like empty_like "
    "full_like real.__get__ imag.__get__ cpu"
)
def direct(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """What does the same to every element."""
    if not mapping.has(args[0]) or mapping.any((args[1:], kwargs)) or "memory_format" in kwargs:
        return NotImplemented
    return mapping.wrap(func(args[0].physical, *args[1:], **kwargs))


_POINTWISE = (
    words(
        "add sub subtract rsub positive div divide true_divide floor_divide remainder fmod pow "
        "float_power clamp clip clamp_min clamp_max where heaviside nan_to_num isclose isreal "
        "isposinf isneginf leaky_relu elu silu mish hardsigmoid hardswish hardtanh relu6 relu "
        "selu celu tanhshrink softshrink threshold complex polar __add__ __radd__ __sub__ "
        "__rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ __floordiv__ __rfloordiv__ __mod__ "
        "__rmod__ __pow__ __rpow__ __rdiv__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __and__ "
        "__rand__ __or__ __ror__ __xor__ __rxor__ __neg__ __abs__ __pos__ __invert__"
    )
    | _WRITING
)
"""Functions of single elements that are more than one formula."""


def pointwise(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """A function of single elements: the batches are lined up, and what is no sample is broadcast."""
    tensors = [x for x in leaves((args, kwargs)) if isinstance(x, Tensor)]
    ndim = max(x.ndim for x in tensors)
    numbers = any(not x.ndim for x in tensors) and len({x.dtype for x in tensors}) > 1
    if (
        numbers and ndim
    ):  # a sample without dimensions promotes as a number does, and its batch does not
        return NotImplemented
    if kwargs.get("out") is not None:
        return NotImplemented
    if writes(func):
        return _written(mapping, func, args, kwargs, ndim)
    lined = [lined_up(mapping, x, ndim) for x in args]
    return mapping.wrap(func(*lined, **{k: lined_up(mapping, x, ndim) for k, x in kwargs.items()}))


@ruled("masked_fill")
def filled(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
    """A value of each sample's own is chosen where the mask is."""
    if kwargs or not mapping.has(args[2]):
        return pointwise(mapping, func, args, kwargs)
    x, mask, value = args
    if value.ndim or value.dtype is not x.dtype:
        return NotImplemented
    return pointwise(mapping, NAMESPACES["torch"]["where"], (mask, value, x), {})


def lined_up(mapping: Any, x: Any, ndim: int) -> Any:
    """A batch of samples as one of samples of `ndim` dimensions."""
    if not mapping.has(x):
        return x
    value, own = x.physical, x.ndim
    return value if own == ndim else value.reshape((mapping.size, *(1,) * (ndim - own), *x.shape))


def _written(mapping: Any, func: Callable, args: tuple, kwargs: dict, ndim: int) -> Any:
    target = args[0]
    if not mapping.has(target) or target.ndim < ndim:
        return NotImplemented  # and an error there
    others = [lined_up(mapping, x, ndim) for x in args[1:]]
    func(target.physical, *others, **{k: lined_up(mapping, x, ndim) for k, x in kwargs.items()})
    return target


# ------------------------------------------------------------------------------- along dimensions


@cache
def _signature(func: Callable) -> inspect.Signature | None:
    try:
        found = inspect.signature(func)
    except (TypeError, ValueError):
        return None
    kinds = {p.kind for p in found.parameters.values()}
    return None if inspect.Parameter.VAR_POSITIONAL in kinds else found


def bound_of(func: Callable, args: tuple, kwargs: dict) -> inspect.BoundArguments | None:
    signature = _signature(func)
    if signature is None:
        return None
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return None
    bound.apply_defaults()
    return bound


def from_the_end(dim: Any, ndim: int) -> Any:
    """Dimensions, counted from the end; as they are where they are out of range."""
    if isinstance(dim, (tuple, list)):
        return type(dim)(from_the_end(d, ndim) for d in dim)
    return dim - ndim if isinstance(dim, int) and 0 <= dim < ndim else dim


def along(*names: str, more: int = 0, all_dims: bool = False, others: str = "") -> Rule:
    """The rule of a function whose arguments of these names are dimensions.

    Args:
        more: How many dimensions the result has more than the operand, where they count in its.
        all_dims: None stands for all dimensions, and a tuple may.
        others: Operands that are spread over the batch, as an index is; they have as many dimensions.
    """

    def run(mapping: Any, func: Callable, args: tuple, kwargs: dict) -> Any:
        bound = bound_of(func, args, kwargs)
        if bound is None:
            return NotImplemented
        given = bound.arguments
        first = next(iter(given))
        x = given[first]
        if not mapping.has(x) or not x.ndim or given.get("out") is not None:
            return NotImplemented
        spread = [name for name in others.split() if isinstance(given.get(name), Tensor)]
        rest = [v for k, v in given.items() if k != first and k not in spread]
        if mapping.any(rest) or any(given[name].ndim != x.ndim for name in spread):
            return NotImplemented
        for name in spread:
            given[name] = mapping.spread(given[name])
        for name in names:
            if name not in given:
                return NotImplemented
            dim = given[name]
            if isinstance(dim, bool):  # another argument, in this place
                return NotImplemented
            if dim is None or dim == ():
                if not all_dims:
                    return NotImplemented
                dim = tuple(range(x.ndim))
            given[name] = from_the_end(dim, x.ndim + more)
        given[first] = x.physical
        return mapping.wrap(func(*bound.args, **bound.kwargs))

    return run


ruled(
    "sum mean nansum nanmean amax amin logsumexp var std var_mean std_mean any all "
    "linalg.vector_norm"
)(along("dim", all_dims=True))
ruled(
    "softmax log_softmax softmin cumsum cumprod logcumsumexp cummax cummin prod argmax "
    "argmin topk kthvalue argsort normalize glu unbind flip"
)(along("dim"))
ruled("unsqueeze")(along("dim", more=1))
ruled("gather take_along_dim")(along("dim", others="index indices"))
ruled("movedim moveaxis")(along("source", "destination"))
ruled("transpose swapaxes swapdims")(along("dim0", "dim1"))
ruled("index_select narrow_copy select_copy linalg.cross linalg.vecdot")(along("dim"))
ruled("fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft")(along("dim"))
ruled("diag_embed")(along("dim1", "dim2", more=1))
ruled(
    "tril triu inverse det slogdet logdet pinverse matrix_exp matrix_power linalg.inv "
    "linalg.det linalg.slogdet linalg.cholesky linalg.eigvalsh linalg.eigh linalg.svd "
    "linalg.svdvals linalg.qr linalg.pinv linalg.eig linalg.eigvals linalg.lu_factor "
    "linalg.matrix_exp linalg.matrix_power pixel_shuffle pixel_unshuffle"
)(along())  # the last dimensions are theirs, whatever stands before
