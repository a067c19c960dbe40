"""Elementwise programs on the simulated GPU: the bits of the CPU's kernels, whatever the arrays' shapes and layouts."""

from __future__ import annotations

from inspect import signature

import numpy as np
import pytest

from flambeau.formula import primitive as p
from flambeau.formula.declaration import PRIMITIVES
from flambeau.formula.expression import Domain, Primitive, symbol
from flambeau.formula.program import Program
from flambeau.kernels.elementary import square_root, table

from .formulas import DTYPES, Both, assert_same, moved_to

RANDOM = np.random.default_rng(0)
X, Y, Z = map(symbol, "xyz")
AFFINE = Program((X, Y), (X * Y + 1.0,))


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype("f4")


LAYOUTS = {
    "alike": (normal(7, 96), normal(7, 96)),
    "no whole vectors": (normal(7, 95), normal(7, 95)),
    "one value": (normal(7, 95), normal()),
    "both one value": (normal(), normal(1, 1)),
    "a row for every row": (normal(7, 96), normal(96)),
    "a row of no whole vectors": (normal(7, 95), normal(95)),
    "a row of half a vector": (normal(7, 6), normal(6)),
    "a value a row": (normal(7, 96), normal(7, 1)),
    "outer": (normal(7, 1), normal(1, 96)),
    "in several places": (normal(2, 1, 5, 1), normal(3, 1, 4)),
    "transposed": (normal(7, 96).T, normal(96, 7)),
    "both transposed": (normal(7, 96).T, normal(7, 96).T),
    "every second": (normal(7, 96)[:, ::2], normal(7, 48)),
    "backwards": (normal(7, 96)[::-1, ::-1], normal(7, 96)),
    "not aligned": (normal(97)[1:], normal(96)),
    "channels last": (normal(2, 3, 4, 8).transpose(0, 3, 1, 2), normal(8, 1, 1)),
    "eight dimensions": (normal(*(2,) * 8).transpose(7, 5, 3, 1, 6, 4, 2, 0), normal(*(2,) * 8)),
    "more than a step of the grid": (normal(3, 4096), normal(4096)),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name: str, xp) -> None:
    arrays = LAYOUTS[name]
    both = Both(AFFINE, "float32")
    found = both.on_gpu(xp, *arrays)
    assert_same(found, [np.float32(arrays[0] * arrays[1]) + np.float32(1)])
    assert_same(found, both.on_cpu(*arrays))


def test_results_lie_as_on_the_cpu(xp) -> None:
    both = Both(AFFINE, "float32")
    x, row = normal(3, 5, 8).transpose(2, 0, 1), normal(5)
    spread = np.broadcast_to(normal(1, 7), (96, 7))
    several = [
        LAYOUTS[name] for name in ("transposed", "both transposed", "channels last", "alike")
    ]
    several += [(x, row), (row, x), (x[::2], row), (spread, LAYOUTS["transposed"][0])]
    for i, arrays in enumerate(several):
        found = both.gpu(*[moved_to(xp, x) for x in arrays])  # type: ignore[misc]
        assert found.strides == both.on_cpu(*arrays)[0].strides, i


