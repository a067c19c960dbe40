"""Operations of the user's own: a formula, with its gradients of every order, on every device.

from flambeau.ops import pointwise, rowwise
from flambeau.formula.primitive import amax, exp, held, log, sum
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...core.promotion import PromotionKind
from . import pointwise as define
from .rowwise import RowOperation


def pointwise(
    formula: Callable | None = None,
    *,
    kind: PromotionKind = PromotionKind.DEFAULT,
    names: str | None = None,
    label: str = "",
    not_promoted: str = "",
    static: str = "",
    numbers: str | None = None,
    unsupported: str = "",
) -> Any:
    """Make a differentiable function of tensors of a formula of single elements.

    Args:
        formula: A function of symbols that returns an expression, or a tuple of them. Arguments without a
            default are tensors, and so is one with the annotation `Operand`, which may be None; those
            with a number are passed at each call; other defaults are options, each of which is
            traced for itself.
        kind: How the operands' dtypes promote.
        names: The public argument names, where they are not input, other.
        label: The name of the graph's node, without Backward0.
        not_promoted: Operands that take no part in promotion, such as a condition.
        static: Numbers that are options too: the formula may use them as Python numbers.
        numbers: Operands that may be Python numbers (default: all, as long as one is a tensor).
        unsupported: Kinds of dtypes without a meaning: "bool", "int", "half", "float", "complex".

    Raises:
        TypeError: The formula takes any number of arguments.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.formula.primitive import exp
        >>> from flambeau.ops import pointwise
        >>> @pointwise
        ... def bump(x, width=1.0):
        ...     return exp(-x * x / width)
        >>> bump(torch.tensor([0., 1.]), width=0.5)
        tensor([1.0000, 0.1353])
    """
    return define.pointwise(
        formula,
        kind=kind,
        names=names,
        label=label,
        not_promoted=not_promoted,
        static=static,
        numbers=numbers,
        unsupported=unsupported,
        method=False,
        inplace=False,
        namespace=None,
    )


def rowwise(
    formula: Callable | None = None,
    *,
    kind: PromotionKind = PromotionKind.DEFAULT,
    names: str | None = None,
    label: str = "",
    not_promoted: str = "",
    reduced: str = "",
    static: str = "",
    unsupported: str = "",
) -> Any:
    """Make a differentiable function of tensors of a formula of rows.

    What the formula reduces (sum, amax, ...) runs over the dimensions that a call names: the function is
    called as ``f(x, ..., dim=None, keepdim=False, dtype=None, out=None, **options)``, where dim is an
    int, several, or None for all.

    Args:
        formula, kind, names, label, not_promoted, static, unsupported: As for `pointwise`.
        reduced: Operands with one value a row, such as a class index.

    Raises:
        TypeError: The formula takes any number of arguments.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.formula.primitive import amax, exp, held, sum
        >>> from flambeau.ops import rowwise
        >>> @rowwise
        ... def tempered(x, heat=1.0):
        ...     e = exp((x - held(amax(x))) / heat)
        ...     return e / sum(e)
        >>> tempered(torch.tensor([[0., 1.]]), dim=1, heat=0.5)
        tensor([[0.1192, 0.8808]])
    """

    def make(formula: Callable) -> Callable:
        operation = RowOperation(
            formula,
            kind,
            names=names,
            label=label,
            not_promoted=not_promoted,
            reduced=reduced,
            static=static,
            numbers="",
            unsupported=unsupported,
            rows=True,
            registered=False,
        )
        return _row_function(operation)

    return make if formula is None else make(formula)


def _row_function(operation: RowOperation) -> Callable:
    inner = {operation.public[name]: name for name in operation.defaults}

    @functools.wraps(operation.formula)
    def function(
        *operands: Any,
        dim: Any = None,
        keepdim: bool = False,
        dtype: Any = None,
        out: Any = None,
        **options: Any,
    ) -> Any:
        values = dict(operation.defaults)
        for name, value in options.items():
            if name not in inner:
                raise TypeError(
                    f"{operation.name}() got an unexpected keyword argument '{name}': it takes "
                    f"{', '.join(('dim', 'keepdim', 'dtype', 'out', *inner))}"
                )
            values[inner[name]] = value
        missing = len(operation.operands) - len(operands)
        absent = operation.operands[len(operands) :]
        if missing < 0 or any(name not in operation.optional for name in absent):
            raise TypeError(
                f"{operation.name}() takes the tensors {', '.join(operation.operands)}, and was given "
                f"{len(operands)}: options go by name"
            )
        return operation(
            *operands,
            *(None for _ in absent),
            dim=dim,
            keepdim=keepdim,
            dtype=dtype,
            out=out,
            statics=tuple(values[n] for n in operation.statics),
            parameters=operation.plain_numbers(tuple(values[n] for n in operation.parameters)),
        )

    operation.function = function
    function.gradient = operation.gradient  # type: ignore[attr-defined]
    function.operation = operation  # type: ignore[attr-defined]
    return function
