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
from functools import lru_cache, update_wrapper
from itertools import count
from math import prod
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from .. import kernels
from .._source import Source
from ..autograd.mode import mode, no_grad
from ..autograd.node import next_sequence
from ..autograd.record import tell_watchers
from ..core import tensor as handle
from ..core.device import CPU
from ..core.dtype import dtype, float64
from ..core.handler import state
from ..core.kind import kind_of
from ..core.memory import address
from ..core.size import Size
from ..core.tensor import Tensor
from .remembered_forms import FORMS

LEARNED_AT = 3
"""The call of a kind at which its case is learned: what is done once or twice is not worth the trouble."""
_NEVER = 1 << 60
_SEEN = 1 << 12
_MOST = 1 << 11
"""Elements of what is moved at most."""
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
        made.__kwdefaults__ = function.__kwdefaults__
        update_wrapper(made, function)
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

    pick = picked(call, x, indices, result)
    if pick is not None:
        options = (arg for arg in args if not isinstance(arg, (Tensor, tuple)))
        kinds = (index._kind for index in indices)
        _table[0].keep(key, case_of(pick), *options, x._kind, *kinds)
        del _seen[key]


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
        if _are_options(args, moved):
            case = _case(call, operands, isinstance(moved, Tensor), result, note)
            if case is not None:
                table.keep(key, case, *args[1:], *(x._kind for x in operands))
                del _seen[key]
    return result


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


def _case(
    call: Callable[[Any], Any], operands: tuple, single: bool, result: Any, note: Callable | None
) -> Callable[..., Any] | None:
    if not operands or not all(x.__class__ is not None and isinstance(x, Tensor) for x in operands):
        return None
    x = operands[0]
    if isinstance(result, (tuple, list)):
        if result.__class__ not in (tuple, list):
            return None
        return _several(call, operands, single, result)
    if result is x and single:
        return _itself
    if result.__class__ is not Tensor or any(result is y for y in operands):
        return None
    if result._cell is x._cell:
        return _view(call, x, result, note) if single else None
    return _move(call, operands, single, result)


# ---------------------------------------------------------------------------------------- views


def _itself(x: Any) -> Any:
    return x


def _view(
    call: Callable[[Any], Any], x: Tensor, result: Any, note: Callable | None = None
) -> Callable | None:
    """A view of the same memory; of a tensor with a history the function itself makes it, or `note` its history."""
    if result.__class__ is not Tensor or result is x or result._cell is not x._cell:
        return None
    array, own = result._array, x._array
    if (
        array.__class__ is not np.ndarray or not array.size or handle.views is None
        or array.itemsize > own.itemsize  # which may begin between two elements
        or array.flags.writeable is not own.flags.writeable
    ):  # fmt: skip
        return None
    facts = array.shape, array.strides, address(array) - address(own)
    other = () if result._kind is x._kind else (result._kind, array.dtype)
    if note is None:
        made: Callable = handle.views.view(*facts, call, *other)
        return made
    bare = handle.views.view(*facts, None, *other)

    def show(x: Any) -> Any:
        made = bare(x)
        if mode.recording:
            note(x, made)
        return made

    noted: Callable = handle.views.view(*facts, show, *other)
    return noted


def _several(
    call: Callable[[Any], Any], operands: tuple, single: bool, results: Any
) -> Callable | None:
    """Views, each of one of the operands, or that operand itself."""
    views = []
    for part in results:
        of = next((i for i, x in enumerate(operands) if getattr(part, "_cell", x) is x._cell), None)
        if of is None:
            return None
        view = _itself if part is operands[of] else _view(call, operands[of], part)
        if view is None:
            return None
        views.append((of, view))
    cls = results.__class__

    def show(*tensors: Any) -> Any:
        for x in tensors:
            if x._node is not None:
                return call(x if single else tensors)
        found = [view(tensors[of]) for of, view in views]
        return found if cls is list else tuple(found)

    return show


# -------------------------------------------------------------------------------- moved elements


def _move(
    call: Callable[[Any], Any], operands: tuple, single: bool, result: Tensor
) -> Callable | None:
    """A new tensor of elements of the operands, and one other value at most."""
    kind, array = result._kind, result._array
    arrays = [x._array for x in operands]
    if (
        kind.device is not CPU or any(x._kind is not kind for x in operands)
        or not 0 < array.size <= _MOST or not array.flags.c_contiguous
        or any(not 0 < a.size <= _MOST or min(a.strides, default=0) < 0 for a in arrays)
    ):  # fmt: skip
        return None
    found = _places(call, arrays, single, array)
    if found is None:
        return None
    from ..kernels.array.placement import placing

    run = placing(array.shape, array.dtype, *found, len(arrays))
    if run is None or run(*arrays).tobytes() != array.tobytes():
        return None
    recipes: dict[tuple[bool, ...], tuple] = {}
    _note_recipe(recipes, operands, result)
    return (_move_one if single else _move_many)(call, run, kind, recipes)


