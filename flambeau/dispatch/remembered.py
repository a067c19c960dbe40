"""Calls whose results only show or move elements, decided once for each layout and remembered.

What a view looks like, and where the elements of a rolled, padded or joined tensor come from, depends on shapes,
strides, dtypes and options. `remembers` looks these up before the function runs (`kernels/runtime/case_table.py`): from
the third call of a kind on, there is a *case*, a function of the tensors alone that makes the same result in one or two
steps of machine code. Cases are not written, they are learned of the function's own results: a view's from where
it lies in its operand's memory, a moved one's by running the function on tensors that hold the numbers of
their elements. So there is one definition of each function, and its checks run whenever a case is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import update_wrapper
from itertools import count
from math import prod
from types import FunctionType
from typing import Any

import numpy as np

from .. import kernels
from .._source import Source, listed
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
from .arguments import REQUIRED, written

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
    source.scope.update(
        find=_table[0].find if _table else _find_first, token=next(_tokens), study=study
    )
    _scopes.append(source.scope)


def remembers(moved: str, at: str = "") -> Callable[[Callable], Callable]:
    """Decorator: of a function that shows or moves elements of its argument `moved`, a tensor or a sequence of them.

    Several arguments may be named, each a tensor. Where the function picks elements, `at` names its index tensor; see
    `remembered_picks`.

    Its other arguments are options. Where one of them is a tensor, nothing is remembered::

        def roll(input, shifts, dims=default_dims):
            case = find(token, input, shifts, dims)
            if case is not None: return case(input)
            shifts = kept(shifts); dims = kept(dims)
            return study(lambda input: plain(input, shifts, dims), token, (input, shifts, dims), input)
    """

    def make(function: Any) -> Callable:
        code = function.__code__
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        spread = code.co_varnames[len(arguments)] if code.co_flags & 0x04 else ""
        source = Source(function.__name__, plain=function)
        lookup(source)
        head, passed, key = _signature(function, arguments, spread, source)
        if code.co_flags & 0x08:
            head.append("**named")
        if at:
            return _picks(function, source, head, passed, key, moved, at)
        names = moved.split()
        options = [name for name in key.split(", ") if name not in names]
        source.scope["kept"] = kept
        plural = moved == "tensors" or moved == spread
        given = f"*{moved}" if plural else ", ".join(names)
        again = passed
        if len(names) > 1:
            again = re.sub(r"\b(?:" + "|".join(names) + r")\b", _indexed(names), passed)
        with source.block(f"def {_name(function)}({', '.join(head)}):"):
            if code.co_flags & 0x08:
                source(f"if named: return plain({passed}, **named)")
            source(f"""
                case = find(token, {key})
                if case is not None: return case({given})
                {"; ".join(f"{name} = kept({name})" for name in options) or "pass"}
                return study(
                    lambda {names[0] if len(names) == 1 else "moved"}: plain({again}),
                    token, ({key},), {names[0] if len(names) == 1 else listed(names)},
                )
                """)
        made = source.function(_name(function))
        update_wrapper(made, function)
        return made

    return make


def kept(option: Any) -> Any:
    """An option as it is now: a case may be asked for long after the caller has changed a list."""
    if option.__class__ is list or option.__class__ is tuple:
        return option.__class__(map(kept, option))
    return option


def _picks(
    function: Any, source: Source, head: list[str], passed: str, key: str, moved: str, at: str
) -> Callable:
    """The function that looks for a case first, which may answer None.

    For ``gather(input, dim, index)``::

        def gather(input, dim, index):
            case = find(token, input, dim, index)
            if case is not None:
                made = case(input, index)
                if made is not None: return made
                return plain(input, dim, index)
            return pick(lambda input, index: plain(input, dim, index), token, (input, dim, index), input, index)
    """
    source.scope["pick"] = _study_pick
    with source.block(f"def {_name(function)}({', '.join(head)}):"):
        source(f"""
            case = find(token, {key})
            if case is not None:
                made = case({moved}, {at})
                if made is not None: return made
                return plain({passed})
            return pick(lambda {moved}, {at}: plain({passed}), token, ({key},), {moved}, {at})
            """)
    made = source.function(_name(function))
    update_wrapper(made, function)
    return made


def _study_pick(call: Callable[..., Any], token: int, args: tuple, x: Any, index: Any) -> Any:
    """The call itself; at the third of its kind its case is learned."""
    result = call(x, index)
    key = _table[0].key(token, *args) if _table else None
    if key is not None and _count(key) == LEARNED_AT and not (state.modes or mode.levels):
        _seen[key] = _NEVER
        if _are_options(args, (x, index)):
            from .remembered_picks import picked  # when something is picked a third time

            case = picked(call, x, index, result)
            if case is not None:
                options = (arg for arg in args if not isinstance(arg, Tensor))
                _table[0].keep(key, case, *options, x._kind, index._kind)
                del _seen[key]
    return result


def _indexed(names: Sequence[str]) -> Callable[[re.Match[str]], str]:
    return lambda found: f"moved[{names.index(found[0])}]"


def _name(function: Any) -> str:
    return function.__name__ if function.__name__.isidentifier() else "function"


def _signature(
    function: FunctionType, names: Sequence[str], spread: str, source: Source
) -> tuple[list[str], str, str]:
    """A function's arguments as they are declared, as they are passed on, and as a key."""
    code = function.__code__
    found = dict.fromkeys(names, REQUIRED)
    defaults = function.__defaults__ or ()
    found.update(zip(names[code.co_argcount - len(defaults) : code.co_argcount], defaults))
    found.update(function.__kwdefaults__ or {})
    declared = written(found, source)
    head, only = declared[: code.co_argcount], declared[code.co_argcount :]
    if spread or only:
        head.append(f"*{spread}")
    passed = [*names[: code.co_argcount], *([f"*{spread}"] if spread else [])]
    passed += [f"{n}={n}" for n in names[code.co_argcount :]]
    key = [*names[: code.co_argcount], *([spread] if spread else []), *names[code.co_argcount :]]
    return [*head, *only], ", ".join(passed), ", ".join(key)


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
