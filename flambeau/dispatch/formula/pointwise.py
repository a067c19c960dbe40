"""The decorators that make an operation of a formula: `pointwise` and `rowwise`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._source import Source, listed
from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.promotion import PromotionKind
from ...core.tensor import Tensor
from ..arguments import REQUIRED, written
from ..names import ABSENT, Signature, takes_aliases
from ..registry import method as method_of
from ..registry import public
from ..torch_function import guards
from .fast_path import FALLBACK
from .formula_node import ONE, REAL, record_binary
from .formula_operation import FormulaOperation
from .into import binary_into, unary_into
from .operand import operands_of

_UPPER = re.compile(r"(?<!^)(?=[A-Z])")


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
        inplace: Make the in-place method (the name and an underscore) too, and that of other names of the method.
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
        if namespace == "":
            operation.said = _UPPER.sub("_", operation.label).lower()
        aliases = takes_aliases(namespace or "torch", operation.name)
        function = _function(operation, aliases, unary, binary, bound)
        _dress(function, operation, operation.name)
        function.gradient = operation.gradient  # type: ignore[attr-defined]
        function.operation = operation  # type: ignore[attr-defined]
        if namespace:
            places = operation.name, *also.split()
            function = public(*places, method=method, namespace=namespace)(function)
        operation.function = function
        if inplace:
            others = [n for n in also.split() if n in str(method).split()]
            method_of(*(f"{n}_" for n in (operation.name, *others)))(_inplace(operation))
        return function

    return make if formula is None else make(formula)


def _dress(function: Callable, operation: FormulaOperation, name: str) -> None:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = operation.__doc__
    guards.under_its_name(function)


def _function(
    operation: FormulaOperation, aliases: bool, of_one: Callable, of_two: Callable, of_any: Callable
) -> Callable:
    """The function made by the first of these that serves such operands."""
    plain = not operation.defaults and not operation.not_promoted and not operation.optional
    usual = tuple(operation.public[n] for n in operation.operands)
    if plain and usual == ("input",):
        return of_one(operation, aliases)
    if plain and usual == ("input", "other"):
        return of_two(operation, aliases)
    return of_any(operation, aliases)


def _of_one(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The signature of functions of one operand."""
    raise NotImplementedError


