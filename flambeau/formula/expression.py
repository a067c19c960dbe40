"""Expressions: what a formula becomes when it is called with symbols.

An expression is a hash-consed DAG: building the same node twice gives the same object, so common
subexpressions cost nothing and identity is equality. A node is *full* (one value an element) or
*reduced* (one value a row); a reduced one broadcasts over its row when it meets a full one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary


class Domain(enum.IntEnum):
    """What kind of number a node holds; the widest of its arguments' unless its primitive says."""

    BOOL = 0
    INT = 1
    REAL = 2
    COMPLEX = 3


class Primitive:
    """A function that expressions are made of. What anybody needs to know of one stands here.

    value: the array function that computes it (a NumPy name such as ``"add"``, or a function of
        `numeric`), or None where `expansion` writes it in other primitives.
    expansion: from the arguments to an expression of other primitives.
    domain: from the arguments' domains to the result's.
    derivative: ``(g, out, *args)`` to what each argument receives (None: nothing flows there).
    joins, start: of one that reduces a row to one value, the primitive of two arguments that joins
        its elements, and its value where there are none. The array function takes ``axis`` and ``keepdims``.
    rowwise: its expansion looks at whole rows.
    reduced: its expansion gives one value a row.
    counts: integers and bools are joined as int64.
    bools: it has a meaning for bools, which are no numbers to it.
    quiet: never raises a floating-point flag.
    writes: the array function takes ``out``.
    costly: takes longer than reading its value from memory.
    many_steps: its expansion rounds so often that float32 is better computed in float64.
    infix: the operator that stands for it in text.
    rules: what simplifies an expression of it while that is built (`simplification`).
    lowering: how a compiler writes it, set by the compiler; None where it cannot.
    """

    __slots__ = (
        *("bools", "costly", "counts", "derivative", "domain", "expansion", "infix", "joins"),
        *("lowering", "many_steps", "name", "quiet", "reduced", "rowwise", "rules", "start"),
        *("value", "writes"),
    )

    def __init__(
        self,
        name: str,
        value: str | Callable | None,
        domain: Callable[..., Domain],
        *,
        derivative: Callable | None = None,
        expansion: Callable | None = None,
        joins: Primitive | None = None,
        start: float = 0,
        counts: bool = False,
        bools: bool = False,
        quiet: bool = False,
        writes: bool = True,
        costly: bool = False,
        many_steps: bool = False,
        infix: str = "",
        rowwise: bool = False,
        reduced: bool = False,
    ):
        self.name, self.value, self.domain = name, value, domain
        self.derivative, self.expansion = derivative, expansion
        self.joins, self.start, self.counts = joins, start, counts
        self.bools, self.quiet, self.writes = bools, quiet, writes
        self.costly, self.many_steps, self.infix = costly, many_steps, infix
        self.rowwise, self.reduced = rowwise or reduced, reduced
        self.rules: list[Callable] = []
        self.lowering: Any = None

    @property
    def reduces(self) -> bool:
        """Does it give one value a row?"""
        return self.joins is not None or self.reduced

    def __call__(self, *args: object) -> Expression:
        nodes = tuple(lift(arg) for arg in args)
        for rule in self.rules:
            simpler = rule(*nodes)
            if simpler is not None:
                return lift(simpler)
        return node(self, nodes)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


