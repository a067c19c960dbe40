"""One program over many groups of arrays: layouts, places in memory, several launches, numbers for each group."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from flambeau.formula import primitive
from flambeau.formula.expression import parameter, symbol
from flambeau.formula.program import Program
from flambeau.kernels.cuda import ptx, ptxas
from flambeau.kernels.cuda.loops import foreach, foreach_kernel
from flambeau.optim.adam import adam

SIZES = [(), (0,), (1,), (7,), (3, 5), (65, 3), (40, 301), (0, 4), (2, 3, 4), (4096,), (9000,)]
NUMBERS = {
    "rate": 1e-3, "correction": 0.5, "gain1": 0.1, "keep2": 0.999, "gain2": 0.001, "eps": 1e-8
}  # fmt: skip


def moving() -> Program:
    """x += scale g, y = g x: exact for halves and small integers, in whatever order."""
    x, y, g = symbol("x"), symbol("y"), symbol("g")
    return Program((x, y, g), (x + parameter("scale") * g, g * x), ("scale",))


def columns(sizes: list, dtype: Any = np.float32) -> list[list[np.ndarray]]:
    random = np.random.default_rng(0)
    return [[random.integers(-8, 9, shape).astype(dtype) for shape in sizes] for _ in range(3)]


def assert_moved(found: list, given: list, scale: Any = 0.5) -> None:
    for i, (x, _, g) in enumerate(zip(*given)):
        by = scale if np.ndim(scale) == 0 else scale[i]
        wanted = (x + g * x.dtype.type(by), g * x, g)
        for k, array in enumerate(wanted):
            np.testing.assert_array_equal(found[k][i].get(), array.astype(x.dtype))


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", ml_dtypes.bfloat16])
def test_all_groups_change(xp, dtype) -> None:
    given = columns(SIZES, dtype)
    arrays = [[xp.asarray(x) for x in column] for column in given]
    foreach.build(moving(), dtype, "step")(*arrays[0], *arrays[1], *arrays[2], 0.5)
    assert_moved(arrays, given)


def test_more_groups_than_a_launch_takes(xp, monkeypatch) -> None:
    given = columns([(1 + i % 5,) for i in range(230)])
    arrays = [[xp.asarray(x) for x in column] for column in given]
    step = foreach.build(moving(), "f4", "step")
    launches = []
    monkeypatch.setattr(foreach.driver.Kernel, "__call__", counting(launches))
    step(*arrays[0], *arrays[1], *arrays[2], 0.5)
    assert_moved(arrays, given)
    assert launches == [96, 96, 38]  # a block for each of these small groups


def counting(launches: list[int]):
    launch = foreach.driver.Kernel.__call__

    def counted(self, grid, *rest):
        launches.append(grid)
        launch(self, grid, *rest)

    return counted


def test_each_group_may_have_its_own_number(xp) -> None:
    given = columns([(3,), (0,), (5000,), (2, 2)])
    arrays = [[xp.asarray(x) for x in column] for column in given]
    scale = np.array([0.5, 9.0, -2.0, 4.0])
    foreach.build(moving(), "f4", "step")(*arrays[0], *arrays[1], *arrays[2], xp.asarray(scale))
    assert_moved(arrays, given, scale)


def test_arrays_may_begin_anywhere_and_lie_otherwise(xp) -> None:
    """At odd places in memory, in Fortran's order, as strided views, and the gradient unlike its parameter."""
    shape = (40, 30)
    given = columns([shape] * 5)
    arrays = [[xp.asarray(x) for x in column] for column in given]
    room = xp.zeros(1203, "f4")
    arrays[0][0] = room[3:].reshape(shape)
    arrays[1][1], arrays[0][1], arrays[2][1] = (xp.empty(shape[::-1], "f4").T for _ in range(3))
    arrays[2][2] = xp.empty(shape[::-1], "f4").T
    arrays[0][3] = xp.zeros((80, 60), "f4")[::2, ::2]
    arrays[1][4] = xp.zeros((40, 31), "f4")[:, 1:]
    for column, values in zip(arrays, given):
        for array, value in zip(column, values):
            array[...] = xp.asarray(value)
    foreach.build(moving(), "f4", "step")(*arrays[0], *arrays[1], *arrays[2], 0.5)
    assert_moved(arrays, given)
    assert room[:3].tolist() == [0, 0, 0]


def test_the_arrays_of_a_group_may_be_one(xp) -> None:
    x = xp.arange(10, dtype="f4")
    program = Program((symbol("p"), symbol("g")), (symbol("p") * symbol("g"),))
    foreach.build(program, "f4", "square")(x, x)
    assert x.tolist() == [float(i * i) for i in range(10)]


def test_nothing_to_do_launches_nothing(xp) -> None:
    empty = [xp.empty(0, "f4") for _ in range(3)]
    assert foreach.build(moving(), "f4", "step")(*empty, 0.5) is None


def test_the_wrong_number_of_arrays_is_refused(xp) -> None:
    x = xp.zeros(1, "f4")
    with pytest.raises(TypeError, match="step takes 3 arrays for each group and then 1 numbers"):
        foreach.build(moving(), "f4", "step")(x, x, 0.5)


def test_what_has_no_kernel_is_told(xp) -> None:
    assert foreach.build(moving(), "c8", "step") is None


def stepping(*listed: str, dtype: Any = "f4") -> foreach_kernel.Foreach:
    p, m, v, g = map(symbol, "pmvg")
    roots = adam(primitive, p, g, m, v, **{name: parameter(name) for name in NUMBERS})
    dtype = np.dtype(dtype)
    compute = np.dtype("f4") if dtype.itemsize == 2 else dtype
    return foreach_kernel.Foreach(
        Program((p, m, v, g), roots, tuple(NUMBERS)), dtype, compute, listed
    )


def test_adam_has_the_bits_of_numpy(xp) -> None:
    random = np.random.default_rng(1)
    given = [[np.abs(random.standard_normal(n, np.float32)) for n in (5, 4100)] for _ in range(4)]
    arrays = [[xp.asarray(x) for x in column] for column in given]
    program = stepping().program
    foreach.build(program, "f4", "adam")(
        *(x for column in arrays for x in column), *NUMBERS.values()
    )
    numbers = {name: np.float32(x) for name, x in NUMBERS.items()}
    for i in range(2):
        p, m, v, g = (column[i] for column in given)
        for array, wanted in zip(arrays, adam(np, p, g, m, v, **numbers)):
            np.testing.assert_array_equal(array[i].get(), wanted)


def test_memory_is_read_in_vectors_of_global_memory() -> None:
    """A pointer that comes from a table is known to be one of global memory only if that is said."""
    text = ptx.assembly(stepping().text("adam"))
    assert text.count("ld.global.v4.b32") == 4
    assert text.count("st.global.v4.b32") == 3
    assert "ld.b32" not in text
    assert ".local" not in text


@pytest.mark.skipif(ptxas.found() is None, reason=ptxas.MISSING)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100"])
def test_it_takes_few_registers(architecture: str, dtype: str) -> None:
    text = stepping("rate", dtype=dtype).text("adam")
    (found,) = ptxas.assembled(ptx.assembly(text, architecture), architecture)
    assert found.registers <= 64
    assert (found.spilled, found.stack, found.shared) == (0, 0, 0)
