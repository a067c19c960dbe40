"""Calls whose results only show or move elements, decided once for each layout and remembered.

What a view looks like, and where the elements of a rolled, padded or joined tensor come from, depends on shapes,
strides, dtypes and options. `remembers` looks these up before the function runs (`kernels/runtime/case_table.py`): from
the third call of a kind on, there is a *case*, a function of the tensors alone that makes the same result in one or two
steps of machine code. Cases are not written, they are learned of the function's own results: a view's from where
it lies in its operand's memory, a moved one's by running the function on tensors that hold the numbers of
their elements. So there is one definition of each function, and its checks run whenever a case is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import count
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from .. import kernels
from .._source import Source
from ..autograd.mode import mode
from ..core.dtype import dtype
from ..core.handler import state
from ..core.size import Size
from ..core.tensor import Tensor
from .remembered_forms import FORMS

LEARNED_AT = 3
"""The call of a kind at which its case is learned: what is done once or twice is not worth the trouble."""
_NEVER = 1 << 60
_SEEN = 1 << 12
_tokens = count()
_scopes: list[dict[str, Any]] = []
_seen: dict[bytes, int] = {}
_table: list[Any] = []


def _find_first(*args: Any) -> Any:
    """Stands for the table's `find` until kernels are there."""
    if kernels.known_enabled():
        if not _table:
            from ..kernels.runtime.case_table import CaseTable

            _table.append(CaseTable(Tensor, "_array", "_kind", Size, (dtype,)))
        for scope in _scopes:
            scope["find"] = _table[0].find
    return None


class Finding:
    """``find`` as an attribute, for what is no written function.

    Attributes:
        token: The first word of its keys.
    """

    __slots__ = ("__dict__", "token")

    find: Callable[..., Any]

    def __init__(self) -> None:
        self.token = next(_tokens)
        self.__dict__["find"] = _table[0].find if _table else _find_first
        _scopes.append(self.__dict__)

    def keep(self, case: Any, *args: Any) -> None:
        """Let ``find(token, *args)`` give the case, if this is the third time that it is given for these."""
        key = _table[0].key(self.token, *args) if _table else None
        if key is not None and _count(key) == LEARNED_AT and _are_options(args, None):
            _table[0].keep(key, case, *args)

    def learn(self, make: Callable[[], Any], moved: Tensor, *options: Any) -> None:
        """Let ``find(token, moved, *options)`` give what `make` gives, if this is the third call for such a tensor."""
        if not _table or state.modes or mode.watchers or mode.levels:
            return
        key = _table[0].key(self.token, moved, *options)
        if key is not None and _count(key) == LEARNED_AT and _are_options(options, None):
            _table[0].keep(key, make(), kept(options), moved._kind)


def lookup(source: Source) -> None:
    """Give a written function ``find``, its own ``token``, and ``study``."""
    _lookup(source.scope)


def _lookup(scope: dict[str, Any]) -> None:
    scope.update(find=_table[0].find if _table else _find_first, token=next(_tokens), study=study)
    _scopes.append(scope)


def remembers(moved: str, at: str = "") -> Callable[[Callable], Callable]:
    """Decorator: of a function that shows or moves elements of its argument `moved`, a tensor or a sequence of them.

    Several arguments may be named, each a tensor. Where the function picks elements, `at` names its index tensor; see
    `remembered_picks`.

    Its other arguments are options. Where one of them is a tensor, nothing is remembered. See `_written`.
    """

    def make(function: Any) -> Callable:
        code = function.__code__
        count, only = code.co_argcount, code.co_kwonlyargcount
        names = code.co_varnames
        spread, named = bool(code.co_flags & _SPREAD), bool(code.co_flags & _NAMED)
        places = tuple(names.index(name) for name in moved.split())
        plural = moved == "tensors" or (spread and places[0] == count + only)
        index = names.index(at) if at else None
        form = count, only, spread, named, places, plural, index
        scope = {"plain": function, "kept": kept, "pick": _study_pick}
        _lookup(scope)
        generic = [f"a{i}" for i in range(count + only)] + ["spread"] * spread + ["named"] * named
        renamed = _renamed(_code(form), dict(zip(generic, names)), function.__name__)
        made = FunctionType(renamed, scope, function.__name__, function.__defaults__)
        made.__kwdefaults__, made.__annotations__ = (
            function.__kwdefaults__,
            function.__annotations__,
        )
        made.__doc__, made.__module__ = function.__doc__, function.__module__
        made.__wrapped__ = function  # type: ignore[attr-defined]
        made.__dict__.update(function.__dict__)
        return made

    return make


