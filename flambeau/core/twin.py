"""Definitions of operations, for arrays that are not NumPy's: the same code with other functions in NumPy's place.

A definition is a Python function that calls NumPy, and kernels. For the arrays of another device it is made again with the
same code and other globals (`Arrays.twin`): `np` is that device's module, and a kernel is the one that the device has in
its place. Nothing of this is there until such a device is first used.
"""

from __future__ import annotations

import functools
from _thread import RLock  # `threading` loads late
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from .. import kernels
from .error import two_devices

_PACKAGE = __name__.partition(".")[0]
TWINNED = tuple(
    f"{_PACKAGE}.{name}."
    for name in ("ops", "formula", "core.random", "core.layout", "dispatch.rule")
)

KNOWN: dict[type, Arrays] = {}
"""What definitions meet for each class of arrays that are not NumPy's."""


FAILURES = (AttributeError, TypeError)
"""What kernels, and functions of another device's arrays, raise where they get one of NumPy's ..."""
_OF_NUMPY = "memoryview", "numpy.ndarray"
"""... and what they say of it: the class of its memory, or its own."""


OWN: dict[FunctionType, FunctionType] = {}
"""For a function that got other code, one with its own (see dispatch/elsewhere.py)."""


class Arrays:
    """The arrays of a device, as definitions meet them.

    Args:
        cls: Their class.
        numpy: What stands where a definition says `np`.
        places: What stands for functions of kernels and of random draws, by module and name:
            "kernels.array.copy.contiguous". They take the same arguments.
        makes: The same for functions that have no arrays among their arguments, but make some. They serve
            within definitions only, since elsewhere nothing says what is wanted.
        fetched: Makes a function of NumPy's arrays, and its name in a warning, one that brings arrays to the CPU for it
            (`on_cpu`).
        everywhere: Do also functions that are no operations run as twins (see dispatch/elsewhere.py)?
        place: The device of an array, by its name.
        check: Called with the arguments of an operation; raises where they do not go together.

    Attributes:
        block: Where there are several such devices, gives a block within which an array's is the current one, or None if
            it is.
        use: The same, for good: makes an array's device the current one.
        stay: Gives a block after which the current device is the one before it.
    """

    def __init__(
        self,
        cls: type,
        numpy: Any,
        places: dict[str, Callable],
        makes: dict[str, Callable],
        place: Callable[[Any], str],
        check: Callable[[tuple], None] | None = None,
        everywhere: bool = False,
        fetched: Callable[[Callable, str], Callable] | None = None,
    ):
        self.cls, self.numpy, self.places, self.makes = cls, numpy, places, makes
        self.place, self.check, self.everywhere, self.fetched = place, check, everywhere, fetched
        self.block: Callable[[Any], AbstractContextManager[Any] | None] | None = None
        self.use: Callable[[Any], None] | None = None
        self.stay: Callable[[], AbstractContextManager[Any]] = nullcontext
        self.twins: dict[Any, Callable] = {}
        self.unfinished: dict[Any, Callable] = {}
        self.lock = RLock()
        self.natives: dict[kernels.Native, Callable] = {}

    def install(self) -> None:
        """Let arrays of the class be met from now on: in operations, and where public functions call kernels."""
        if not KNOWN:
            _guard_natives()
        KNOWN[self.cls] = self
        for place, rule in self.places.items():
            module, name = place.rsplit(".", 1)
            try:
                found = import_module(f"{_PACKAGE}.{module}")
                plain = getattr(found, name)
            except (ImportError, AttributeError):
                continue  # a place within `Native`, whose module is another's
            setattr(found, name, self._guarded(plain, rule))

    def _guarded(self, function: Callable, rule: Callable) -> Callable:
        cls = self.cls

        @functools.wraps(function)
        def call(*given: Any, **options: Any) -> Any:
            if not holds(cls, given):
                return function(*given, **options)
            try:
                return self.placed(rule, given)(*given, **options)
            except FAILURES as failure:
                self.explain(failure, given)
                raise

        return call

    def explain(self, failure: Exception, given: Any) -> None:
        """Raises RuntimeError where a function failed since one of its arrays is NumPy's, and others are not."""
        if any(word in str(failure) for word in _OF_NUMPY):
            devices = dict.fromkeys(_devices_of(given, self))
            if len(devices) > 1:
                raise two_devices(devices) from None

    def placed(self, function: Callable, given: Any) -> Callable:
        """A function, with the device of its arguments' arrays as the current one while it runs."""
        if self.block is None:
            return function
        array = _first(self.cls, given)
        block = None if array is None else self.block(array)
        return function if block is None else _inside(block, function)

    # ------------------------------------------------------------------- what stands for what

    def exchanged(self, value: Any) -> Any:
        """What stands in a twin's globals for a value."""
        if value is np:
            return self.numpy
        if isinstance(value, ModuleType):
            if value.__name__.startswith("numpy."):
                return None  # NumPy's own inside
            within = value.__name__.startswith((f"{_PACKAGE}.kernels", *TWINNED))
            return _Module(self, value) if within else value
        if isinstance(value, kernels.Native):
            return self.native(value)
        if getattr(value, "for_host", False):
            return value
        module = getattr(value, "__module__", None)
        if module.__class__ is str and module.partition(".")[0] == "numpy" and callable(value):
            return self._of_numpy(value, module)
        place = f"{module}.{getattr(value, '__name__', None)}"
        place = place.removeprefix(f"{_PACKAGE}.")
        known = self.makes.get(place) or self.places.get(place)
        if known is not None:
            return known
        inner = getattr(value, "__wrapped__", None)
        if isinstance(inner, FunctionType) and not isinstance(value, FunctionType):
            made = self.twin(inner)  # functools.cache: another answer, not to be kept with these
            made.__wrapped__ = made  # type: ignore[attr-defined]
            return made
        if isinstance(value, FunctionType) and (value.__module__ + ".").startswith(TWINNED):
            return self.twin(value)
        return value

    def _of_numpy(self, value: Any, module: str) -> Any:
        """What stands for a function of NumPy's that was taken out of it, ``inv = np.linalg.inv``."""
        if isinstance(value, type):
            return value
        found = self.numpy
        for part in (*module.split(".")[1:], value.__name__):
            found = getattr(found, part, None)
        return value if found is None else found

    def native(self, native: kernels.Native) -> Callable:
        """The device's kernel where it has one, else the form that is written with NumPy."""
        made = self.natives.get(native)
        if made is None:
            plain = self.twin(native.plain)
            own = self.places.get(f"kernels.{native.module}.{native.name}")
            made = self.natives[native] = plain if own is None else _or_plain(own, plain)
        return made

    def twin(self, function: Callable) -> Callable:
        """A function again, whose code meets this device's functions where it asks for NumPy's."""
        if isinstance(function, functools.partial):
            return functools.partial(self.twin(function.func), *function.args, **function.keywords)
        if not isinstance(function, FunctionType):
            return self.exchanged(function)
        function = OWN.get(function, function)
        made = self.twins.get(function)
        if made is None:
            with self.lock:
                made = self.twins.get(function) or self.unfinished.get(function)
                if made is None:
                    made = self._made(function)
        return made

    def _made(self, function: FunctionType) -> Callable:
        """A twin; others see it, and those that it calls, when all have their globals."""
        outermost = not self.unfinished
        name = getattr(function, "on_cpu", None)
        try:
            if name is not None and self.fetched is not None:
                made = self.unfinished[function] = self.fetched(function, name)
            else:
                made = self._of_same_code(function)
            if outermost:
                self.twins.update(self.unfinished)
        finally:
            if outermost:
                self.unfinished.clear()
        return made

    def _of_same_code(self, function: FunctionType) -> Callable:
        outer = function.__globals__
        scope = {name: outer.get(name) for name in ("__builtins__", "__name__", "__package__")}
        scope["__spec__"] = outer.get("__spec__")
        closure = function.__closure__
        cells = None if closure is None else tuple(_cell(cell) for cell in closure)
        made = FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__, cells
        )
        made.__kwdefaults__ = function.__kwdefaults__
        self.unfinished[function] = made
        for name in names_of(function.__code__):
            if name in outer:
                scope[name] = self.exchanged(outer[name])
        for cell in cells or ():
            with suppress(ValueError):
                cell.cell_contents = self.exchanged(cell.cell_contents)
        return made


