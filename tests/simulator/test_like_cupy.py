"""What the simulator offers in CuPy's place is CuPy's: the same names, with the same parameters."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from flambeau import simulator
from flambeau.simulator import cupyx, signatures
from flambeau.simulator.call import table

MODULES = (
    "",
    "linalg",
    "fft",
    "lib.stride_tricks",
    "cuda",
    "cuda.device",
    "cuda.driver",
    "cuda.function",
    "cuda.graph",
    "cuda.memory",
    "cuda.memory_hook",
    "cuda.nvtx",
    "cuda.pinned_memory",
    "cuda.profiler",
    "cuda.runtime",
    "cuda.stream",
)


@pytest.fixture(scope="module")
def cupy() -> ModuleType:
    """CuPy itself, which can be imported without a GPU; `.ci/run cuda` installs it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("cupy", reason="the package cupy-cuda13x is not installed")


STARS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def place(module: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        module = getattr(module, name)
    return module


def parameters(function: Any) -> list[tuple[str, str]] | None:
    """Names and defaults of a function's parameters; those of Cython's stand in its docstring."""
    try:
        known = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return documented(function)
    return [(STARS.get(one.kind, "") + one.name, shown(one)) for one in known if one.name != "self"]


def shown(parameter: inspect.Parameter) -> str:
    default = parameter.default
    return "" if default is parameter.empty else getattr(default, "__name__", repr(default))


def documented(function: Any) -> list[tuple[str, str]] | None:
    """The parameters in a docstring's first line, `name(type x, y=None) -> result`."""
    line = (function.__doc__ or "").strip().partition("\n")[0]
    found = re.fullmatch(r"[\w.]+\((.*)\)( -> .*)?", line)
    if not found:
        return None
    parts = [part.split("=") for part in found[1].split(", ") if part not in ("", "*", "/")]
    names = [(part[0].split()[-1], part[1] if len(part) > 1 else "") for part in parts]
    return [one for one in names if one[0] != "self"]


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Where something is not CuPy's: a name that it lacks, or other parameters."""
    if inspect.isclass(ours) and not issubclass(ours, BaseException):
        for name, value in list(vars(ours).items()):
            if name.startswith("_") or (name in getattr(ours, "__annotations__", {})):
                continue
            if not hasattr(theirs, name):
                yield f"{path}.{name} is not in CuPy"
            elif inspect.isfunction(value):
                yield from differences(value, getattr(theirs, name), f"{path}.{name}")
    elif inspect.isfunction(ours):
        mine, yours = parameters(ours), parameters(theirs)
        if yours is not None and mine != yours:
            yield f"{path}: {mine}, in CuPy {yours}"


@pytest.mark.parametrize("path", MODULES)
def test_the_names_and_parameters_are_cupys(cupy: ModuleType, path: str) -> None:
    ours, theirs = place(simulator, path), place(cupy, path)
    wrong = []
    for name in ours.__all__:
        if hasattr(theirs, name):
            wrong += differences(getattr(ours, name), getattr(theirs, name), name)
        else:
            wrong.append(f"{name} is not in CuPy")
    assert not wrong


def test_elementwise_functions_take_as_many_arrays(cupy: ModuleType) -> None:
    for name in signatures.UFUNCS.split():
        ours, theirs = getattr(simulator, name), getattr(cupy, name)
        assert (ours.nin, ours.nout) == (theirs.nin, theirs.nout), name


DTYPES = [np.dtype(letter) for letter in "?bBhilLefdFD"] + [np.dtype(ml_dtypes.bfloat16)]


def chosen(function: Any, inputs: tuple) -> list[np.dtype] | None:
    """The dtypes of the results that CuPy gives: those of the first of its loops that takes these."""
    for loop in function._ops.ops:
        if all(map(np.can_cast, inputs, loop.in_types)):
            return [np.dtype(kind) for kind in loop.out_types]
    return None


STRICT = {"arctan2", "atan2", "copysign", "hypot", "nextafter", "gcd", "lcm", "i0"}
"""Functions that CuPy has for more dtypes, which nothing needs: complex numbers, bools."""


@pytest.mark.parametrize("name", signatures.UFUNCS.split())
def test_results_have_cupys_dtypes(cupy: ModuleType, name: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("FLAMBEAU_CUDA_SIMULATOR", "1")
    function, wrong = getattr(simulator, name), []
    for inputs in itertools.product(DTYPES, repeat=function.nin):
        expected = chosen(getattr(cupy, name), inputs)
        try:
            results = function(*(simulator.ones(1, kind) for kind in inputs))
        except TypeError:
            got = None
        else:
            got = [x.dtype for x in (results if type(results) is tuple else [results])]
        if got != expected and not (got is None and (name in STRICT or np.dtype("?") in inputs)):
            wrong.append((inputs, got, expected))
    assert not wrong or name in ("i0", "sinc")  # of integers: float64, float16 in CuPy


REDUCTIONS = {
    "sum": "_routines_math.sum_auto_dtype",
    "nansum": "_routines_math.nansum_auto_dtype",
    "prod": "_routines_math.prod_auto_dtype",
    "nanprod": "_routines_math.nanprod_auto_dtype",
    "amax": "_routines_statistics.amax",
    "amin": "_routines_statistics.amin",
    "nanmax": "_routines_statistics.nanmax",
    "nanmin": "_routines_statistics.nanmin",
    "all": "_routines_logic.all",
    "any": "_routines_logic.any",
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_have_cupys_dtypes(cupy: ModuleType, name: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("FLAMBEAU_CUDA_SIMULATOR", "1")
    kernel = place(cupy._core, REDUCTIONS[name])
    for dtype in DTYPES:
        got = getattr(simulator, name)(simulator.ones(2, dtype)).dtype
        assert [got] == chosen(kernel, (dtype,)), dtype


def test_cupyx(cupy: ModuleType) -> None:
    import cupyx as extensions

    for name in cupyx.__all__:
        theirs = getattr(extensions, name)
        assert parameters(getattr(cupyx, name)) == parameters(theirs), name


def test_methods_are_cupys(cupy: ModuleType) -> None:
    assert not list(differences(simulator.ndarray, cupy.ndarray, "ndarray"))


def test_a_name_that_cupy_lacks_is_found(cupy: ModuleType) -> None:
    class Stream:
        def synchronize(self, timeout: float) -> None: ...

        def hurry(self) -> None: ...

    assert list(differences(Stream, cupy.cuda.Stream, "Stream")) == [
        "Stream.synchronize: [('timeout', '')], in CuPy []",
        "Stream.hurry is not in CuPy",
    ]


def test_every_line_of_the_table_is_a_signature() -> None:
    for text in (signatures.FUNCTIONS, signatures.QUESTIONS, signatures.METHODS):
        for name, line in table(text).items():
            ast.parse(f"def {line}: pass")
            holder = simulator.ndarray if text is signatures.METHODS else simulator
            assert hasattr(holder, name)
