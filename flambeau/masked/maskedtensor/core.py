"""The class: what functions mean for a tensor of which some elements do not count.

What a function means is decided by its definition in the registry. A formula of single elements is
applied to the data, and the elements that count stay the same. A function that arranges elements
arranges the mask alike. A reduction is that of `masked`. Everything else is refused: nobody has said
what it means.

Source: torch.masked.maskedtensor; Cranmer and others, the MaskedTensor prototype (2022)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core.handler import DisableTorchFunctionSubclass
from ...core.pytree.tree import tree_leaves, tree_map_only
from ...core.tensor import Tensor
from ...dispatch.formula.formula_operation import FormulaOperation
from ...dispatch.registry import OPERATIONS
from .. import reduction
from .printing import shown

_REDUCTIONS = ("sum", "mean", "prod", "amax", "amin", "argmax", "argmin", "var", "std")
"""Functions whose result over no element at all does not count."""
_NORMALISATIONS = ("softmax", "log_softmax", "softmin", "cumsum", "cumprod")
"""Functions along a dimension that keep the shape."""
_ARRANGEMENTS = frozenset(
    (
        *(
            "reshape",
            "view",
            "flatten",
            "ravel",
            "unflatten",
            "squeeze",
            "unsqueeze",
            "t",
            "T",
            "mT",
        ),
        *("transpose", "permute", "movedim", "moveaxis", "swapaxes", "swapdims", "adjoint"),
        *("expand", "expand_as", "broadcast_to", "repeat", "tile", "flip", "roll", "rot90"),
        *("getitem", "select", "narrow", "index_select", "gather", "take_along_dim", "diagonal"),
        *("split", "chunk", "tensor_split", "unbind", "unfold", "view_as", "reshape_as"),
        *("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "contiguous"),
    )
)
_ELEMENTWISE = frozenset(
    (
        *("add", "sub", "rsub", "subtract", "mul", "multiply", "div", "divide", "true_divide"),
        *("pow", "float_power", "clamp", "clip", "where", "lerp", "nan_to_num", "floor_divide"),
        *("remainder", "fmod", "radd", "rmul", "rtruediv", "truediv", "rpow", "mod", "floordiv"),
        *("and", "or", "xor", "invert", "neg", "abs", "dropout"),
    )
)
"""Formulas of single elements whose public functions choose between several, beside those of the registry."""
_COPIES = frozenset(
    (
        *(
            "clone",
            "deepcopy",
            "detach",
            "to",
            "double",
            "float",
            "half",
            "bfloat16",
            "int",
            "long",
            "short",
        ),
        *("type", "cpu", "ones_like", "zeros_like", "empty_like", "full_like", "rand_like"),
        *("randn_like", "requires_grad", "char", "byte"),
    )
)
_QUESTIONS = frozenset(
    (
        *("size", "dim", "numel", "nelement", "stride", "len", "is_floating_point", "is_complex"),
        *(
            "is_contiguous",
            "get_device",
            "element_size",
            "retain_grad",
            "register_hook",
            "ndimension",
        ),
        *(
            "get",
            "set",
            "item",
            "bool",
            "backward",
            "hash",
            "is_same_size",
            "storage_offset",
            "grad",
        ),
    )
)
"""What is asked of the tensor as such, or of one element."""


class MaskedTensor(Tensor):
    """A tensor and a mask of its shape: True for elements that count.

    Args:
        data: A tensor.
        mask: Of its shape, bool.
        requires_grad: Whether gradients are wanted of it.

    Raises:
        TypeError: one is no tensor, the mask is not bool, or the data is complex.
        ValueError: their shapes differ.

    Source: torch.masked.MaskedTensor

    Example:
        >>> import flambeau as torch
        >>> from flambeau.masked import masked_tensor
        >>> x = masked_tensor(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.eye(2).bool())
        >>> x.mean(), x.sum(0).to_tensor(0.0)
        (MaskedTensor(  2.5000, True), tensor([1., 4.]))
    """

    _mask: Tensor

    @staticmethod
    def __new__(cls: type, data: Any, mask: Any, requires_grad: bool = False) -> MaskedTensor:
        _check(data, mask)
        made = with_mask(data.detach().clone(), mask.clone())
        return made.requires_grad_() if requires_grad else made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def get_data(self) -> Tensor:
        """All elements, also those that do not count, as a plain tensor with the same history."""
        return _plain(self)

    def get_mask(self) -> Tensor:
        """Which elements count."""
        return self._mask

    def to_tensor(self, value: Any) -> Tensor:
        """A plain tensor: `value` where an element does not count."""
        return self.get_data().masked_fill(~self._mask, value)

    def tolist(self) -> Any:
        """Raises RuntimeError: a list has no masks."""
        raise RuntimeError(
            "tolist() is not supported for masked tensors: use get_data().tolist() or to_tensor(value).tolist()"
        )

    def numpy(self, *, force: bool = False) -> Any:
        """Raises RuntimeError: an array has no mask."""
        raise RuntimeError(
            "numpy() is not supported for masked tensors: use numpy.ma.array(x.get_data(), mask=~x.get_mask())"
        )

    @property
    def grad(self) -> MaskedTensor | None:  # type: ignore[override]
        """The gradient, with the same mask."""
        found = Tensor.grad.__get__(self)  # type: ignore[attr-defined]
        return None if found is None else with_mask(_plain(found), self._mask)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        with DisableTorchFunctionSubclass():
            Tensor.grad.__set__(self, None if value is None else _plain(value))  # type: ignore[attr-defined]

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return shown(self.get_data().detach(), self._mask)

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Sequence[type], args: Sequence = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").strip("_")
        if name in _REDUCTIONS:
            return _reduce(name, *args, **kwargs)
        if name in ("all", "any"):
            return _quantify(name, *args, **kwargs)
        if name in _NORMALISATIONS:
            x = _self(args, kwargs, name)
            made = getattr(reduction, name)(_plain(x), *args[1:], mask=x._mask, **kwargs)
            return with_mask(made, x._mask)
        if name in _QUESTIONS:
            return _call(func, args, kwargs)
        if name in _ARRANGEMENTS:
            return _arrange(func, args, kwargs)
        if name in _ELEMENTWISE or name in _COPIES or _is_elementwise(name):
            return _elementwise(func, name, args, kwargs)
        return NotImplemented


def is_masked_tensor(obj: object, /) -> bool:
    """Whether it is a masked tensor.

    Source: torch.masked.is_masked_tensor

    Example:
        >>> import flambeau as torch
        >>> torch.masked.is_masked_tensor(torch.ones(2))
        False
    """
    return isinstance(obj, MaskedTensor)


def with_mask(data: Tensor, mask: Tensor) -> MaskedTensor:
    """The data's memory and history, with a mask."""
    _check(data, mask)
    made: MaskedTensor = data.as_subclass(MaskedTensor)
    made._mask = mask
    return made