def operands(dtype: str, count: int) -> list[np.ndarray]:
    """Ordinary and extreme values in all pairs."""
    kind = DTYPES[dtype].kind
    if kind == "b":
        values = np.array([False, True, True])
    elif kind in "iu":
        facts = np.iinfo(dtype)
        values = np.array([0, 1, 2, 3, 7, 100, facts.max, facts.min, facts.max // 3], dtype)
        values = np.concatenate([values, -values[1:5]]) if kind == "i" else values
    else:
        extremes = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 1e-40, -3e-42, 65504.0, 1e4]
        drawn = RANDOM.normal(size=31) * np.repeat([1, 30], [16, 15])
        values = np.array([*extremes, *drawn])
        values = values.astype(DTYPES[dtype])
    grids = np.meshgrid(*[values] * count, indexing="ij")
    return [np.ascontiguousarray(grid.reshape(-1)[:1000]) for grid in grids]


def of_elements() -> list[tuple[str, int]]:
    """Primitives of single elements, and how many arguments they take."""
    return [
        (name, taken(kind))
        for name, kind in sorted(PRIMITIVES.items())
        if not (kind.reduces or kind.rowwise or name in ("usually", "polygamma"))
        and (kind.expansion is not None or kind.lowering is not None)
    ]


def taken(kind: Primitive) -> int:
    """How many arguments a primitive takes, by the function that writes it."""
    if kind.name in ("copysign", "hypot"):  # written by a function of any arguments
        return 2
    writer = kind.expansion or kind.lowering.make
    places = signature(writer).parameters.values()
    return max(1, sum(x.kind is not x.VAR_POSITIONAL and x.default is x.empty for x in places))


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "bfloat16", "float16", "int32", "int64", "uint8"]
)
def test_primitives(dtype: str, xp, covered, without_tables) -> None:
    """Bit for bit, where the CPU has no tables in registers."""
    domain = {"b": Domain.BOOL, "i": Domain.INT, "u": Domain.INT}.get(
        DTYPES[dtype].kind, Domain.REAL
    )
    done = 0
    for name, count in of_elements():
        both = case(name, count, dtype, domain)
        if both is None or both.gpu is None:
            continue
        arrays = operands(dtype, count)
        if name.startswith("gamma_"):  # their loops are for positive numbers
            arrays = [np.abs(np.nan_to_num(a, nan=1, posinf=9, neginf=9)) + 1 for a in arrays]
        found, expected = both.on_gpu(xp, *arrays), both.on_cpu(*arrays)
        assert_same(found, expected)
        done += 1
    assert done >= covered[dtype]


@pytest.fixture
def without_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPU kernels as processors have them whose vectors are shorter than AVX-512's."""
    monkeypatch.setattr(table, "_VECTORS", ())
    monkeypatch.setattr(square_root, "_ESTIMATES", {})


@pytest.fixture
def covered() -> dict[str, int]:
    """How many primitives each dtype has at least: what is skipped by mistake would go unnoticed."""
    return {
        "float32": 70, "float64": 65, "bfloat16": 70, "float16": 70, "int32": 25, "int64": 25, "uint8": 25,
    }  # fmt: skip


def case(name: str, count: int, dtype: str, domain: Domain) -> Both | None:
    """The primitive's program; None where it has none for such numbers."""
    symbols = tuple(symbol(c, domain) for c in "xyz"[:count])
    try:
        root = PRIMITIVES[name](*symbols)
    except ValueError:
        return None
    is_real = domain is Domain.REAL
    if (
        not root.args
        or root.domain > domain
        or (is_real and name.startswith(("bitwise", "integer", "left", "right", "shift")))
    ):
        return None
    result = "bool" if root.domain is Domain.BOOL else dtype
    return Both(Program(symbols, (root,)), *[dtype] * count, result)


def test_huge_arguments_of_sines(xp) -> None:
    both = Both(Program((X,), (p.sin(X), p.cos(X), p.tan(X))), "float64")
    x = np.ldexp(RANDOM.normal(size=200), RANDOM.integers(25, 1020, 200))
    assert_same(both.on_gpu(xp, x), both.on_cpu(x))


def test_a_wrong_kernel_is_noticed(xp) -> None:
    """Negative control: the other program's bits are not taken for these."""
    x, y = LAYOUTS["alike"]
    wrong = Both(Program((X, Y), (X * Y + 1.0000001,)), "float32")
    with pytest.raises(AssertionError):
        assert_same(wrong.on_gpu(xp, x, y), Both(AFFINE, "float32").on_cpu(x, y))


def test_half_types_meet_others(xp) -> None:
    """A number as float32 meets float16 unrounded; bools, int64 and float64 as they are."""
    program = Program(
        (X, symbol("n", Domain.INT), symbol("b", Domain.BOOL)),
        (p.where(symbol("b", Domain.BOOL), X * 0.1, symbol("n", Domain.INT)),),
    )
    x = normal(5, 24).astype("f2")
    both = Both(program, "float16", "int64", "bool", "float16")
    numbers = RANDOM.integers(-9, 9, (5, 24)), RANDOM.random((5, 24)) < 0.5
    assert_same(both.on_gpu(xp, x, *numbers), both.on_cpu(x, *numbers))
    both = Both(AFFINE, "float16")
    tenth = np.array(0.1, np.float32)
    found = both.on_gpu(xp, x, tenth)
    assert_same(found, [(x.astype("f4") * tenth + 1).astype("f2")])
