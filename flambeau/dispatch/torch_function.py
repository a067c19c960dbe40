"""``__torch_function__``: classes that handle torch's functions themselves.

Note: guards. A function that may be overridden has a guard, which asks modes and operands before it
runs. Asking at every call would cost small calls a tenth of their time, and almost no program has
such operands. So guards are off until there is something to ask: a tensor of a subclass, a
`TorchFunctionMode`, another object whose class defines ``__torch_function__``, or the import of
`overrides`. Then `guards.enable` turns all of them on, for good.

Tensors of subclasses and modes are noticed when they are made. Of other objects nothing is known
before a function meets one: formulas notice it where their fast path fails, and every other
public function asks during its first calls (`Guard.first_calls`).

Note: exchanged code. A guard is put into its function: ``function.__code__`` is exchanged for a code
that asks, and exchanged back. The function object stays the same, so ``func is torch.add`` holds wherever
`torch.add` was imported to, and a function without a guard costs what it cost. Anything around
functions would cost every call something: at 16 elements, in ns, on CPython 3.11,

    |                          | x + y | x[0] | sum | relu | softmax | zeros |
    | the call as it is        |   420 |  340 | 520 |  395 |     640 |   580 |
    | wrapper of *args         |  +160 | +177 |+155 | +167 |    +168 |  +112 |
    | wrapper of its signature |   +28 |  +31 | +55 |  +31 |     +42 | +2400 |
    | a builtin that calls it  |   +41 |  +50 | +33 |  +51 |     +56 |   +32 |
    | an `if` in its source    |    +7 |   +6 |  +3 |  +15 |     +16 |    +3 |

where the last would be a line in each of a thousand functions. Exchanging uses attributes that Python documents
as writable: ``__code__``, by a code of as many free variables, ``__kwdefaults__`` and ``__wrapped__``.
`_is_exchangeable` tries it before the first function is published. Where it does not work, or an audit hook
forbids it, functions are published inside of a wrapper, at the price above.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache, update_wrapper
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any

from .._caller import warn
from ..core.handler import (
    DISPATCHED,
    INTRINSIC,
    PLAIN,
    DisableTorchFunctionSubclass,
    casters,
    entered,
    handlers,
    handles,
    is_lowered,
    lower,
    state,
)
from ..core.tensor import Tensor, class_hooks
from .names import ABSENT, Signature, takes_aliases


def override(function: Callable, operands: Iterable[Any], args: tuple, kwargs: dict) -> Any:
    """Give the call to the mode or the first operand that handles it.

    Raises:
        TypeError: Every one answered NotImplemented.
    """
    return dispatch(function, handlers(operands), args, kwargs)


def dispatch(function: Callable, found: list[Any], args: tuple, kwargs: dict) -> Any:
    """The same for operands that were found to handle functions."""
    guards.enable(formulas=bool(state.modes) or any(type(x) not in INTRINSIC for x in found))
    function = guards.published(function)
    types = tuple(type(item) for item in found if type(item) not in INTRINSIC)
    if state.modes:
        result = _ask_mode(function, types, args, kwargs)
        if result is not NotImplemented:
            return result
    for operand in found:
        handler = operand.__torch_function__
        if getattr(handler, "__self__", None) is operand:
            warn(
                "Defining your `__torch_function__` as a plain method is deprecated and will be an error "
                "in future, please define it as a classmethod."
            )
        result = handler(function, types, args, kwargs)
        if result is not NotImplemented:
            return result
    name = full_name(function)
    raise TypeError(
        f"Multiple dispatch failed for '{name}'; all __torch_function__ handlers returned "
        f"NotImplemented: no implementation found for '{name}' on types that implement "
        f"__torch_function__: {list(types)}"
    )


def _ask_mode(function: Callable, types: tuple, args: tuple, kwargs: dict) -> Any:
    """The innermost mode's answer; while it runs, the modes outside of it are in force."""
    before = state.modes
    state.modes = before[:-1]
    try:
        return before[-1].__torch_function__(function, types, args, kwargs)
    finally:
        state.modes = before