def _check(data: Any, mask: Any) -> None:
    for name, value in (("data", data), ("mask", mask)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a Tensor, not {type(value).__name__}")
        if isinstance(value, MaskedTensor):
            raise TypeError(
                f"{name} must be a Tensor without a mask; get_data() and get_mask() give them"
            )
    if str(mask.dtype) != "torch.bool":
        raise TypeError(f"mask must have dtype bool, not {mask.dtype}")
    if data.is_complex():
        raise TypeError(f"{data.dtype} is not supported in MaskedTensor.")
    if data.size() != mask.size():
        raise ValueError(
            f"data.size() must equal mask.size(): {tuple(data.size())} and {tuple(mask.size())}"
        )


def _plain(x: Tensor) -> Tensor:
    """The data of a masked tensor as a plain tensor with its history."""
    with DisableTorchFunctionSubclass():
        return x.as_subclass(Tensor) if isinstance(x, MaskedTensor) else x


def _call(func: Callable, args: Sequence, kwargs: dict) -> Any:
    with DisableTorchFunctionSubclass():
        return func(*args, **kwargs)


def _map(value: Any, function: Callable[[MaskedTensor], Any]) -> Any:
    """The arguments with masked tensors replaced, in lists too."""
    return tree_map_only(MaskedTensor, function, value)


def _is_elementwise(name: str) -> bool:
    operation = OPERATIONS.get(name)
    return isinstance(operation, FormulaOperation) and not operation.rows


def _masks(args: Sequence, kwargs: dict) -> list[Tensor]:
    return [x._mask for x in tree_leaves((list(args), kwargs)) if isinstance(x, MaskedTensor)]


def _elementwise(func: Callable, name: str, args: Sequence, kwargs: dict) -> Any:
    masks = _masks(args, kwargs)
    mask = masks[0]
    for other in masks[1:]:
        if other is not mask and not (other.shape == mask.shape and bool((other == mask).all())):
            raise ValueError(
                f"{name}: input masks must match: which elements of the result count? Give both "
                "operands the same mask, or combine plain tensors and mask the result"
            )
    in_place = func.__name__.endswith("_") and not func.__name__.startswith("__")
    if in_place and isinstance(args[0], MaskedTensor):
        return _call(func, [args[0], *_map(list(args[1:]), _plain)], kwargs)
    made = func(*_map(list(args), _plain), **_map(kwargs, _plain))
    return with_mask(made, mask if mask.shape == made.shape else mask.expand(made.shape))


def _arrange(func: Callable, args: Sequence, kwargs: dict) -> Any:
    if func.__name__ == "__getitem__" and isinstance(args[1], MaskedTensor):
        raise TypeError(
            "a masked tensor cannot be an index; get_data() is the index, get_mask() its mask"
        )
    data = func(*_map(list(args), _plain), **_map(kwargs, _plain))
    mask = func(*_map(list(args), MaskedTensor.get_mask), **_map(kwargs, MaskedTensor.get_mask))
    if isinstance(data, tuple | list):
        return tuple(with_mask(*pair) for pair in zip(data, mask))
    return with_mask(data, mask)


def _self(args: Sequence, kwargs: dict, name: str) -> MaskedTensor:
    x = args[0] if args else None
    if not isinstance(x, MaskedTensor):
        raise TypeError(f"{name}: the input has to be a masked tensor")
    return x


def _reduce(name: str, input: MaskedTensor, dim: Any = None, *args: Any, **options: Any) -> Any:
    if name in ("var", "std"):
        options.setdefault("unbiased", options.pop("correction", 1) != 0)
    if name == "mean" and not (input.dtype.is_floating_point or options.get("dtype")):
        raise ValueError(
            f"mean(): the input is {input.dtype}; a mean is a floating point number: give dtype="
        )
    if args:
        options["keepdim" if name not in ("var", "std") else "unbiased"] = args[0]
    made = getattr(reduction, name)(_plain(input), dim, mask=input._mask, **options)
    keep = bool(options.get("keepdim", False))
    return with_mask(made, _any(input._mask, dim, keep))


def _any(mask: Tensor, dim: Any, keepdim: bool) -> Tensor:
    """Whether anything counts along the dimensions."""
    if dim is None:
        return mask.any().reshape((1,) * mask.ndim) if keepdim else mask.any()
    return mask.any(dim, keepdim)


def _quantify(
    name: str, input: MaskedTensor, dim: Any = None, keepdim: bool = False
) -> MaskedTensor:
    """all and any of what counts."""
    filled = input.to_tensor(name == "all").bool()
    function = filled.all if name == "all" else filled.any
    made = function() if dim is None else function(dim, keepdim)
    return with_mask(made, _any(input._mask, dim, keepdim if dim is not None else False))
