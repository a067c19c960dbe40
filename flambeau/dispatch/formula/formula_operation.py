"""Formula operations: a traced expression, made into a differentiable function of tensors.

An operation is traced once for each pair of operand kinds and static options (`Specialization`); the
functions that users call check that they hold such a case and run straight through, and hand
everything else to `FormulaOperation.general`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.dtype import BOOL, COMPLEX, FLOAT, INTEGER, bool_, int64, state
from ...core.kind import Kind, kind_of
from ...core.promotion import PromotionKind, elementwise_dtypes, result_dtype
from ...core.tensor import Tensor, class_name
from ...formula.expression import Domain, Expression, parameter, symbol
from ...formula.program import Program
from ..arguments import REQUIRED, arguments
from ..names import ABSENT
from ..registry import OPERATIONS, is_overridden, override
from ..write import broadcast, write_out
from .fast_path import FastPath
from .formula_node import apply
from .into import OwnWriters
from .operand import arrays_of, common_device, promotes_as
from .specialization import Specialization
from .write import write_fast, write_into

_DOMAINS = {BOOL: Domain.BOOL, INTEGER: Domain.INT, FLOAT: Domain.REAL, COMPLEX: Domain.COMPLEX}


def _outgrows(root: Expression, result: Any) -> bool:
    """Does a formula of integers give what integers cannot hold, as exp does?"""
    return result.category < FLOAT and root.domain > Domain.INT


_DEPENDENT: weakref.WeakSet[FormulaOperation] = weakref.WeakSet()
"""Operations with specialisations that compute integers in the default dtype."""


@state.dependents.append
def _forget_default() -> None:
    for operation in tuple(_DEPENDENT):
        operation.forget()


class FormulaOperation:
    """What a formula's decorator makes: the definition, and its specialisations.

    Args:
        formula: The Python function; arguments without defaults are operands (arrays), those with a
            number are parameters (passed at each call), other defaults are static (traced anew).
        kind: How dtypes promote.
        names: The public names of the arguments, in order.
        optional: Operands that may be None.
        not_promoted: Operands that do not take part in promotion (a condition, an index).
        reduced: Operands with one value a row.
        numbers: Operands that may be Python numbers, as long as one is a tensor; "*": all may.
        unsupported: Kinds of dtypes that it has no meaning for: "bool", "int", "half", "float", "complex".
        rows: Is it computed over rows?
        registered: Is it one of the package's own?

    Attributes:
        said: What messages call it: the public function that it is a part of, where it is none itself.
    """

    def __init__(
        self,
        formula: Callable,
        kind: PromotionKind,
        *,
        names: str | None = None,
        label: str = "",
        not_promoted: str = "",
        reduced: str = "",
        static: str = "",
        numbers: str | None = None,
        unsupported: str = "",
        rows: bool = False,
        differentiable: bool = True,
        registered: bool = True,
    ):
        self.formula, self.promotion, self.rows = formula, kind, rows
        self.name = formula.__name__.rstrip("_")
        self.label = label or "".join(part.capitalize() for part in self.name.split("_"))
        signature, notes = arguments(formula), formula.__annotations__
        self.operands = tuple(
            n
            for n, default in signature.items()
            if default is REQUIRED or notes.get(n) in ("operand", "Operand", Operand)
        )
        self.defaults = {n: v for n, v in signature.items() if n not in self.operands}
        self.optional = frozenset(n for n in self.operands if signature[n] is None)
        statics = static.split()
        self.parameters = tuple(
            n
            for n, v in self.defaults.items()
            if n not in statics and isinstance(v, (int, float)) and not isinstance(v, bool)
        )
        self.complex = frozenset(n for n in self.parameters if notes.get(n) in ("complex", complex))
        self.statics = tuple(n for n in self.defaults if n not in self.parameters)
        public = names.split() if names else []
        usual = {"x": "input", "y": "other"}
        self.public = {
            n: public[i] if i < len(public) else usual.get(n, n) for i, n in enumerate(signature)
        }
        self.not_promoted, self.reduced = (
            frozenset(not_promoted.split()),
            frozenset(reduced.split()),
        )
        self.all_numbers = numbers == "*"
        self.numbers = frozenset(
            self.operands if numbers is None or self.all_numbers else numbers.split()
        )
        self.unsupported = frozenset(unsupported.split())
        self.differentiable = differentiable
        self.explicit: Callable | None = None
        self.specializations: dict[Any, Specialization] = {}
        self.same: dict[Kind, Specialization] = {}
        self.promoted: dict[Any, Specialization] = {}
        self.fast = FastPath(self, "rows" if rows else "new")
        self.into, self.out = FastPath(self, "into"), FastPath(self, "out")
        self.own_writers = OwnWriters(self)
        self.tables = [self.specializations, self.same, self.promoted, self.own_writers]
        self.function: Callable = self.formula
        self.__doc__ = formula.__doc__
        self.said = self.name
        if registered:
            OPERATIONS[self.name] = self

    def gradient(self, rule: Callable) -> Callable:
        """Decorator: the gradient as a formula of g, the operands and y, where it beats the derived one."""
        self.explicit = rule
        return rule

    def specialize(
        self, kinds: tuple[Kind | None, ...], common: Kind, statics: tuple
    ) -> Specialization:
        """The operation traced for operands of these kinds (None: absent) and static options."""
        key = kinds, common, statics
        found = self.specializations.get(key)
        if found is None:
            found = self.specializations[key] = self._trace(kinds, common, statics, self.promotion)
        return found

    def _trace(
        self,
        kinds: tuple[Kind | None, ...],
        common: Kind,
        statics: tuple,
        promotion: PromotionKind,
    ) -> Specialization:
        self.check_dtype(common.dtype)
        if promotion is PromotionKind.INT_TO_FLOAT and common.dtype.category < FLOAT:
            _DEPENDENT.add(self)
        compute, result = elementwise_dtypes(promotion, common.dtype)
        domain = _DOMAINS[compute.category]
        symbols: dict[str, Expression | None] = {}
        for name, kind in zip(self.operands, kinds):
            own = (
                domain
                if name not in self.not_promoted or kind is None
                else _DOMAINS[kind.dtype.category]
            )
            symbols[name] = None if kind is None else symbol(name, own, name not in self.reduced)
        numbers = {name: self.number(name, domain) for name in self.parameters}
        root = self.formula(**symbols, **numbers, **dict(zip(self.statics, statics)))
        roots = root if isinstance(root, tuple) else (root,)
        for each in roots:
            if not isinstance(each, Expression):
                raise TypeError(
                    f"the formula {self.name}() returned {each!r}, which is no expression: return what is "
                    "computed from its symbols, or a tuple of such"
                )
        # Our own formulas say so by their promotion; and some have numbers that integers make whole.
        own = OPERATIONS.get(self.name) is self
        if (
            promotion is PromotionKind.DEFAULT
            and not own
            and any(_outgrows(x, result) for x in roots)
        ):
            return self._trace(kinds, common, statics, PromotionKind.INT_TO_FLOAT)
        present = tuple(x for x in symbols.values() if x is not None)
        program = Program(present, roots, self.parameters, self.bound_gradient(statics, domain))
        results = tuple(kind_of(self.result_dtype(r, result), common.device) for r in roots)
        not_promoted = frozenset(
            i
            for i, x in enumerate(n for n, k in zip(self.operands, kinds) if k is not None)
            if x in self.not_promoted
        )
        return Specialization(
            self,
            program,
            kind_of(compute, common.device),
            tuple(k for k in kinds if k is not None),
            compute.numpy,
            results,
            not_promoted,
        )

    def check_dtype(self, dtype: Any) -> None:
        """Raises NotImplementedError for a dtype that the operation refuses."""
        sort = SORTS[dtype.category]
        if sort not in self.unsupported and not (
            sort == "float" and dtype.itemsize == 2 and "half" in self.unsupported
        ):
            return
        taken = [TITLES[sort] for sort in SORTS if sort not in self.unsupported]
        raise NotImplementedError(
            f"\"{self.said}_cpu\" not implemented for '{dtype.legacy}': {self.said}() takes "
            f"{' or '.join(taken)} tensors; convert with .to(dtype)"
        )

    def number(self, name: str, domain: Domain) -> Expression:
        """A parameter; one that is annotated so is complex where the operands are."""
        return parameter(
            name, domain if name in self.complex and domain == Domain.COMPLEX else Domain.REAL
        )

    def bound_gradient(self, statics: tuple, domain: Domain) -> Callable | None:
        if self.explicit is None:
            return None
        accepted = arguments(self.explicit)
        extra = {n: v for n, v in zip(self.statics, statics) if n in accepted}
        extra.update({n: self.number(n, domain) for n in self.parameters if n in accepted})
        rule = self.explicit
        return lambda *symbols: rule(*symbols, **extra)

    def result_dtype(self, root: Expression, result: Any) -> Any:
        if root.domain == Domain.BOOL and self.promotion is PromotionKind.ALWAYS_BOOL:
            return bool_
        if root.domain == Domain.INT and root.primitive.counts:
            return int64
        if root.domain == Domain.REAL and result.is_complex:
            return result.to_real()
        return result

    def promote(self, operands: tuple, statics: tuple) -> Specialization:
        """The specialisation for accepted operands; what it is, is worked out once for such as these."""
        key = statics, state.default, *map(promotes_as, operands)
        found = self.promoted.get(key)
        if found is None:
            common = self.common_kind(operands)
            compute, _ = elementwise_dtypes(self.promotion, common.dtype)
            kinds = tuple(
                None
                if x is None
                else kind_of(x.dtype if isinstance(x, Tensor) else compute, common.device)
                for x in operands
            )
            found = self.promoted[key] = self.specialize(kinds, common, statics)
            present = [kind for kind in kinds if kind is not None]
            usual = len(present) == (1 if self.rows else len(self.operands)) and not statics
            served = found.has_fast_path or (self.rows and found.is_uniform)
            if usual and served and all(kind is common for kind in present):
                self.same.setdefault(common, found)
        return found

    def forget(self) -> None:
        """Forget all specialisations."""
        for table in self.tables:
            table.clear()

    def common_kind(self, operands: Sequence[Any]) -> Kind:
        """The kind that the operands are computed in, by promotion; checks that devices agree."""
        tensors = [x for x in operands if isinstance(x, Tensor)]
        voters = [
            x
            for n, x in zip(self.operands, operands)
            if n not in self.not_promoted and x is not None
        ]
        if not any(isinstance(x, Tensor) for x in voters):
            dtype = result_dtype((), (), voters)
        else:
            dtype = result_dtype(
                [x.dtype for x in voters if isinstance(x, Tensor) and x._array.ndim],
                [x.dtype for x in voters if isinstance(x, Tensor) and not x._array.ndim],
                [x for x in voters if not isinstance(x, Tensor)],
            )
        return kind_of(dtype, common_device(tensors, self.name))

    def general(
        self,
        operands: tuple,
        statics: tuple = (),
        parameters: tuple = (),
        out: Tensor | None = None,
        inplace: bool = False,
    ) -> Any:
        """Any call: overriding classes, numbers, promotion, devices, out= and in-place."""
        if any(x.__class__ is not Tensor for x in operands):
            if any(x is not None and is_overridden(x) for x in operands):
                return self.overridden(operands, statics, parameters, out, inplace)
            operands = self.accepted(operands)
        if parameters and any(isinstance(value, Tensor) for value in parameters):
            parameters = self.plain_numbers(parameters)
        spec = self.promote(operands, statics)
        present = tuple([x for x in operands if x is not None])
        arrays = arrays_of(present, spec)
        broadcast([a.shape for a in arrays])
        if inplace:
            return write_into(present[0], self, spec, present, arrays, parameters)
        if (
            out is not None
            and spec.has_fast_path
            and write_fast(out, spec, present, arrays, parameters)
        ):
            return out
        result = apply(spec, present, arrays, parameters, None)
        return result if out is None else write_out(out, result, self.name)

    def write(self, operands: tuple, statics: tuple = (), numbers: tuple = ()) -> Tensor:
        """The in-place form; the first operand is the target."""
        present = (True,) * len(operands)
        if self.optional:
            present = tuple([x is not None for x in operands])
        return self.into[present](*operands, statics, numbers)

    def give(self, operands: tuple, statics: tuple, numbers: tuple, out: Any) -> Any:
        """The form with ``out=``."""
        if self.rows:
            return self.general(operands, statics, numbers, out)
        present = (True,) * len(operands)
        if self.optional:
            present = tuple([x is not None for x in operands])
        return self.out[present](*operands, statics, numbers, out)

    def accepted(self, operands: tuple) -> tuple:
        """The operands, each a tensor, a Python number or None.

        Raises:
            TypeError: One is nothing of these, or a number where only a tensor will do.
        """
        operands = tuple(self.accept(i, x) for i, x in enumerate(operands))
        if not self.all_numbers and not any(isinstance(x, Tensor) for x in operands):
            raise self.refusal(0, operands[0])
        return operands

    def accept(self, i: int, x: Any) -> Any:
        if (x is None and self.operands[i] in self.optional) or isinstance(x, Tensor):
            return x
        if self.operands[i] in self.numbers:
            if isinstance(x, np.generic):
                return x.item()
            if isinstance(x, (bool, int, float, complex)):
                return x
        raise self.refusal(i, x)

    def plain_numbers(self, parameters: tuple) -> tuple:
        """The parameters as numbers.

        Raises:
            TypeError: One is a tensor that wants a gradient, which it would not get.
        """
        found = []
        for name, value in zip(self.parameters, parameters):
            if isinstance(value, Tensor):
                if value._node is not None:
                    raise TypeError(
                        f"{self.name}(): the parameter '{self.public[name]}' is a number and gets no "
                        "gradient: make it an operand (an argument without a default), or detach() it"
                    )
                value = value.item()  # type: ignore[attr-defined]
            found.append(value)
        return tuple(found)

    def refusal(self, i: int, x: Any) -> TypeError:
        if x is ABSENT:
            return TypeError(
                f"{self.said}() missing 1 required positional argument: "
                f"'{self.public[self.operands[i]]}'"
            )
        if isinstance(x, Expression):
            return TypeError(
                f"{self.said}() takes tensors, and was given a symbol of a formula: use the function of "
                "that name in flambeau.formula.primitive"
            )
        return TypeError(
            f"{self.said}(): argument '{self.public[self.operands[i]]}' (position {i + 1}) must be "
            f"Tensor, not {class_name(x)}: wrap it with torch.tensor(...) first"
        )

    def overridden(
        self, operands: tuple, statics: tuple, parameters: tuple, out: Any, inplace: bool
    ) -> Any:
        keywords = dict(zip(self.statics, statics)) | dict(zip(self.parameters, parameters))
        keywords = {self.public[n]: v for n, v in keywords.items() if v != self.defaults[n]}
        if out is not None:
            keywords["out"] = out
        function = getattr(Tensor, self.name + "_") if inplace else self.function
        return override(function, operands, operands, keywords)


SORTS = ("bool", "int", "float", "complex")
TITLES = {"bool": "bool", "int": "integer", "float": "floating-point", "complex": "complex"}


class Operand:
    """Annotation of a formula's argument that is an array although it has a default."""