def _of_two(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The signature of functions of two operands."""
    raise NotImplementedError


def by_name(function: Callable, operation: FormulaOperation, aliases: bool) -> Callable:
    """The call with arguments that are given by other names, or by name only: ``(operands, others)``.

    `operands` are those that were given by position or by PyTorch's names, `ABSENT` the others.
    """
    give = operation.give

    def call(operands: tuple, others: dict[str, Any]) -> Any:
        if len(others) == 1 and "out" in others and operands[-1] is not ABSENT is not operands[0]:
            out = others["out"]
            return function(*operands) if out is None else give(operands, (), (), out)
        signature = Signature(function, aliases)
        args, kwargs = signature.settled(operands, others)
        out = kwargs.get("out")
        operands = (*args, *(kwargs[name] for name in signature.required[len(args) :]))
        return function(*operands) if out is None else give(operands, (), (), out)

    return call


def unary(operation: FormulaOperation, aliases: bool = True) -> Callable:
    """The function of an operation of one operand and nothing else."""
    same, general = operation.same, operation.general

    def function(input: Tensor = ABSENT, **others: Any) -> Tensor:
        if others:
            return named((input,), others)
        try:
            spec = same[input._kind]
            operand = input._array
            array = spec.run(operand)
        except FALLBACK:
            spec = None
        if spec is None:
            return general((input,))
        if array.__class__ is not np.ndarray:
            array = spec.common.xp.asarray(array)
        result = handle.make(array, spec.result, None, [0], None)
        if input._node is not None and mode.recording and spec.floating:
            spec.plans[ONE].record((input._node,), operand, array, input._cell, result, (), None)
        return result

    function.__wrapped__ = _of_one  # type: ignore[attr-defined]
    named = by_name(function, operation, aliases)
    return function


def binary(operation: FormulaOperation, aliases: bool = True) -> Callable:
    """The function of an operation of two operands, of which the second may be a number."""
    calculate = _calculate(operation, operation.general)

    def function(input: Any = ABSENT, other: Any = ABSENT, **others: Any) -> Any:
        return named((input, other), others) if others else calculate(input, other)

    function.__wrapped__ = _of_two  # type: ignore[attr-defined]
    named = by_name(function, operation, aliases)
    return function


def operator(operation: FormulaOperation) -> Callable:
    """The same as Python's operator: it gives NotImplemented for what it does not know."""

    def general(operands: tuple) -> Any:
        operands = operands_of(*operands)
        return NotImplemented if operands is None else operation.general(operands)

    return _calculate(operation, general)


def _calculate(operation: FormulaOperation, general: Callable) -> Callable:
    same, takes_number = operation.same, operation.operands[1] in operation.numbers
    mixed = operation.fast.mixed

    def function(input: Any, other: Any) -> Any:
        try:
            kind, first = input._kind, input._array
            spec = same[kind]
            if other.__class__ in REAL:
                if takes_number and other.__class__ in kind.numbers:
                    second, right = kind._scalars.get(other), None
                    if second is None:
                        second = kind.scalar(other)
                else:
                    spec = None
            elif other._kind is kind:
                second, right = other._array, other._node
            else:
                spec = None
            if spec is not None:
                array = spec.run(first, second)
        except FALLBACK:
            spec = None
        if spec is None:
            found = mixed[_BOTH](input, other, (), ())
            return general((input, other)) if found is None else found
        if array.__class__ is not np.ndarray:
            array = spec.common.xp.asarray(array)
        result = handle.make(array, spec.result, None, [0], None)
        left = input._node
        if (left is not None or right is not None) and mode.recording and spec.floating:
            record_binary(spec, result, input, other, first, second, left, right)
        return result

    return function


_BOTH = (True, True)


def reflected(operation: FormulaOperation) -> Callable:
    """Python's operator of a number and a tensor, which is its second operand."""
    same, takes_number = operation.same, operation.operands[0] in operation.numbers
    mixed = operation.fast.mixed

    def function(input: Any, other: Any) -> Any:
        try:
            kind = input._kind
            spec = same[kind] if takes_number and other.__class__ in kind.numbers else None
            if spec is not None:
                number, operand = kind._scalars.get(other), input._array
                if number is None:
                    number = kind.scalar(other)
                array = spec.run(number, operand)
        except FALLBACK:
            spec = None
        if spec is None:
            found = mixed[_BOTH](other, input, (), ())
            if found is not None:
                return found
            operands = operands_of(input, other)
            return NotImplemented if operands is None else operation.general(operands[::-1])
        if array.__class__ is not np.ndarray:
            array = spec.common.xp.asarray(array)
        result = handle.make(array, spec.result, None, [0], None)
        if input._node is not None and mode.recording and spec.floating:
            record_binary(spec, result, other, input, number, operand, None, input._node)
        return result

    return function


def bound(operation: FormulaOperation, aliases: bool = True, inplace: bool = False) -> Callable:
    """The function of any other operation, or its in-place method: written when first called."""
    compiled: list[Callable] = []
    signatures: list[Signature] = []

    def function(*args: Any, **kwargs: Any) -> Any:
        if not compiled:
            signatures.append(Signature(_bind(operation, inplace), aliases, method=inplace))
            compiled.append(signatures[0].function)
        if kwargs and not signatures[0].known.issuperset(kwargs):
            args, kwargs = signatures[0].settled(args, kwargs)
        return compiled[0](*args, **kwargs)

    return function


def bound_into(operation: FormulaOperation, aliases: bool = True) -> Callable:
    """The in-place method of any other operation."""
    return bound(operation, aliases, inplace=True)


def _bind(operation: FormulaOperation, inplace: bool) -> Callable:
    """A function with the operation's public signature, over its fast path::

        def addcmul(input, tensor1, tensor2, *, value=default_value, out=None):
            if out is not None:
                return give((input, tensor1, tensor2), (), (value,), out)
            return fast(input, tensor1, tensor2, (), (value,))

    Where operands may be None, it is ``fast[(input is not None, ...)](...)``.
    """
    name, public_names = operation.name + "_" * inplace, operation.public
    fast: Any = operation.into if inplace else operation.fast
    source = Source(name, give=operation.give)
    defaults = {public_names[n]: REQUIRED for n in operation.operands}
    defaults.update((public_names[n], None) for n in operation.optional)
    signature = written(defaults, source)
    options = written({public_names[n]: v for n, v in operation.defaults.items()}, source)
    if not inplace:
        options.insert(0 if operation.name in KEYWORD_ONLY else len(options), "*")
        options.append("out=None")
    operands, statics, numbers = (
        [public_names[n] for n in names]
        for names in (operation.operands, operation.statics, operation.parameters)
    )
    chosen = "fast"
    if operation.optional:
        source.scope["fast"] = fast
        chosen += f"[{listed(f'{n} is not None' for n in operands)}]"
    else:
        source.scope["fast"] = fast[(True,) * len(operands)]
    with source.block(f"def {name}({', '.join(signature + options)}):"):
        if not inplace:
            with source.block("if out is not None:"):
                source(
                    f"return give({listed(operands)}, {listed(statics)}, {listed(numbers)}, out)"
                )
        source(f"return {chosen}({', '.join(operands)}, {listed(statics)}, {listed(numbers)})")
    return source.function(name)


KEYWORD_ONLY = frozenset(("add", "sub", "div", "addcmul", "addcdiv", "rsub"))
"""Operations whose options come after a * in torch's signature."""


def _inplace(operation: FormulaOperation) -> Callable:
    """The in-place method."""
    form = _function(operation, True, unary_into, binary_into, bound_into)
    form.__name__ = operation.name + "_"
    form.__doc__ = f"The in-place form of `{operation.name}`."
    return form


__all__ = ["binary", "bound", "operator", "pointwise", "reflected", "unary"]