def _places(
    call: Callable[[Any], Any], arrays: list, single: bool, result: Any
) -> tuple[Any, bytes] | None:
    """Where each element comes from, and the bytes of those that come from nowhere."""
    kind = kind_of(float64, CPU)
    answers = []
    for scale, shift in ((1, 0.25), (-3, 0.5)):
        probes = [_numbered(a, i, scale, shift) for i, a in enumerate(arrays)]
        if None in [p if p is None else True for p in probes]:
            return None
        tensors = [handle.make(p, kind, None, [0], None) for p in probes]
        try:
            with no_grad():
                answer = call(tensors[0] if single else tensors)._array
        except Exception:
            return None  # it is not for every dtype
        if answer.shape != result.shape or answer.dtype != np.float64:
            return None
        answers.append(answer.reshape(-1))
    numbers = answers[0] - 0.25
    moved = (numbers == np.floor(numbers)) & (answers[1] == -3 * numbers + 0.5)
    if not np.array_equal(answers[0][~moved], answers[1][~moved], equal_nan=True):
        return None
    numbers = np.where(moved, numbers, 0).astype(np.int64)
    sources, elements = numbers >> _NUMBER_BITS, numbers & (1 << _NUMBER_BITS) - 1
    offsets = np.zeros_like(elements)
    for i, a in enumerate(arrays):
        own = sources == i
        indices = np.unravel_index(np.where(own, elements, 0), a.shape) if a.ndim else ()
        reach = sum(n * step for n, step in zip(indices, a.strides))
        offsets = np.where(own, reach, offsets)
    rest = np.unique(np.frombuffer(result.tobytes(), f"V{result.itemsize}")[~moved])
    if len(rest) > 1:
        return None
    from ..kernels.array.placement import places

    return places(np.where(moved, sources, -1), offsets), rest[0].tobytes() if len(rest) else b""


_NUMBER_BITS = 20


def _numbered(array: Any, operand: int, scale: int, shift: float) -> Any:
    """An array of the same layout, of float64, that holds its elements' numbers; None where there is none."""
    if any(step % array.itemsize for step in array.strides):
        return None
    steps = [step // array.itemsize * 8 for step in array.strides]
    room = np.zeros(1 + sum((n - 1) * step for n, step in zip(array.shape, steps)) // 8)
    made = np.ndarray(array.shape, np.float64, room, 0, tuple(steps))
    numbers = np.arange(prod(array.shape), dtype=np.float64) + (operand << _NUMBER_BITS)
    made[...] = (numbers * scale + shift).reshape(array.shape)
    return made


def _move_one(call: Callable, run: Callable, kind: Any, recipes: dict) -> Callable:
    def move(x: Any) -> Any:
        node = x._node
        if node is not None and mode.recording:
            return _recorded(call, run, kind, recipes, (x,), x)
        return handle.make(run(x._array), kind, None, [0], None)

    return move


def _move_many(call: Callable, run: Callable, kind: Any, recipes: dict) -> Callable:
    def move(*tensors: Any) -> Any:
        if mode.recording:
            for x in tensors:
                if x._node is not None:
                    return _recorded(call, run, kind, recipes, tensors, list(tensors))
        return handle.make(run(*[x._array for x in tensors]), kind, None, [0], None)

    return move


def _recorded(
    call: Callable, run: Callable, kind: Any, recipes: dict, operands: tuple, moved: Any
) -> Any:
    """The result with its history: a node like the function's own, if that saves no values."""
    nodes = tuple([x._node for x in operands])
    recipe = recipes.get(tuple([node is not None for node in nodes]))
    if recipe is None:
        result = call(moved)
        _note_recipe(recipes, operands, result)
        return result
    make, options = recipe
    if make is None:
        return call(moved)
    array = run(*[x._array for x in operands])
    result = handle.make(array, kind, None, [0], None)
    node = result._node = make(
        nodes, (), (), (), next_sequence(), array.shape, kind, None, None, _NONE, options, []
    )
    if mode.watchers:
        tell_watchers(node, (result,))
    return result


_NONE = range(0)


def _note_recipe(recipes: dict, operands: tuple, result: Tensor) -> None:
    """How the history of a result is made anew; there is no way where its node saved values, or is of several."""
    node, nodes = result._node, tuple([x._node for x in operands])
    if node is None:
        return
    anew = getattr(node, "anew", None)
    found = None if anew is None or tuple(node.edges) != nodes else anew()
    recipes[tuple([n is not None for n in nodes])] = found or (None, None)


__all__ = ["Finding", "keep", "lookup", "remembers", "study"]