class _Module:
    """A module of definitions, or `flambeau.kernels` and its modules, as a twin sees it."""

    def __init__(self, arrays: Arrays, module: ModuleType):
        self._arrays, self._module = arrays, module

    def enabled(self) -> bool:
        """Are there kernels of this processor? They are no use."""
        return False

    def __getattr__(self, name: str) -> Any:
        place = f"{self._module.__name__}.{name}".removeprefix(f"{_PACKAGE}.")
        made = self._arrays.makes.get(place)
        return self._arrays.exchanged(getattr(self._module, name)) if made is None else made


def _or_plain(own: Callable, plain: Callable) -> Callable:
    def call(*given: Any) -> Any:
        value = own(*given)
        return plain(*given) if value is NotImplemented else value

    return call


def _cell(cell: Any) -> Any:
    made = type(cell)()
    with suppress(ValueError):  # an empty one
        made.cell_contents = cell.cell_contents
    return made


def names_of(code: CodeType) -> Iterator[str]:
    """The names that code asks its globals for, that of functions within it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_of(constant)


# --------------------------------------------------------------------------------- which it is


def arrays_of(given: Any) -> Arrays | None:
    """What definitions meet for these arguments: arrays, tensors and sequences of them; None for NumPy's."""
    for x in given:
        cls = x.__class__
        if cls is np.ndarray or cls is int:
            continue
        found = KNOWN.get(cls)
        if found is None:
            inner = cls is list or cls is tuple
            found = arrays_of(x) if inner else KNOWN.get(getattr(x, "_array", None).__class__)
        if found is not None:
            return found
    return None