_SPREAD, _NAMED = 0x04, 0x08  # code flags of *args and **kwargs


def _written(
    count: int, only: int, spread: bool, named: bool, places: tuple[int, ...], plural: bool, index: int | None
) -> str:  # fmt: skip
    """The function that looks for a case first, for arguments of any names.

    For ``roll(input, shifts, dims)``::

        def written(a0, a1, a2):
            case = find(token, a0, a1, a2)
            if case is not None: return case(a0)
            a1 = kept(a1); a2 = kept(a2)
            return study(lambda a0: plain(a0, a1, a2), token, (a0, a1, a2), a0)

    and for ``take(input, index)``, whose case may answer None::

        def written(a0, a1):
            case = find(token, a0, a1)
            if case is not None:
                made = case(a0, a1)
                return plain(a0, a1) if made is None else made
            return pick(lambda a0, a1: plain(a0, a1), token, (a0, a1), a0, a1)
    """
    first, last = [f"a{i}" for i in range(count)], [f"a{i}" for i in range(count, count + only)]
    rest = ["spread"] * spread
    head = [*first, *(["*spread"] if spread else ["*"] * bool(only)), *last, *["**named"] * named]
    passed = ", ".join([*first, *["*spread"] * spread, *(f"{n}={n}" for n in last)])
    key = ", ".join([*first, *rest, *last])
    moved = [(*first, *last, *rest)[place] for place in places]
    lines = [f"def written({', '.join(head)}):"]
    if named:
        lines.append(f"    if named: return plain({passed}, **named)")
    lines.append(f"    case = find(token, {key})")
    if index is not None:
        both = f"{moved[0]}, a{index}"
        lines += [
            "    if case is not None:",
            f"        made = case({both})",
            f"        return plain({passed}) if made is None else made",
            f"    return pick(lambda {both}: plain({passed}), token, ({key},), {both})",
        ]
        return "\n".join(lines) + "\n"
    lines.append(f"    if case is not None: return case({'*' * plural}{', '.join(moved)})")
    options = [n for n in (*first, *rest, *last) if n not in moved]
    if options:
        lines += [f"    {n} = kept({n})" for n in options]
    again, given = passed, moved[0]
    if len(moved) > 1:
        again = ", ".join(f"moved[{moved.index(n)}]" if n in moved else n for n in first)
        again, given = ", ".join([again, *(f"{n}={n}" for n in last)]), f"({', '.join(moved)})"
    name = moved[0] if len(moved) == 1 else "moved"
    lines.append(f"    return study(lambda {name}: plain({again}), token, ({key},), {given})")
    return "\n".join(lines) + "\n"


@lru_cache(64)
def _code(form: tuple) -> CodeType:
    """The code of a form. Functions of one form share it, and some are there already: importing has no time to compile."""
    known = FORMS.get(form)
    if known is not None:
        return known.__code__  # type: ignore[no-any-return]
    source = Source("case of a call")
    source(_written(*form))
    return source.function("written").__code__