class Expression:
    """A node of a formula. Python's operators on it build larger ones."""

    __slots__ = ("__weakref__", "args", "domain", "full", "primitive", "value")

    primitive: Primitive
    args: tuple[Expression, ...]
    value: object
    full: bool
    domain: Domain

    if TYPE_CHECKING:  # primitive.py gives these their meaning

        def __add__(self, other: object) -> Expression: ...
        def __radd__(self, other: object) -> Expression: ...
        def __sub__(self, other: object) -> Expression: ...
        def __rsub__(self, other: object) -> Expression: ...
        def __mul__(self, other: object) -> Expression: ...
        def __rmul__(self, other: object) -> Expression: ...
        def __truediv__(self, other: object) -> Expression: ...
        def __rtruediv__(self, other: object) -> Expression: ...
        def __floordiv__(self, other: object) -> Expression: ...
        def __rfloordiv__(self, other: object) -> Expression: ...
        def __mod__(self, other: object) -> Expression: ...
        def __rmod__(self, other: object) -> Expression: ...
        def __pow__(self, other: object) -> Expression: ...
        def __rpow__(self, other: object) -> Expression: ...
        def __and__(self, other: object) -> Expression: ...
        def __rand__(self, other: object) -> Expression: ...
        def __or__(self, other: object) -> Expression: ...
        def __ror__(self, other: object) -> Expression: ...
        def __xor__(self, other: object) -> Expression: ...
        def __rxor__(self, other: object) -> Expression: ...
        def __lshift__(self, other: object) -> Expression: ...
        def __rlshift__(self, other: object) -> Expression: ...
        def __rshift__(self, other: object) -> Expression: ...
        def __rrshift__(self, other: object) -> Expression: ...
        def __lt__(self, other: object) -> Expression: ...
        def __le__(self, other: object) -> Expression: ...
        def __gt__(self, other: object) -> Expression: ...
        def __ge__(self, other: object) -> Expression: ...
        def __neg__(self) -> Expression: ...
        def __abs__(self) -> Expression: ...

    def __bool__(self) -> bool:
        raise TypeError(
            "a formula's values are not known while it is traced: "
            "write where(condition, a, b) instead of if/and/or"
        )

    def __iter__(self) -> Iterator:
        raise TypeError("a formula's argument is one symbol, not a sequence")

    def __getitem__(self, key: object) -> Expression:
        raise TypeError(
            "a formula's symbol is one element: index the tensor before it is passed, or write "
            "where(equal(position(), i), x, 0) in a formula of rows"
        )

    def __float__(self) -> float:
        raise TypeError(
            "a formula's values are not known while it is traced: use the functions of "
            "flambeau.formula.primitive (exp, log, ...) and not those of math"
        )

    __int__ = __index__ = __complex__ = __float__

    def __array_ufunc__(self, ufunc: object, *_: object, **__: object) -> Expression:
        name = getattr(ufunc, "__name__", "this")
        raise TypeError(
            f"NumPy's {name} was given a formula's symbol: use the function of that name in "
            "flambeau.formula.primitive"
        )

    def __getattr__(self, name: str) -> Expression:
        raise AttributeError(
            f"a formula's symbol has no {name!r}: write {name}(x), with {name} from "
            "flambeau.formula.primitive"
        )

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return text(self)


_table: WeakValueDictionary = WeakValueDictionary()


def _wide(*domains: Domain) -> Domain:
    return max(domains)


CONSTANT = Primitive("constant", None, _wide)
INPUT = Primitive("input", None, _wide)  # value: (name, full, domain)
PARAMETER = Primitive("parameter", None, _wide)  # value: name; a number known only at the call
LENGTH = Primitive("length", None, _wide)  # how many elements a row has
POSITION = Primitive("position", None, _wide)  # an element's index in its row
LEAVES = frozenset((CONSTANT, INPUT, PARAMETER, LENGTH, POSITION))


def _intern(
    primitive: Primitive, args: tuple[Expression, ...], value: object, full: bool, domain: Domain
) -> Expression:
    key = (primitive.name, domain, type(value), repr(value), *map(id, args))
    found = _table.get(key)
    if found is None:
        found = object.__new__(Expression)
        found.primitive, found.args, found.value = primitive, args, value
        found.full, found.domain = full, domain
        _table[key] = found
    return found


def node(primitive: Primitive, args: tuple[Expression, ...]) -> Expression:
    """The node that applies `primitive` to `args`, as it is: no rule is tried."""
    full = not primitive.reduces and any(arg.full for arg in args)
    return _intern(primitive, args, None, full, primitive.domain(*(arg.domain for arg in args)))


