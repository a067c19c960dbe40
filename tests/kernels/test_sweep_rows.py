"""The sweep of `benchmarks/sweep.py`: its rows have arguments, which lie as they should, and its figures are right."""

from __future__ import annotations

import math

import numpy as np
import pytest

import flambeau
from benchmarks.fuzz.arguments import Call
from benchmarks.fuzz.case import _operands
from benchmarks.fuzz.operand import Operand, plain
from benchmarks.fuzz.registry import entries
from benchmarks.fuzz.side import Side
from benchmarks.rows import report
from benchmarks.rows.check import unlike
from benchmarks.rows.recipe import RECIPES
from benchmarks.rows.report import Measured
from benchmarks.rows.row import DTYPE_NAMES, LAYOUTS, LEFT_OUT, Row, call, plan
from benchmarks.rows.size import SIZES, NoMeaningError, expanded, strided, transposed
from benchmarks.rows.worker import Step
from flambeau.dispatch.registry import NAMESPACES

KNOWN = entries()


def row(path: str, **facts) -> Row:
    usual = Row(path, "", "tiny", "float32", "contiguous", False, 1)
    return usual._replace(**facts)


def operands(made: Call) -> list[Operand]:
    return list(_operands((made.args, list(made.kwargs.values()))))


def test_every_recipe_is_a_functions():
    names = {name for space in NAMESPACES.values() for name in space} | set(dir(flambeau.Tensor))
    assert [path for path in RECIPES if path.rpartition(".")[2] not in names] == []


def test_every_function_is_in_it():
    found = {r.path for r in plan(KNOWN, list(SIZES), ["float32"], ["contiguous"], [1])}
    assert found == {e.path for e in KNOWN.values() if not {e.path, e.name} & LEFT_OUT}


def test_each_dtype_and_layout_once():
    rows = list(plan({"add": KNOWN["add"]}, list(SIZES), list(DTYPE_NAMES), list(LAYOUTS), [1, 2]))
    sampled = [(r.dtype, r.layout, r.backward) for r in rows]
    for dtype in DTYPE_NAMES[1:]:
        assert sampled.count((dtype, "contiguous", False)) == 1
    for layout in LAYOUTS[1:]:
        assert sampled.count(("float32", layout, False)) == 1
    assert sampled.count(("float32", "contiguous", True)) == 1
    first = [r for r in rows if r.kind in SIZES]
    assert {(r.size, r.threads) for r in first} == {
        *(("tiny", 1), ("middle", 1), ("big", 1), ("middle", 2), ("big", 2))
    }


@pytest.mark.parametrize("size", ["tiny", "middle"])
def test_most_functions_take_their_arguments(size):
    """Every function has arguments; few refuse them, whom the sweep leaves out as PyTorch does."""
    side, refused = Side("flambeau"), []
    tried = [e for e in KNOWN.values() if not {e.path, e.name} & LEFT_OUT][
        :: 1 if size == "tiny" else 6
    ]
    for entry in tried:
        side.start(0)
        try:
            Step(
                side, entry.path, "function", call(entry, row(entry.path, size=size), False), False
            ).first()
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
            refused.append((entry.path, str(error)[:80]))
    assert len(refused) < len(tried) / 8, refused


@pytest.mark.parametrize("path", ["add", "mm", "conv2d", "layer_norm"])
@pytest.mark.parametrize("size", SIZES)
def test_operands_are_of_the_size(path, size):
    wanted = SIZES[size].count
    largest = max(x.array.size for x in operands(call(KNOWN[path], row(path, size=size), False)))
    assert wanted / 4 <= largest <= 5 * wanted


def test_layouts_have_the_same_elements():
    x = np.arange(12.0).reshape(3, 4)
    for change in (transposed, strided):
        made = change(x)
        np.testing.assert_array_equal(made.array, x)
        assert not made.array.flags.c_contiguous
    assert transposed(x).array.T.flags.c_contiguous
    assert strided(x).strides == (8, 2)
    np.testing.assert_array_equal(expanded(x).array, np.broadcast_to(x[0], (3, 4)))
    assert expanded(x).strides == (0, 1)


def test_broadcast_operands():
    x, y = operands(call(KNOWN["add"], row("add", layout="broadcast"), False))
    assert (x.shape, y.shape) == ((3, 5), (3, 1))
    (x,) = operands(call(KNOWN["exp"], row("exp", layout="broadcast"), False))
    assert (x.shape, x.strides[0]) == ((3, 5), 0)


def test_what_has_no_meaning():
    with pytest.raises(NoMeaningError):
        call(KNOWN["bitwise_and"], row("bitwise_and", dtype="float64"), True)
    with pytest.raises(NoMeaningError):
        call(KNOWN["bitwise_and"], row("bitwise_and", backward=True), False)
    assert operands(call(KNOWN["bitwise_and"], row("bitwise_and"), False))[0].dtype == np.int64


def test_variants():
    assert call(KNOWN["sum"], row("sum", variant="dim=1"), False).kwargs == {"dim": 1}
    assert call(KNOWN["add"], row("add", variant="number"), False).args[1] == 2
    assert call(KNOWN["cumsum"], row("cumsum", variant="dim=0"), False).args[1] == 0


def test_a_step_gives_results_and_gradients():
    side = Side("flambeau")
    made = Call((plain(np.array([1.0, 2.0], "f4")), plain(np.array([3.0, 5.0], "f4"))), {})
    (product,) = Step(side, "mul", "function", made, False).first()
    np.testing.assert_array_equal(product, [3, 10])
    g = np.array([-0.75, -0.5])  # what a step gives for the gradient of the result
    first, second = Step(side, "mul", "function", made, True).first()
    np.testing.assert_allclose(first, g * [3, 5])
    np.testing.assert_allclose(second, g * [1, 2])
    with pytest.raises(TypeError, match="no gradient"):
        Step(side, "eq", "function", made, True).first()


def test_unlike_results_are_found():
    entry, x = KNOWN["exp"], np.linspace(0, 1, 5, dtype=np.float32)
    assert unlike(entry, [x], [x.copy()], False) is None
    assert unlike(entry, [x], [x + 0.01], False)
    assert unlike(entry, [x], [x.astype(np.float64)], False) == "float32 for float64"
    assert unlike(entry, [x[:3]], [x], False)


def test_figures():
    found = [
        Measured(row("add"), "f", 1e-6, 2e-6, None, ""),
        Measured(row("sub"), "f", 8e-6, 2e-6, 4e-6, ""),
        Measured(row("mul"), "f", None, None, None, "refused: why"),
    ]
    assert math.isclose(report.mean([0.5, 8.0]), 2.0)
    assert report.summary(found).splitlines()[-1] == (
        "| tiny | 1 | 2 | 1.41 | 50.0 % | 50.0 % | 2.00 |"
    )
    assert "| f | 1.41 |" in report.families(found)
    slow = report.slow(found).splitlines()
    assert len(slow) == 2
    assert slow[1].split()[:3] == ["4.00", "8.0", "us"]
    assert "refused: why" in report.report(found)
    assert Measured.of_json(found[1].as_json()) == found[1]