def full_name(function: Any) -> str:
    """A function's name for messages: "torch.add", "torch.Tensor.add"."""
    known = guards.names().get(function)
    return known or str(getattr(function, "__name__", function))


# ------------------------------------------------------------------------------------- whom to ask

# What a subclass's operators are reported as: PyTorch's operators are these methods.
_OPERATOR_METHODS = {
    **{f"__{name}__": name for name in ("add", "sub", "mul", "matmul", "neg", "abs")},
    **{f"__{name}__": name for name in ("lt", "le", "gt", "ge")},
    **{f"__i{name}__": f"{name}_" for name in ("add", "sub", "mul")},
    "__radd__": "add",
    "__rmul__": "mul",
    "__truediv__": "div",
    "__itruediv__": "div_",
    "__mod__": "remainder",
    "__imod__": "remainder_",
    "__pos__": "positive",
}
_UNGUARDED_METHODS = frozenset(
    (
        *("__new__", "__init__", "__init_subclass__", "__subclasshook__", "__hash__"),
        *("__iter__", "__dir__", "__class_getitem__", "__getattr__", "__setattr__"),
        *("__delattr__", "__getattribute__", "__torch_function__", "as_subclass"),
    )
)
"""Methods that no class handles: they concern the object, or are made of methods that it handles."""

EVERY_LAYOUT = frozenset(
    (
        *("dtype", "device", "shape", "ndim", "dim", "ndimension", "size", "numel", "nelement"),
        *("element_size", "itemsize", "is_floating_point", "is_complex", "is_signed", "names"),
        *("requires_grad", "grad_fn", "is_leaf", "grad", "output_nr", "_version", "_is_view"),
        *("requires_grad_", "register_hook", "retain_grad", "retains_grad", "backward", "name"),
        *("register_post_accumulate_grad_hook", "get_device", "is_inference", "is_pinned"),
        *("is_quantized", "is_mkldnn", "is_nested", "is_cpu", "is_cuda", "is_meta", "is_mps"),
        *("is_xpu", "is_xla", "is_mtia", "is_maia", "is_ipu", "is_vulkan", "is_same_size"),
        *("volatile", "is_shared", "is_neg", "is_conj", "item", "__len__", "__bool__", "is_tensor"),
        *(
            "_base",
            "__reversed__",
            "__float__",
            "__int__",
            "__complex__",
            "__index__",
            "is_nonzero",
        ),
        *(
            "is_distributed",
            "_backward_hooks",
            "_grad",
            "is_grad_enabled",
            "result_type",
            "__hash__",
        ),
        *("can_cast", "promote_types", "as_subclass", "_make_subclass"),
    )
)
"""What is the same for tensors of every layout: it asks for nothing of their memory."""

_FACTORIES = frozenset(
    (
        *(
            "tensor",
            "as_tensor",
            "asarray",
            "from_file",
            "scalar_tensor",
            "empty",
            "empty_strided",
            "empty_permuted",
        ),
        *(
            "zeros",
            "ones",
            "full",
            "eye",
            "arange",
            "range",
            "linspace",
            "logspace",
            "rand",
            "randn",
        ),
        *(
            "randint",
            "randperm",
            "tril_indices",
            "triu_indices",
            "bartlett_window",
            "blackman_window",
        ),
        *("hamming_window", "hann_window", "kaiser_window"),
        *(f"sparse_{name}_tensor" for name in ("coo", "csr", "csc", "bsr", "bsc", "compressed")),
    )
)
"""Functions without operands, which modes see and classes of tensors do not.

No signature tells: `tensor` takes a tensor too, and asks nobody; `normal` takes none, or asks them.
"""

_FROM_DATA = frozenset(("tensor", "as_tensor", "asarray", "from_file"))
"""Those of them that ask no object at all: what they are given is data."""

