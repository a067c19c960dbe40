"""The decorators that make an operation of a formula: `pointwise` and `rowwise`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.dtype import FLOAT
from ...core.promotion import PromotionKind
from ...core.quiet import restore, silence, silent
from ...core.tensor import Tensor
from ..registry import public
from .formula_node import record_binary, record_unary
from .formula_operation import FormulaOperation

FALLBACK = (AttributeError, KeyError, ValueError, TypeError, OverflowError)
"""What the fast path may stumble over; the general path does the call again and explains."""


def pointwise(
    formula: Callable | None = None,
    *,
    kind: PromotionKind = PromotionKind.DEFAULT,
    names: str | None = None,
    label: str = "",
    not_promoted: str = "",
    static: str = "",
    also: str = "",
    method: bool | str = True,
    inplace: bool = True,
    namespace: str | None = "torch",
    numbers: str | None = None,
    unsupported: str = "",
) -> Any:
    """Make a differentiable operation of a formula of single elements.

    Args:
        formula: A function of symbols that returns an expression. Arguments without a default are
            tensors; those with a number are passed at each call; others are static options.
        kind: How the operands' dtypes promote.
        names: The public argument names, where they are not input, other.
        label: The node's name, without Backward0.
        not_promoted: Operands that take no part in promotion.
        static: Numbers that select another trace.
        also: Further places of the function, such as "special.expit".
        method: Make it a Tensor method; a string gives the names.
        inplace: Make the in-place method (the name and an underscore) too.
        namespace: Where the function is public; "" for nowhere, None for one that is not the package's
            own.
        numbers: Operands that may be Python numbers (default: all, as long as one is a tensor).
        unsupported: Kinds of dtypes without a meaning: "bool", "int", "half", "float", "complex".
    """

    def make(formula: Callable) -> Callable:
        operation = FormulaOperation(
            formula,
            kind,
            names=names,
            label=label,
            not_promoted=not_promoted,
            static=static,
            numbers=numbers,
            unsupported=unsupported,
            registered=namespace is not None,
        )
        function = _function(operation)
        _dress(function, operation, operation.name)
        operation.function = function
        function.gradient = operation.gradient  # type: ignore[attr-defined]
        function.operation = operation  # type: ignore[attr-defined]
        if namespace:
            if namespace != "torch":  # pickle looks a function up where it is
                function.__module__ = f"flambeau.{namespace}"
            public(operation.name, *also.split(), method=method, namespace=namespace)(function)
        if inplace:
            setattr(Tensor, operation.name + "_", _inplace(operation))
        return function

    return make if formula is None else make(formula)


def _dress(function: Callable, operation: FormulaOperation, name: str) -> None:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = operation.__doc__
    function.__module__ = "flambeau"


def _function(operation: FormulaOperation) -> Callable:
    plain = not operation.defaults and not operation.not_promoted and not operation.optional
    usual = tuple(operation.public[n] for n in operation.operands)
    if plain and usual == ("input",):
        return unary(operation)
    if plain and usual == ("input", "other"):
        return binary(operation)
    return bound(operation)


def unary(operation: FormulaOperation) -> Callable:
    """The function of an operation of one operand and nothing else."""
    same, general, give = operation.same, operation.general, operation.give

    def function(input: Tensor, *, out: Tensor | None = None) -> Tensor:
        if out is not None:
            return give((input,), (), (), out)
        try:
            spec = same[input._kind]
            operand = input._array
            if spec.warns:
                token = silence(silent)
                try:
                    array = spec.run(operand)
                finally:
                    restore(token)
            else:
                array = spec.run(operand)
        except FALLBACK:
            return general((input,))
        if array.__class__ is not np.ndarray:
            array = spec.common.xp.asarray(array)
        result = handle.make(array, spec.result, None, [0], None)
        if input._node is not None and mode.recording and result._kind.dtype.category >= FLOAT:
            record_unary(spec, result, input, operand)
        return result

    return function


def binary(operation: FormulaOperation, operator: bool = False, swapped: bool = False) -> Callable:
    """The function of an operation of two operands; `operator`: of Python, giving NotImplemented."""
    same, slow = operation.same, operation.general
    unsupported = operation.operands[0 if swapped else 1] not in operation.numbers

    def general(x: Any, y: Any) -> Any:
        if operator and not isinstance(y, (Tensor, bool, int, float, complex, np.generic)):
            if isinstance(y, np.ndarray):
                from ...core.tensor import wrap_numpy

                y = wrap_numpy(y)
            elif not hasattr(type(y), "__torch_function__"):
                return NotImplemented
        return slow((y, x) if swapped else (x, y))

    def function(input: Any, other: Any) -> Any:
        try:
            kind = input._kind
            number = other.__class__
            if number is float or number is int:
                if number not in kind.numbers or unsupported:
                    return general(input, other)
                spec = same[kind]
                second = kind._scalars.get(other)
                if second is None:
                    second = kind.scalar(other)
                right = None
            else:
                if other._kind is not kind:
                    return general(input, other)
                spec = same[kind]
                second = other._array
                right = other._node
            first = input._array
            if spec.warns:
                token = silence(silent)
                try:
                    array = spec.run(second, first) if swapped else spec.run(first, second)
                finally:
                    restore(token)
            else:
                array = spec.run(second, first) if swapped else spec.run(first, second)
        except FALLBACK:
            return general(input, other)
        if array.__class__ is not np.ndarray:
            array = spec.common.xp.asarray(array)
        result = handle.make(array, spec.result, None, [0], None)
        left = input._node
        if (
            (left is not None or right is not None)
            and mode.recording
            and result._kind.dtype.category >= FLOAT
        ):
            if swapped:
                record_binary(spec, result, other, input, second, first, right, left)
            else:
                record_binary(spec, result, input, other, first, second, left, right)
        return result

    if operator:
        return function

    def with_out(input: Any, other: Any, *, out: Tensor | None = None) -> Any:
        if out is None:
            return function(input, other)
        return operation.give((input, other), (), (), out)

    return with_out


def bound(operation: FormulaOperation) -> Callable:
    """The function of any other operation: its source is written from the signature when first called."""
    compiled: list[Callable] = []

    def function(*args: Any, **kwargs: Any) -> Any:
        if not compiled:
            compiled.append(_bind(operation))
        return compiled[0](*args, **kwargs)

    return function


def _bind(operation: FormulaOperation, inplace: bool = False) -> Callable:
    public_names, defaults = operation.public, operation.defaults
    fast = operation.into if inplace else operation.fast
    scope: dict[str, Any] = {"give": operation.give, "fast": fast}
    parts = []
    for name in operation.operands:
        parts.append(
            f"{public_names[name]}=None" if name in operation.optional else public_names[name]
        )
    keyword_only = operation.name in KEYWORD_ONLY
    if keyword_only and not inplace:
        parts.append("*")
    for name, value in defaults.items():
        scope[f"default_{name}"] = value
        parts.append(f"{public_names[name]}=default_{name}")
    if not inplace:
        parts += ["out=None"] if keyword_only else ["*", "out=None"]
    operands = "".join(f"{public_names[n]}, " for n in operation.operands)
    statics = "".join(f"{public_names[n]}, " for n in operation.statics)
    numbers = "".join(f"{public_names[n]}, " for n in operation.parameters)
    chosen = "fast"
    if operation.optional:
        chosen += f"[{''.join(f'{public_names[n]} is not None, ' for n in operation.operands)}]"
    else:
        scope["fast"] = fast[(True,) * len(operation.operands)]
    lines = [f"def {operation.name}{'_' * inplace}({', '.join(parts)}):"]
    if not inplace:
        lines += [
            "    if out is not None:",
            f"        return give(({operands}), ({statics}), ({numbers}), out)",
        ]
    lines.append(f"    return {chosen}({operands}({statics}), ({numbers}))")
    exec(compile("\n".join(lines), f"<flambeau {operation.name}>", "exec"), scope)
    return scope[operation.name + "_" * inplace]


KEYWORD_ONLY = frozenset(("add", "sub", "div", "addcmul", "addcdiv", "rsub"))
"""Operations whose options come after a * in torch's signature."""


def _inplace(operation: FormulaOperation) -> Callable:
    """The in-place method; its source is written from the signature when first called."""
    compiled: list[Callable] = []

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not compiled:
            compiled.append(_bind(operation, inplace=True))
        return compiled[0](self, *args, **kwargs)

    method.__name__ = method.__qualname__ = operation.name + "_"
    method.__doc__ = f"The in-place form of `{operation.name}`."
    return method


__all__ = ["FALLBACK", "binary", "bound", "pointwise", "unary"]