def constant(value: bool | int | float | complex) -> Expression:
    domain = (
        Domain.BOOL
        if isinstance(value, bool)
        else Domain.INT
        if isinstance(value, int)
        else Domain.REAL
        if isinstance(value, float)
        else Domain.COMPLEX
    )
    return _intern(CONSTANT, (), value, False, domain)


def symbol(name: str, domain: Domain = Domain.REAL, full: bool = True) -> Expression:
    """An input array."""
    return _intern(INPUT, (), (name, full, int(domain)), full, domain)


def parameter(name: str, domain: Domain = Domain.REAL) -> Expression:
    """A number that is passed at each call; changing it needs no new trace."""
    return _intern(PARAMETER, (), name, False, domain)


def length() -> Expression:
    """The number of elements of a row."""
    return _intern(LENGTH, (), None, False, Domain.INT)


def position() -> Expression:
    """Each element's index within its row."""
    return _intern(POSITION, (), None, True, Domain.INT)


def lift(value: object) -> Expression:
    """An expression as it is, a Python number as a constant."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, (bool, int, float, complex)):
        return constant(value)
    raise TypeError(f"a formula is made of symbols and Python numbers, not {type(value).__name__}")


def is_constant(x: Expression, value: object = None) -> bool:
    return x.primitive is CONSTANT and (value is None or x.value == value)


def order(
    roots: Iterable[Expression],
    args_of: Callable[[Expression], Sequence[Expression]] = attrgetter("args"),
) -> list[Expression]:
    """Every node below `roots`, arguments before their users; no recursion.

    args_of: The nodes directly below a node.
    """
    seen: set[Expression] = set()
    result: list[Expression] = []
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        item, ready = stack.pop()
        if ready:
            result.append(item)
        elif item not in seen:
            seen.add(item)
            stack.append((item, True))
            stack.extend((arg, False) for arg in reversed(args_of(item)))
    return result


def rebuild(
    roots: Iterable[Expression],
    replace: Callable[[Expression, tuple], Expression | None],
) -> list[Expression]:
    """`roots` with nodes exchanged: `replace(node, new_args)` gives the new node, or None to keep it."""
    roots = list(roots)
    new: dict[Expression, Expression] = {}
    for item in order(roots):
        args = tuple(new[arg] for arg in item.args)
        better = replace(item, args)
        if better is None:
            better = item if _same(args, item.args) else item.primitive(*args)
        new[item] = better
    return [new[root] for root in roots]


def substitute(
    roots: Iterable[Expression], mapping: dict[Expression, Expression]
) -> list[Expression]:
    """`roots` with the nodes in `mapping` exchanged; nothing below an exchanged node is walked."""
    roots = list(roots)
    new = dict(mapping)
    stack = list(reversed(roots))
    while stack:
        item = stack[-1]
        if item in new:
            stack.pop()
            continue
        waiting = [arg for arg in item.args if arg not in new]
        if waiting:
            stack.extend(waiting)
            continue
        args = tuple(new[arg] for arg in item.args)
        new[item] = item if _same(args, item.args) else item.primitive(*args)
        stack.pop()
    return [new[root] for root in roots]


def _same(a: tuple, b: tuple) -> bool:
    return all(x is y for x, y in zip(a, b))


def passes(roots: Iterable[Expression]) -> int:
    """How often a fused loop must walk a row: once for each reduction that waits for another, and
    once more for a full result."""
    roots = list(roots)
    depth: dict[Expression, int] = {}
    for item in order(roots):
        depth[item] = max((depth[arg] for arg in item.args), default=0) + item.primitive.reduces
    return max((depth[root] + root.full for root in roots), default=0)


def text(root: Expression) -> str:
    """The expression as one line of Python-like text (for reading and for cache keys)."""
    names: dict[Expression, str] = {}
    for item in order([root]):
        if item.primitive is INPUT:
            names[item] = item.value[0]  # type: ignore[index]
        elif item.primitive in LEAVES:
            names[item] = (
                repr(item.value)
                if item.primitive is CONSTANT
                else str(item.value or item.primitive.name)
            )
        else:
            names[item] = f"{item.primitive.name}({', '.join(names[arg] for arg in item.args)})"
    return names[root]
