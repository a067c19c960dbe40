"""Row programs on the simulated GPU: teams of every size, along memory and across it, in one launch and in several."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau.formula import primitive as p
from flambeau.formula.expression import Domain, length, position, symbol
from flambeau.formula.program import Program
from flambeau.kernels.cuda import launch, team
from flambeau.kernels.cuda import plan as planning
from flambeau.kernels.cuda.thread import Thread
from flambeau.simulator.ptx.fault import Fault

from .formulas import Both, assert_close, assert_same

RANDOM = np.random.default_rng(0)
X, Y, Z = map(symbol, "xyz")
R = symbol("r", full=False)
TOLERANCE = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 4e-7, "float64": 1e-15}


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype("f4")


def softmax() -> Program:
    e = p.exp(X - p.amax(X))
    return Program((X,), (e / p.sum(e),))


def layer_norm() -> Program:
    centred = X - p.mean(X)
    return Program(
        (X, Y, Z), (centred / p.sqrt(p.mean(centred * centred) + 1e-5) * Y + Z, p.mean(X))
    )


def moments() -> Program:
    centred = X - p.mean(X)
    return Program((X,), (p.mean(X), p.mean(centred * centred)))


def numpy_softmax(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    x = x.astype("f8")
    e = np.exp(x - x.max(axes, keepdims=True))
    return e / e.sum(axes, keepdims=True)


SHAPES = {
    "a few elements": ((7, 10), (-1,)),
    "one element": ((7, 1), (-1,)),
    "one row of one element": ((1,), (-1,)),
    "no whole vectors": ((7, 95), (-1,)),
    "part of a warp": ((50, 24), (-1,)),
    "a warp": ((7, 96), (-1,)),
    "a block": ((5, 1024), (-1,)),
    "a large block": ((3, 3000), (-1,)),
    "a row that no registers hold": ((2, 9000), (-1,)),
    "several dimensions": ((3, 4, 5, 6), (-2, -1)),
    "dimensions apart": ((3, 4, 5, 6), (-3, -1)),
    "everything": ((3, 4, 5, 6), None),
    "across, in registers": ((20, 10, 40), (-2,)),
    "across": ((200, 33), (-2,)),
    "across, long": ((300, 33), (0,)),
    "batches of channels": ((4, 6, 5, 7), (0, 2, 3)),
    "in pieces, along": ((2, 70000), (-1,)),
    "in pieces, across": ((5000, 20), (0,)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str, xp) -> None:
    shape, axes = SHAPES[name]
    x = normal(*shape) * 3
    places = tuple(range(len(shape))) if axes is None else axes
    found = Both(softmax(), "float32").on_gpu(xp, x, axes)
    assert_close(found, [numpy_softmax(x, places).astype("f4")], 4e-7)
    found = Both(moments(), "float32").on_gpu(xp, x, axes)
    wide = x.astype("f8")
    values = wide.mean(places, keepdims=True), wide.var(places, keepdims=True)
    for value, expected in zip(found, values):
        np.testing.assert_allclose(value, expected, rtol=2e-6, atol=2e-7 * np.abs(wide).max())
    sums = Both(Program((X,), (p.sum(X), p.amax(X), p.amin(X))), "float32").on_gpu(xp, x, axes)
    np.testing.assert_allclose(
        sums[0], wide.sum(places, keepdims=True), atol=1e-6 * np.abs(wide).sum()
    )
    assert_same(sums[1:], [x.max(places, keepdims=True), x.min(places, keepdims=True)])


@pytest.mark.parametrize("name", ["no whole vectors", "a block", "across", "batches of channels"])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_dtypes(dtype: str, name: str, xp) -> None:
    shape, axes = SHAPES[name]
    both = Both(softmax(), dtype)
    x = normal(*shape).astype(both.inputs[0])
    assert_close(both.on_gpu(xp, x, axes), both.on_cpu(x, axes), TOLERANCE[dtype])


@pytest.mark.parametrize("shape", [(7, 96), (7, 95), (3, 5, 40), (2, 5000)])
def test_other_operands_along_and_one_a_row(shape: tuple[int, ...], xp) -> None:
    both = Both(layer_norm(), "float32")
    arrays = normal(*shape), normal(shape[-1]), normal(shape[-1])
    assert_close(both.on_gpu(xp, *arrays, (-1,)), both.on_cpu(*arrays, (-1,)), 1e-6)
    both = Both(Program((X, R), (X * R + p.amax(X), R + p.amin(X))), "float32")
    rows = normal(*shape[:-1], 1)
    assert_same(both.on_gpu(xp, arrays[0], rows, (-1,)), both.on_cpu(arrays[0], rows, (-1,)))


def test_integers_and_bools(xp) -> None:
    n = symbol("n", Domain.INT)
    x = RANDOM.integers(-100, 100, (9, 130))
    for dtype in ("int64", "int32", "int8", "uint8"):
        both = Both(Program((n,), (p.sum(n), p.amax(n), p.prod(n))), dtype, "int64", dtype, "int64")
        given = x.astype(dtype)
        assert_same(both.on_gpu(xp, given, (-1,)), both.on_cpu(given, (-1,)))
        assert_same(both.on_gpu(xp, given, (0,)), both.on_cpu(given, (0,)))
    b = symbol("b", Domain.BOOL)
    program = Program((X, b), (p.any(b), p.all(b), p.sum(p.where(b, X, 0.0))))
    both = Both(program, "float64", "bool", "bool", "bool", "float64")
    given, held = (
        np.floor(8 * normal(9, 130)).astype("f8"),
        RANDOM.random((9, 130)) < [[0.02]] * 8 + [[1.0]],
    )
    for axes in ((-1,), (0,)):
        assert_same(both.on_gpu(xp, given, held, axes), both.on_cpu(given, held, axes))


def test_positions_and_lengths(xp) -> None:
    """Where the largest element is, as a formula; a position counts in the order of the reduced dimensions."""
    place = p.amin(p.where(p.equal(X, p.amax(X)), position(), length()))
    both = Both(Program((X,), (place, X * position())), "float32", "int64", "float32")
    x = normal(6, 5, 40)
    for axes in ((-1,), (-2,), (-3, -1), None):
        assert_same(both.on_gpu(xp, x, axes), both.on_cpu(x, axes))
    turned = x.transpose(2, 0, 1)
    assert_same(both.on_gpu(xp, turned, (0, 2)), both.on_cpu(np.ascontiguousarray(turned), (0, 2)))


def norm() -> Program:
    """As norms are: the usual sum where it is in range, else one of scaled elements."""
    squares, largest = p.sum(X * X), p.amax(abs(X))
    scaled = X / largest
    return Program(
        (X,),
        (
            p.usually(
                p.in_range(squares), p.sqrt(squares), largest * p.sqrt(p.sum(scaled * scaled))
            ),
        ),
    )


@pytest.mark.parametrize("shape", [(9, 10), (9, 96), (5, 600), (2, 70000)])
def test_choices_by_row(shape: tuple[int, int], xp) -> None:
    x = normal(*shape)
    x[1] *= np.float32(1e30)
    expected = np.sqrt((x.astype("f8") ** 2).sum(-1, keepdims=True)).astype("f4")
    both = Both(norm(), "float32")
    np.testing.assert_allclose(both.on_gpu(xp, x, (-1,))[0], expected, rtol=3e-6)
    np.testing.assert_allclose(
        both.on_gpu(xp, np.ascontiguousarray(x.T), (0,))[0], expected.T, rtol=3e-6
    )


def test_no_number_and_infinities(xp) -> None:
    x = normal(6, 500)
    x[0, 7], x[1, 499], x[2, 3] = np.nan, np.inf, -np.inf
    x[3], x[4, :250], x[4, 250:] = -np.inf, 0.0, -0.0
    both = Both(Program((X,), (p.amax(X), p.amin(X), p.sum(X))), "float32")
    found = both.on_gpu(xp, x, (-1,))
    np.testing.assert_array_equal(found[0], x.max(-1, keepdims=True))
    np.testing.assert_array_equal(found[1], x.min(-1, keepdims=True))
    np.testing.assert_allclose(found[2], x.astype("f8").sum(-1, keepdims=True), atol=1e-4)


def test_results_without_the_axes(xp) -> None:
    x = normal(4, 5, 6)
    both = Both(Program((X,), (p.amax(X),)), "float32", drop=True)
    for axes in ((-1,), (-3,), (-3, -1), None):
        assert_same(both.on_gpu(xp, x, axes), [np.asarray(x.max(axes))])


def test_strided_rows(xp) -> None:
    both = Both(softmax(), "float32")
    for x in (
        normal(96, 30).T,
        normal(9, 200)[:, ::2],
        normal(9, 200)[::-2, 1:],
        normal(4, 30, 9).transpose(2, 0, 1),
    ):
        for axes in ((-1,), (0,)):
            found = both.on_gpu(xp, x, axes)
            assert_close(found, [numpy_softmax(x, axes).astype("f4")], 4e-7)


def test_gradients_of_sums_are_elementwise(xp) -> None:
    """What is one value a row meets full operands without a walk of rows."""
    both = Both(Program((X, R), (X * R,)), "float32", rows=True)
    x, r = normal(6, 5, 8), normal(6, 1, 8)
    assert_same(both.on_gpu(xp, x, r, (-2,)), [x * r])
    assert both.gpu.launcher.planner([x.astype(both.inputs[0])] * 2).is_elementwise  # type: ignore[union-attr]


def test_long_rows_without_reductions(xp) -> None:
    """Blocks share a row where nothing is joined along it."""
    program = Program((X, R), (X * R + position(), p.sqrt(abs(R))))
    both = Both(program, "float32")
    for shape, axes in (((3, 20_001), (-1,)), ((20_001, 40), (0,))):
        x, r = normal(*shape), normal(*(1 if i == axes[0] % 2 else n for i, n in enumerate(shape)))
        assert_same(both.on_gpu(xp, x, r, axes), both.on_cpu(x, r, axes))
    assert {cls.__name__ for cls, *_ in both.gpu.launcher.planner([x, r]).kernels} == {"Spread"}


def test_the_same_bits_every_time(xp) -> None:
    x = normal(3, 70001)
    both = Both(moments(), "float32")
    first = both.on_gpu(xp, x, (-1,))
    for _ in range(3):
        assert_same(both.on_gpu(xp, x, (-1,)), first)


class Barriers:
    """Counts the barriers that are written, and leaves one of them out."""

    def __init__(self, left_out: int | None):
        self.left_out, self.count, self.write = left_out, 0, Thread.barrier

    def __call__(self, code: Thread) -> None:
        self.count += 1
        if self.count - 1 != self.left_out:
            self.write(code)


@pytest.mark.parametrize(("shape", "axes"), [((5, 1024), (-1,)), ((200, 99), (0,))])
def test_each_barrier_is_needed(shape, axes, xp, monkeypatch) -> None:
    """Negative control: without one of the four of two reductions, threads meet in shared memory."""
    monkeypatch.setattr(launch, "WAVES", 0)  # one block, which takes one row after the other
    x = normal(*shape)
    for left_out in (None, 0, 1, 2, 3):
        barriers = Barriers(left_out)
        monkeypatch.setattr(Thread, "barrier", lambda code, write=barriers: write(code))
        both = Both(softmax(), "float32")
        if left_out is None:
            assert_close(both.on_gpu(xp, x, axes), [numpy_softmax(x, axes).astype("f4")], 4e-7)
            assert barriers.count == 4
        else:
            with pytest.raises(Fault, match="shared"):
                both.on_gpu(xp, x, axes)
        monkeypatch.setattr(Thread, "barrier", barriers.write)


def test_teams_fit_rows() -> None:
    """A row that is kept is whole in its team's registers; blocks are whole warps."""
    for n in (1, 3, 8, 31, 64, 100, 1000, 4096, 8192, 10_000):
        for wide in (1, 2, 4, 8):
            chosen = team.along(n, wide, wide, 3)
            assert chosen.block % 32 == chosen.block % chosen.size == 0
            assert not chosen.chunks or chosen.chunks * chosen.size * wide >= n
            assert chosen.chunks * wide <= 2 * team.KEPT
    assert team.along(8192, 4, 4, 3).chunks
    assert not team.along(8193, 4, 4, 3).chunks
    assert team.cut(1, 100_000, False, 4) == team.Cut(team.Team(256, 256), 25, 4096, True)
    assert team.cut(1000, 100_000, False, 4) is None
    assert team.cut(4096, 4096, True, 1) == team.Cut(team.Team(16, 512, True, 0, 4), 8, 512, False)
    assert team.cut(4096, 1024, True, 1) is None


def test_long_indices(xp, monkeypatch) -> None:
    """Arrays of over 2^31 elements take indices of 64 bits; here all do."""
    monkeypatch.setattr(planning, "FAR", 0)
    x = normal(6, 5, 40)
    for axes in ((-1,), (-2,), (-3, -1)):
        assert_close(
            Both(softmax(), "float32").on_gpu(xp, x, axes),
            [numpy_softmax(x, axes).astype("f4")],
            4e-7,
        )
    assert_same(Both(Program((X, Y), (X + Y,)), "float32").on_gpu(xp, x, x[:, :1]), [x + x[:, :1]])
    long = normal(2, 20_001)
    sums = Both(Program((X,), (p.sum(X), p.amax(X))), "float32").on_gpu(xp, long, (-1,))
    np.testing.assert_allclose(sums[0], long.astype("f8").sum(-1, keepdims=True), atol=1e-3)
    assert_same(sums[1:], [long.max(-1, keepdims=True)])
    placed = Both(Program((X,), (X + position(),)), "float32")
    assert_same(placed.on_gpu(xp, long, (-1,)), [long + np.arange(20_001, dtype="f4")])