_UNSEEN = frozenset(
    (
        *("manual_seed", "seed", "initial_seed", "get_rng_state", "set_rng_state"),
        *("from_numpy", "frombuffer", "from_dlpack", "broadcast_shapes"),
    )
)
"""Functions that modes do not see either, as in PyTorch."""


_LINE = sys._getframe().f_lineno + 1  # of the text: it stands in this file, and tracebacks show it
_SOURCE = """\
def outer({cells}):
    def always(*args, **kwargs):
        if 0: ({cells})
        guard = "guard"
        if not kwargs and not guard.modes:
            plain = guard.plain
            for value in args:
                if value.__class__ not in plain:
                    break
            else:
                return guard.original(*args)
        function, args, kwargs = guard.chosen(args, kwargs)
        return function(*args, **kwargs)

    def at_first(*args, **kwargs):
        if 0: ({cells})
        guard = "guard"
        function, args, kwargs = guard.chosen_at_first(args, kwargs)
        return function(*args, **kwargs)

    def casting(*args, **kwargs):
        if 0: ({cells})
        guard = "guard"
        if not kwargs and not guard.modes:
            plain = guard.plain
            for value in args:
                if value.__class__ not in plain:
                    break
            else:
                if guard.casters and (contexts := guard.state.casting):
                    return contexts[-1].run(guard, args, kwargs)
                if not guard.lower:
                    return guard.original(*args)
        function, args, kwargs = guard.chosen(args, kwargs)
        return function(*args, **kwargs)

    return always.__code__, at_first.__code__, casting.__code__
"""
_LINE_OF_NAMED = sys._getframe().f_lineno + 1
_SOURCE_OF_NAMED = """\
def outer({cells}):
    def named({head}**others):
        if 0: ({cells})
        usual = "usual"
        absent = "absent"
        if others{missing}:
            if "keywords".issuperset(others){there}:
                return "signature".function({given}**others)
            args, kwargs = "signature".settled(({given}), others)
            return "signature".function(*args, **kwargs)
        return usual({given})

    def renamed(*args, **kwargs):
        if 0: ({cells})
        usual = "usual"
        if kwargs:
            args, kwargs = "signature".settled(args, kwargs)
        return usual(*args, **kwargs)

    return named.__code__, renamed.__code__
"""


@cache
def _guard_codes(cells: int) -> tuple[CodeType, CodeType, CodeType]:
    """The codes of guards of functions with so many cells.

    A function's code must have as many free variables as it has cells. They are named and not used;
    to add them with `CodeType.replace` alone would leave them unset, which debuggers of Python 3.11 die of.
    What they mention by a string, `_mentioning` puts in its place.
    """
    return _compiled(_SOURCE, (__file__, _LINE), cells)  # type: ignore[no-any-return]


@cache
def _named_codes(cells: int, names: tuple[str, ...], required: int) -> tuple[CodeType, CodeType]:
    """The same of guards that take arguments by name, of functions with these positional ones."""
    given = "".join(f"{name}, " for name in names)
    missing = "".join(f" or {name} is absent" for name in names[:required])
    there = "".join(f" and {name} is not absent" for name in names[:required])
    place = __file__, _LINE_OF_NAMED
    options = {"head": given, "given": given, "missing": missing, "there": there}
    return _compiled(_SOURCE_OF_NAMED, place, cells, **options)  # type: ignore[no-any-return]


def _compiled(source: str, place: tuple[str, int], cells: int, **options: str) -> Any:
    """What the source's `outer` gives, for functions of so many cells.

    place: The file and the line where the source stands, for tracebacks.
    """
    file, line = place
    text = source.format(cells="".join(f"cell{i}, " for i in range(cells)), **options)
    scope: dict[str, Any] = {}
    exec(compile("\n" * line + text, file, "exec", dont_inherit=True), scope)
    return scope["outer"](*range(cells))