def _renamed(code: CodeType, names: dict[str, str], title: str = "") -> CodeType:
    """The code with other names of variables."""

    def other(given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple([names.get(name, name) for name in given])

    constants: list[Any] = []
    for x in code.co_consts:
        if isinstance(x, CodeType):
            x = _renamed(x, names)
        elif isinstance(x, tuple) and names.keys() >= set(x):  # names of arguments in a call
            x = other(x)
        elif x.__class__ is str:
            x = names.get(x, x)
        constants.append(x)
    return code.replace(
        co_varnames=other(code.co_varnames), co_cellvars=other(code.co_cellvars), co_freevars=other(code.co_freevars),
        co_consts=tuple(constants), co_name=title or code.co_name, co_qualname=title or code.co_qualname,
    )  # fmt: skip


def kept(option: Any) -> Any:
    """An option as it is now: a case may be asked for long after the caller has changed a list."""
    if option.__class__ is list or option.__class__ is tuple:
        return option.__class__(map(kept, option))
    return option


def _study_pick(call: Callable[..., Any], token: int, args: tuple, x: Any, index: Any) -> Any:
    """The call itself; at the third of its kind its case is learned."""
    result = call(x, index)
    if _are_options(args, (x, index)):
        study_pick(call, token, args, x, (index,), result, lambda pick: pick)
    return result


def study_pick(
    call: Callable[..., Any], token: int, args: tuple, x: Any, indices: tuple, result: Any,
    case_of: Callable[[Callable], Callable],
) -> None:  # fmt: skip
    """Learn the case of a call that gave a result, if it is the third of its kind.

    Args:
        call: The function of the tensor and its index tensors.
        token, args: What the call is found by.
        case_of: Makes what is kept of a function of the same.
    """
    key = _table[0].key(token, *args) if _table else None
    if key is None or _count(key) != LEARNED_AT or state.modes or mode.levels:
        return
    _seen[key] = _NEVER
    from .remembered_picks import picked  # when something is picked a third time

    pick = picked(call, x, indices, result) or _unlearned
    options = (arg for arg in args if not isinstance(arg, (Tensor, tuple)))
    kinds = (index._kind for index in indices)
    _table[0].keep(key, case_of(pick), *options, x._kind, *kinds)
    del _seen[key]


def _unlearned(x: Any, *indices: Any) -> None:
    """The case of picks that are not learned: the function runs, without being asked about again."""


def study(
    call: Callable[[Any], Any], token: int, args: tuple, moved: Any, note: Callable | None = None
) -> Any:
    """The call itself; at the third of its kind its case is learned.

    Args:
        call: The function of what is moved.
        token: Of the function.
        args: All that it is called with.
        moved: A tensor, or a sequence of them.
        note: Gives a view (its second argument) of a tensor (the first) its history; where there is none, the call
            makes views of tensors with a history.
    """
    result = call(moved)
    if not _table:
        return result
    table = _table[0]
    key = table.key(token, *args)
    if key is None:
        return result
    number = _count(key)
    if number == LEARNED_AT and not (state.modes or mode.watchers or mode.levels):
        _seen[key] = _NEVER
        operands = (moved,) if isinstance(moved, Tensor) else tuple(moved)
        if _are_options(args, moved) and all(isinstance(x, Tensor) for x in operands):
            from .remembered_moves import learned  # when something is moved a third time

            single = isinstance(moved, Tensor)
            case = learned(call, operands, single, result, note) or _straight(call, single)
            if all(isinstance(x, Tensor) for x in operands):
                table.keep(key, case, *args[1:], *(x._kind for x in operands))
                del _seen[key]
    return result


def _straight(call: Callable[[Any], Any], single: bool) -> Callable[..., Any]:
    """The call itself as a case, where none is learned: it is found without further questions."""
    return call if single else lambda *moved: call(moved)


def _count(key: bytes) -> int:
    """How often a key was seen, this time included."""
    number = _seen.get(key, 0) + 1
    if len(_seen) >= _SEEN:
        _seen.clear()
    _seen[key] = number
    return number


def keep(token: int, args: tuple, case: Any) -> Any:
    """Let `find` give this case for calls like this one, if it is not the first of its kind; gives it back."""
    key = _table[0].key(token, *args) if _table else None
    if key is not None and _count(key) == 2:
        alive = [x._kind if isinstance(x, Tensor) else x for x in args]
        _table[0].keep(key, case, *alive)
        del _seen[key]
    return case


def _are_options(args: tuple, moved: Any) -> bool:
    """Is nothing a tensor but what is moved?"""
    return not any(
        isinstance(x, (Tensor, np.ndarray))
        for arg in args
        if arg is not moved and not (moved.__class__ is tuple and any(arg is x for x in moved))
        for x in (arg if isinstance(arg, (tuple, list)) else (arg,))
    )


__all__ = ["Finding", "keep", "lookup", "remembers", "study"]
