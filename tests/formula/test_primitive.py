"""Every primitive has all that it needs, and nobody keeps tables of them elsewhere."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import flambeau
from flambeau.formula import primitive as p
from flambeau.formula.declaration import PRIMITIVES, expanded, flat, floating, primitive
from flambeau.formula.expression import Primitive
from flambeau.formula.special import bessel, special
from flambeau.kernels.elementary import lower

NAMES = [name for name, kind in PRIMITIVES.items() if vars(p).get(name) is kind]
NAMES += [name for module in (special, bessel) for name in vars(module) if name in PRIMITIVES]
NAMES = sorted(set(NAMES))

INTERPRETED = {
    **dict.fromkeys(("imag", "angle", "make_complex"), "kernels have no complex numbers"),
    **dict.fromkeys(("gcd", "lcm"), "how long they take depends on the numbers"),
    "polygamma": "its order is a number, its expansion has a native form",
}
"""Primitives without a native form of their own, and why."""

TABLES = {
    "core/cuda/shim.py": "NumPy's universal functions, and their results so far",
    "kernels/cuda/gather/fold.py": "NumPy's universal functions that combine elements",
    "simulator/elementwise.py": "CuPy's universal functions",
    "simulator/ufunc.py": "CuPy's universal functions",
    "simulator/ptx/arithmetic.py": "instructions of PTX",
    "core/cuda/numpy.py": "NumPy's universal functions, and CuPy's functions that reduce by them",
    "_ops/lowering.py": "PyTorch's other names of functions",
    "sparse/product.py": "what `reduce` may be called",
    "onnx/operators/elementwise.py": "operations by their public names, each with ONNX's",
    "onnx/operators/reduction.py": "operations by their public names, each with ONNX's",
    "ops/elementwise/comparison.py": "operations by their public names, each with its primitive",
    "ops/index/combine.py": "what `reduce` may be called",
    "ops/index/scatter_reduce.py": "what `reduce` may be called",
    "profiler/naming.py": "operations by their public names",
}
"""Files with tables whose keys are not meant as primitives, and what they are."""


def array_function(kind: Primitive) -> object:
    """What computes a primitive with NumPy; None if nothing does."""
    found: object = kind.value
    if isinstance(found, str):
        found = np
        for part in kind.value.split("."):
            found = getattr(found, part, None)
    return found


def lacks(kind: Primitive) -> list[str]:
    missing = []
    if not callable(kind.derivative):
        missing.append("derivative")
    if kind.expansion is None and not callable(array_function(kind)) and kind is not p.make_complex:
        missing.append("array function")
    native = kind.joins.lowering if kind.reduces else kind.lowering
    if native is None and kind.expansion is None and kind.name not in INTERPRETED:
        missing.append("lowering")
    return missing


@pytest.mark.parametrize("name", NAMES)
def test_a_primitive_has_all_that_it_needs(name):
    assert lacks(PRIMITIVES[name]) == []


def test_the_lack_of_anything_is_seen():
    assert lacks(Primitive("sinus", "sinus", floating)) == [
        "derivative", "array function", "lowering",
    ]  # fmt: skip
    assert lacks(Primitive("sin", "sin", floating, derivative=flat)) == ["lowering"]
    assert lacks(Primitive("halves", None, floating, expansion=lambda x: x / 2)) == ["derivative"]


@pytest.mark.parametrize("name", INTERPRETED)
def test_what_is_called_interpreted_has_no_native_form(name):
    kind = PRIMITIVES[name]
    assert not lower.has_form(kind, "float")
    assert not lower.has_form(kind, "double")


def plain(wanted) -> list[str]:
    """Primitives of one value an element that NumPy computes by a call."""
    spelt = (p.real, p.imag, p.make_complex, p.held)
    return [
        name for name in NAMES
        if wanted(PRIMITIVES[name]) and not PRIMITIVES[name].reduces
        and PRIMITIVES[name].expansion is None and PRIMITIVES[name] not in spelt
    ]  # fmt: skip


def operands(kind: Primitive) -> list[np.ndarray]:
    """Numbers for each argument of a primitive, of the first dtype that its array function takes."""
    function = array_function(kind)
    count = getattr(function, "nin", None) or len(
        [x for x in inspect.signature(function).parameters if x in "axyz"]
    )
    x = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 3.0, np.inf, -np.inf, np.nan, 1e300])
    whole = np.array([0, 1, 2, 3, -4, 5, 7, 100])
    takes_floats = not isinstance(function, np.ufunc) or any(
        "d" in t[:count] for t in function.types
    )
    first = x if takes_floats and kind is not p.integer_power else whole
    return [np.roll(first, k) for k in range(count)]


@pytest.mark.parametrize(
    "name", plain(lambda kind: kind.quiet and kind not in (p.where, p.usually))
)
def test_a_quiet_primitive_raises_no_flag(name):
    kind = PRIMITIVES[name]
    with np.errstate(all="raise"):
        array_function(kind)(*operands(kind))


@pytest.mark.parametrize("name", plain(lambda kind: kind.writes))
def test_the_array_function_writes_where_it_is_told(name):
    kind = PRIMITIVES[name]
    given = operands(kind)
    with np.errstate(all="ignore"):
        expected = array_function(kind)(*given)
        target = np.empty_like(expected)
        array_function(kind)(*given, out=target)
    np.testing.assert_array_equal(target, expected)


def test_no_two_primitives_are_written_with_one_operator():
    signs = [kind.infix for kind in PRIMITIVES.values() if kind.infix]
    assert len(signs) == len(set(signs))
    x, y = (flambeau.formula.expression.symbol(name) for name in "xy")
    for kind in PRIMITIVES.values():
        if kind.infix:  # Python's operator on symbols makes the primitive that is printed so
            assert eval(f"x {kind.infix} y", {"x": x, "y": y}).primitive is kind


@pytest.mark.parametrize("reduction", [p.sum, p.prod, p.amax, p.amin, p.any, p.all], ids=repr)
def test_a_reduction_starts_with_what_changes_nothing(reduction):
    values = np.array([True, False]) if reduction in (p.any, p.all) else np.array([-2.5, 0.0, 7.0])
    start = np.array(reduction.start, values.dtype)
    np.testing.assert_array_equal(array_function(reduction.joins)(start, values), values)


def tables(source: str, names: set[str]) -> Iterator[tuple[int, list[str]]]:
    """Literals of dicts and sets that have three or more of the names as keys, also those made of tuples."""
    for node in ast.walk(ast.parse(source)):
        keys: list = []
        if isinstance(node, ast.Dict):
            keys = node.keys
        elif isinstance(node, ast.Set):
            keys = node.elts
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("set", "frozenset"):
            keys = [x for arg in node.args for x in getattr(arg, "elts", ())]
        elif isinstance(node, ast.Compare):
            keys = [x for other in node.comparators for x in getattr(other, "elts", ())]
        found = [x.value for x in keys if isinstance(x, ast.Constant) and x.value in names]
        if len(found) >= 3:
            yield node.lineno, found


def test_no_table_is_keyed_by_the_names_of_primitives():
    package = Path(flambeau.__file__).parent
    own = package / "formula" / "primitive.py"
    found = {
        path.relative_to(package).as_posix(): list(tables(path.read_text("utf8"), set(NAMES)))
        for path in package.rglob("*.py")
        if path != own
    }
    assert {path for path, those in found.items() if those} == set(TABLES)


@pytest.mark.parametrize(
    "source",
    [
        'COSTLY = frozenset(("exp", "log", "sqrt"))',
        'INFIX = {"add": "+", "subtract": "-", "multiply": "*"}',
        'KEPT = {"held", "real", "conj", "other"}',
        'def f(name):\n    return name in ("sum", "prod", "any")',
    ],
)
def test_such_a_table_is_seen(source):
    assert len(list(tables(source, set(NAMES)))) == 1


def test_a_declaration_fills_the_fields():
    try:
        made = primitive("halved", np.positive, slope=lambda out, x: 0.5, costly=True, infix="%%")
        shown = expanded(many_steps=True)(lambda x: x)
        assert PRIMITIVES["halved"] is made
        assert (made.costly, made.infix, made.reduces, shown.many_steps) == (
            True,
            "%%",
            False,
            True,
        )
        assert shown.value is None
    finally:
        PRIMITIVES.pop("halved", None)
        PRIMITIVES.pop("<lambda>", None)