def _mentioning(code: CodeType, name: str, **objects: Any) -> CodeType:
    """A guard's code under a function's name, with objects among its constants in place of their names.

    So no caller can give them, as they could give the default of an argument.
    """
    constants = [objects.get(x, x) if x.__class__ is str else x for x in code.co_consts]
    return code.replace(co_consts=tuple(constants), co_name=name, co_qualname=name)


def exchanged_code(
    source: str, place: tuple[str, int], cells: int, name: str, **objects: Any
) -> CodeType:
    """The code of the function in a source like the one above, for a function of so many cells; see `_mentioning`.

    place: The file and the line where the source stands, for tracebacks.
    """
    (code,) = _compiled(source, place, cells)
    return _mentioning(code, name, **objects)


def _is_formula(function: Any) -> bool:
    """Is it written for a formula? Those look at the kinds of their operands, and so at their layout."""
    return hasattr(function, "operation")


class Guard:
    """One public function, who is asked before it runs, and by which names its arguments go.

    Attributes:
        published: What users find.
        original: The function without guard.
        reported: What handlers are told is being called.
        modes_only: Are modes asked, and classes of tensors not?
        signature: Its arguments by name, where they are known.
        cast_as: The name by which `autocast` knows it, if it does.
    """

    __slots__ = ("cast_as", "modes_only", "original", "published", "reported", "signature")

    original: Callable
    published: Any
    signature: Signature | None

    def __init__(self, reported: Any, modes_only: bool):
        self.reported = self.published if reported is None else reported
        self.modes_only = modes_only
        self.cast_as: str | None = None

    def chosen(self, args: tuple, kwargs: dict) -> tuple[Callable, tuple, dict]:
        """The call of the mode or operand that handles this one, or of the function."""
        if self.modes_only:
            found = self._standing_for_numbers(args, kwargs)
            if found or state.modes:
                return dispatch, (self.reported, found, args, kwargs), {}
            if state.dispatch and lower:
                return lower[0], (self.reported, self.original, *self.settled(args, kwargs)), {}
            return _undisturbed, (self.original, *self.settled(args, kwargs)), {}
        found = handlers((*args, *kwargs.values()))
        if found or state.modes:
            return dispatch, (self.reported, found, args, kwargs), {}
        if self.cast_as is not None and state.casting:
            return state.casting[-1].run, (self, args, kwargs), {}
        return self.below(args, kwargs)

    def below(self, args: tuple, kwargs: dict) -> tuple[Callable, tuple, dict]:
        """The call where neither a mode, an operand nor `autocast` handles it."""
        if lower and is_lowered((*args, *kwargs.values())):
            return lower[0], (self.reported, self.original, *self.settled(args, kwargs)), {}
        return self.original, *self.settled(args, kwargs)

    def _standing_for_numbers(self, args: tuple, kwargs: dict) -> list[Any]:
        """What handles functions among sizes, dtypes and the like, as a proxy does while a graph is traced."""
        if self.published.__name__ in _FROM_DATA:
            return []
        return [x for x in handlers((*args, *kwargs.values())) if not isinstance(x, Tensor)]

    def settled(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """The arguments by the function's own names."""
        if kwargs and self.signature is not None:
            return self.signature.settled(args, kwargs)
        return args, kwargs

    def cast(self, name: str) -> None:
        """From now on ask `autocast` too, which knows the function by a name."""
        self.cast_as = name
        self.ask_always()

    def ask_always(self) -> None:
        """From now on ask at every call."""

    def ask_at_first(self) -> None:
        """Ask during the first calls only, unless guards are turned on meanwhile."""

    def take_names(self) -> None:
        """From now on take other names of arguments."""


def _undisturbed(function: Callable, args: tuple, kwargs: dict) -> Any:
    with DisableTorchFunctionSubclass():
        return function(*args, **kwargs)


def of_same_code(function: FunctionType, name: str) -> FunctionType:
    """Another function of the same code, defaults and cells."""
    made = FunctionType(
        function.__code__, function.__globals__, name, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__, made.__qualname__ = function.__kwdefaults__, function.__qualname__
    made.__annotations__ = function.__annotations__
    made.__dict__.update(function.__dict__)
    return made


class ExchangedGuard(Guard):
    """The function has the guard's code.

    Attributes:
        remaining: After how many calls it gets its own back, while guards are off.
    """

    __slots__ = ("remaining",)

    # the codes run in other modules and see only their guard
    plain, modes, casters, lower, state = PLAIN, entered, casters, lower, state

    def __init__(
        self,
        function: FunctionType,
        reported: Any = None,
        modes_only: bool = False,
        signature: Signature | None = None,
    ):
        self.published = function
        super().__init__(reported, modes_only)
        self.remaining, self.signature = 16, signature
        original = self.original = of_same_code(function, function.__name__)
        if signature is not None:
            signature.function = original
        function.__wrapped__ = original  # type: ignore[attr-defined]  # for inspect.signature

    def ask_always(self) -> None:
        self._exchange(0 if self.cast_as is None else 2)

    def ask_at_first(self) -> None:
        self._exchange(1)

    def _exchange(self, which: int) -> None:
        function = self.published
        code = _guard_codes(len(function.__closure__ or ()))[which]
        function.__code__ = _mentioning(code, function.__name__, guard=self)

    def take_names(self) -> None:
        function, signature = self.published, self.signature
        assert signature is not None
        names, required = signature.positional, len(signature.required)
        codes = _named_codes(len(function.__closure__ or ()), names, required)
        objects = {
            "usual": signature.usual or self.original,
            "absent": ABSENT,
            "signature": signature,
            "keywords": signature.known.difference(names),
        }
        defaults = [signature.defaults.get(name, ABSENT) for name in names]
        function.__defaults__ = tuple(defaults)  # the other codes take any arguments, and need none
        function.__code__ = _mentioning(codes[bool(signature.open)], function.__name__, **objects)

    def restore(self) -> None:
        if self.signature is not None and self.signature.aliases:
            self.take_names()
        else:
            self.published.__code__ = self.original.__code__

    def chosen_at_first(self, args: tuple, kwargs: dict) -> tuple[Callable, tuple, dict]:
        self.remaining -= 1
        if self.remaining < 1 and not guards.asking:
            self.restore()
        return self.chosen(args, kwargs)


class WrapperGuard(Guard):
    """Users find a wrapper of the function, which asks at every call, whether guards are on or off."""

    __slots__ = ()

    def __init__(
        self,
        function: FunctionType,
        reported: Any = None,
        modes_only: bool = False,
        signature: Signature | None = None,
    ):
        def guarded(*args: Any, **kwargs: Any) -> Any:
            call, args, kwargs = self.chosen(args, kwargs)
            return call(*args, **kwargs)

        name = function.__name__
        code = guarded.__code__.replace(co_name=name, co_qualname=name)  # what tracebacks show
        wrapper = FunctionType(code, globals(), name, None, guarded.__closure__)
        self.original, self.published = function, update_wrapper(wrapper, function)
        self.signature = signature
        super().__init__(reported, modes_only)


def _is_exchangeable() -> bool:
    """Does a function whose code is exchanged, and exchanged back, do what `ExchangedGuard` expects?"""
    held = 4

    def function(x: int, y: int = 2, *, z: int = 3) -> tuple:
        return x, y, z, held

    results = []
    try:
        signature = Signature(function, True)
        guard = ExchangedGuard(function, signature=signature)  # type: ignore[arg-type]
        for change in (guard.ask_always, guard.ask_at_first, guard.restore, guard.take_names):
            change()
            results += [function(1), function(1, z=5)]
    except Exception:  # whatever the interpreter, or an audit hook, has against it
        return False
    return results == 4 * [(1, 2, 3, 4), (1, 2, 5, 4)] and guard.remaining == 14


class Guards:
    """All guards. They are off (nobody asks) until `enable` is first called.

    Attributes:
        kind: How functions are guarded.
        namespaces: The registry's public functions.
        asking: Do functions that are no formulas ask at every call?
        enabled: Do all?
        is_cast: Does `autocast` want to see a function, by its name in torch, Tensor or nn.functional, or as "fft.ifft"?
            None until it is first entered.
        table: The guard of each function that has or had one, by the id of the function, and of what
            is published for it.
    """

    def __init__(self, kind: type[Guard]) -> None:
        self.kind = kind
        self.namespaces: Mapping[str, dict[str, Any]] = {}
        self.asking = self.enabled = False
        self.is_cast: Callable[[str], bool] | None = None
        self.table: dict[int, Guard] = {}
        self._names: dict[Any, str] = {}

    def enable(self, formulas: bool = True) -> None:
        """From now on all functions ask; without `formulas`, those whose fast paths do not look at kinds."""
        if self.enabled or (self.asking and not formulas):
            return
        self.asking, self.enabled = True, formulas
        for name, item in list(Tensor.__dict__.items()):
            self.register_method(name, item)
        for space, functions in self.namespaces.items():
            for name, function in functions.items():
                self.register(name, function, space)

    def cast(self, wanted: Callable[[str], bool]) -> None:
        """From now on the functions that `autocast` wants to see ask it, whether others ask anybody or not."""
        if self.is_cast is not None:
            return
        self.is_cast = wanted
        for name, item in list(Tensor.__dict__.items()):
            published = self._let_cast(name, item)
            if published is not item:
                setattr(Tensor, name, published)
        for space, functions in self.namespaces.items():
            prefix = "" if space in ("torch", "nn.functional") else f"{space}."
            for name, function in list(functions.items()):
                functions[name] = self._let_cast(prefix + name, function)

    def _let_cast(self, path: str, function: Any) -> Any:
        """Let a function or method ask `autocast`, if that wants to see it; returns what is published."""
        if self.is_cast is None or not self.is_cast(path) or not isinstance(function, FunctionType):
            return function
        published = self._guard(function)
        self.table[id(published)].cast(path)
        return published

    def register(
        self, name: str, function: Any, space: str = "torch", usual: Callable | None = None
    ) -> Any:
        """Guard a public function of a namespace; returns what is to be published.

        usual: Does what the function does when nothing is given by name only.

        While guards are off, formulas have none: they look at operands that they do not know anyway.
        """
        self._names = {}
        if name in _UNSEEN:
            return function
        if self.enabled or self.kind is WrapperGuard or not _is_formula(function):
            signature = None
            if isinstance(function, FunctionType):
                signature = Signature(function, takes_aliases(space, name), usual)
            function = self._guard(function, None, name in _FACTORIES, signature)
        prefix = "" if space in ("torch", "nn.functional") else f"{space}."
        return self._let_cast(prefix + name, function)

    def under_its_name(self, function: Any) -> Any:
        """A function that is published: its code, which tracebacks show, gets its name."""
        code = getattr(function, "__code__", None)
        name = getattr(function, "__name__", "")
        if code is not None and code.co_name != name and self.kind is ExchangedGuard:
            function.__code__ = code.replace(co_name=name, co_qualname=name)
        return function

    def method_of(self, name: str, function: Any) -> Any:
        """The method of Tensor that a public function is: another object where that saves looking at names.

        A method's own tensor has no name, so one whose other arguments have only PyTorch's runs as it is.
        """
        guard = self.table.get(id(function))
        signature = None if guard is None else guard.signature
        if signature is None or self.kind is WrapperGuard:
            return function
        original: Any = guard.original  # type: ignore[union-attr]
        first = original.__code__.co_varnames[: min(1, original.__code__.co_argcount)]
        if not first or signature.renames() != {*first}:
            return function
        made = of_same_code(original, name)
        made.__doc__, made.__module__ = original.__doc__, original.__module__
        return self._guard(made)

    def named_method(self, name: str, function: Any) -> Any:
        """Let a method of Tensor that is no public function take NumPy's names; returns what is to be the method."""
        if name.startswith("__") or not isinstance(function, FunctionType):
            return function
        if id(function) in self.table:
            return self.published(function)
        signature = Signature(function, takes_aliases("Tensor", name), method=True)
        return self._guard(function, signature=signature) if signature.renames() else function

    def register_method(self, name: str, item: Any) -> None:
        """Guard a method or property of Tensor, if guards are on."""
        published = self._let_cast(name, item)
        if published is not item:
            setattr(Tensor, name, published)
        private = name.startswith("_") and not name.endswith("__")
        if private or name in _UNGUARDED_METHODS or not (self.enabled or self._asks(name, item)):
            return
        if isinstance(item, property):
            self._guard_property(name, item)
        elif isinstance(item, FunctionType):
            if (
                item.__name__ not in Tensor.__dict__
                and item.__name__ not in self.namespaces["torch"]
            ):
                item.__name__ = name  # handlers look at func.__name__
            reported = getattr(Tensor, _OPERATOR_METHODS.get(name, name), item)
            published = self._guard(item, reported)
            if published is not item:
                setattr(Tensor, name, published)

    def _asks(self, name: str, item: Any) -> bool:
        """Does a method ask although not all do?"""
        return self.asking and name not in EVERY_LAYOUT and not _is_formula(item)

    def _guard_property(self, name: str, item: property) -> None:
        fget, fset = self._guard(item.fget, item.__get__), self._guard(item.fset, item.__set__)
        if fget is item.fget and fset is item.fset:
            return
        item = property(fget, fset, item.fdel, item.__doc__)
        setattr(Tensor, name, item)
        for function, reported in ((fget, item.__get__), (fset, item.__set__)):
            if id(function) in self.table:
                self.table[id(function)].reported = reported

    def _guard(
        self,
        function: Any,
        reported: Any = None,
        modes_only: bool = False,
        signature: Signature | None = None,
    ) -> Any:
        """Guard a function, if it is Python's; returns what is to be published."""
        if not isinstance(function, FunctionType):
            return function
        guard = self.table.get(id(function))
        if guard is None:
            guard = self.kind(function, reported, modes_only, signature)  # type: ignore[call-arg,arg-type]
            self.table[id(function)] = self.table[id(guard.published)] = guard
        if self.enabled or self.asking:
            guard.ask_always()
        elif not modes_only:
            guard.ask_at_first()
        return guard.published

    def published(self, function: Any) -> Any:
        """What users find of a function."""
        guard = self.table.get(id(function))
        return function if guard is None else guard.published

    def overridable(self) -> set[Callable]:
        """The functions, methods, getters and setters that classes can handle."""
        return {guard.published for guard in self.table.values() if not guard.modes_only}

    def names(self) -> dict[Any, str]:
        """The full name of every function, method and property: "torch.add", "torch.Tensor.T.__get__"."""
        if not self._names:
            found = self._names
            for space, functions in self.namespaces.items():
                prefix = "torch." if space == "torch" else f"torch.{space}."
                for name, function in functions.items():
                    found.setdefault(function, prefix + name)
            for name, item in Tensor.__dict__.items():
                if isinstance(item, property):
                    found[item.__get__] = f"torch.Tensor.{name}.__get__"
                    found[item.__set__] = f"torch.Tensor.{name}.__set__"
                elif isinstance(item, FunctionType):
                    found.setdefault(item, f"torch.Tensor.{name}")
        return self._names


guards = Guards(ExchangedGuard if _is_exchangeable() else WrapperGuard)


def on_subclass(cls: type) -> None:
    """Called with each subclass of Tensor that tensors are made of, when the first one is."""
    if getattr(cls, "__torch_dispatch__", None) is not Tensor.__torch_dispatch__:  # type: ignore[attr-defined]
        DISPATCHED.add(cls)
        import_module("flambeau._ops.below")  # what takes calls to them
        guards.enable()
    elif handles(cls):
        guards.enable(formulas=cls not in INTRINSIC)
    else:
        PLAIN.add(cls)


class_hooks.append(on_subclass)