def module_of(array: Any) -> Any:
    """What definitions see as NumPy for an array: NumPy, or that of the array's device."""
    found = KNOWN.get(array.__class__)
    return np if found is None else found.numpy


HERE = nullcontext()


def around(tensors: Sequence[Any]) -> AbstractContextManager[Any]:
    """A block within which the first tensor's device is the current one."""
    if not KNOWN or not tensors:
        return HERE
    array = tensors[0]._array
    found = KNOWN.get(array.__class__)
    return found.block(array) or HERE if found is not None and found.block is not None else HERE


def switch() -> tuple[Callable[[Any], None] | None, AbstractContextManager[Any]]:
    """For work that goes from device to device: what makes the device of an array, of a tensor or of the first of several
    the current one (None where there is no choice), and a block that ends with the device it began with."""
    for arrays in KNOWN.values():
        if arrays.use is not None:
            return functools.partial(_use, arrays), arrays.stay()
    return None, HERE


def _use(arrays: Arrays, x: Any) -> None:
    array = _first(arrays.cls, (x,))
    if array is not None and arrays.use is not None:
        arrays.use(array)


def holds(cls: type, given: Any) -> bool:
    for x in given:
        kind = x.__class__
        if kind is cls or ((kind is list or kind is tuple) and holds(cls, x)):
            return True
    return False


def _first(cls: type, given: Any) -> Any:
    """The first array of a class among arguments: arrays, tensors and sequences of them."""
    for x in given:
        kind = x.__class__
        inner = _first(cls, x) if kind is list or kind is tuple else getattr(x, "_array", x)
        if inner.__class__ is cls:
            return inner
    return None


def _devices_of(given: Any, arrays: Arrays) -> Iterator[str]:
    """The devices of arrays and tensors among arguments."""
    for x in given:
        cls = x.__class__
        if cls is list or cls is tuple:
            yield from _devices_of(x, arrays)
        elif hasattr(x, "_kind"):
            yield str(x._kind.device)
        elif cls is np.ndarray:
            yield "cpu"
        elif cls is arrays.cls:
            yield arrays.place(x)


def _inside(block: AbstractContextManager[Any], function: Callable) -> Callable:
    def run(*given: Any, **options: Any) -> Any:
        with block:
            return function(*given, **options)

    return run


def host(function: Callable) -> Callable:
    """Decorator: a function that computes with NumPy for every device, such as the taps of an interpolation."""
    function.for_host = True  # type: ignore[attr-defined]
    return function


def on_cpu(name: str) -> Callable[[Callable], Callable]:
    """Decorator: a definition that looks at single elements to decide what comes next, for which no library has anything.

    Arrays of another device are brought to the CPU for it and its results back, with one warning that says so.

    Args:
        name: What programs know it by.
    """

    def mark(function: Callable) -> Callable:
        function.on_cpu = name  # type: ignore[attr-defined]
        return function

    return mark


def either(function: Callable, operands: int | None = None) -> Callable:
    """A definition, or its twin where the arrays are not NumPy's.

    Args:
        operands: How many of its arguments are operands, which have to be on one device.
    """
    if hasattr(function, "for_elements"):
        return function

    @functools.wraps(function)
    def chosen(*given: Any) -> Any:
        arrays = arrays_of(given)
        if arrays is None:
            return function(*given)
        if arrays.check is not None:
            arrays.check(given[:operands])
        return arrays.placed(arrays.twin(function), given)(*given)

    chosen.for_elements = function  # type: ignore[attr-defined]
    return chosen


def prepare(operation: Any) -> None:
    """Let an operation take arrays that are not NumPy's."""
    count = 1 if operation.variadic else len(operation.operands)
    for name in ("compute", "write", "rule"):
        function = getattr(operation, name)
        if function is not None:
            setattr(operation, name, either(function, 0 if name == "rule" else count))


def of_arrays(function: Callable) -> Callable:
    """Decorator: a function of arrays that public functions call, made again for arrays that are not NumPy's.

    Its first argument is an array.
    """

    @functools.wraps(function)
    def chosen(first: Any, *rest: Any) -> Any:
        if first.__class__ is np.ndarray:
            return function(first, *rest)
        arrays = KNOWN.get(first.__class__)
        if arrays is None:
            return function(first, *rest)
        return arrays.placed(arrays.twin(function), (first,))(first, *rest)

    chosen.for_elements = function  # type: ignore[attr-defined]
    return chosen


def _guard_natives() -> None:
    plain = kernels.Native.__call__

    def call(self: Any, *given: Any) -> Any:
        arrays = arrays_of(given)
        if arrays is None:
            return plain(self, *given)
        try:
            return arrays.placed(arrays.native(self), given)(*given)
        except FAILURES as failure:
            arrays.explain(failure, given)
            raise

    kernels.Native.__call__ = call  # type: ignore[method-assign]


__all__ = [
    "KNOWN",
    "OWN",
    "TWINNED",
    "Arrays",
    "around",
    "arrays_of",
    "either",
    "holds",
    "host",
    "module_of",
    "names_of",
    "of_arrays",
    "prepare",
    "switch",
]
