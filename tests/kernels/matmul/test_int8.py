"""Products of bytes: whole numbers, so any way to multiply gives the same."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.kernels.matmul import amx, int8, int8_kernel

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
ROOT = Path(__file__).parents[3]
ROWS = (1, 2, 3, 5, 16, 17, 31, 33, 70)
INNER = (1, 3, 4, 63, 64, 65, 200)
COLUMNS = (1, 15, 16, 17, 33, 100)


def numbers(*shape: int, dtype: type = np.int8) -> np.ndarray:
    limits = np.iinfo(dtype)
    return np.random.default_rng(sum(shape)).integers(limits.min, limits.max + 1, shape, dtype)


def laid_out(x: np.ndarray, how: str) -> torch.Tensor:
    """The same values, one behind the other, turned, or with gaps."""
    if how == "turned":
        return torch.from_numpy(np.ascontiguousarray(x.T)).t()
    if how == "apart":
        wide = np.zeros((x.shape[0], 2 * x.shape[1]), x.dtype)
        wide[:, ::2] = x
        return torch.from_numpy(wide)[:, ::2]
    return torch.from_numpy(x)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("how", ["straight", "turned", "apart"])
def test_products_are_exact(dtype: type, how: str) -> None:
    for m in ROWS:
        for k in INNER:
            for n in COLUMNS:
                x, y = numbers(m, k, dtype=dtype), numbers(k, n)
                got = torch._int_mm(laid_out(x, how), laid_out(y, how))
                assert got.dtype is torch.int32
                assert np.array_equal(got.numpy(), x.astype(np.int64) @ y.astype(np.int64)), (
                    m,
                    k,
                    n,
                )


def test_extremes() -> None:
    for x, y in ((-128, -128), (127, -128), (-128, 127)):
        got = torch._int_mm(torch.full((20, 5000), x).char(), torch.full((5000, 20), y).char())
        assert (got == 5000 * x * y).all()
    largest = torch.full((20, 3000), 255, dtype=torch.uint8)
    assert (torch._int_mm(largest, torch.full((3000, 3), -128).char()) == -97920000).all()


def test_operands_stay_and_empty_ones() -> None:
    x, y = torch.arange(-32, 32).char().reshape(4, 16), torch.ones(16, 3, dtype=torch.int8)
    before = x.clone()
    torch._int_mm(x, y)
    torch._int_mm(x[:1], y)
    assert torch.equal(x, before)
    assert torch._int_mm(x[:, :0], y[:0]).tolist() == [[0] * 3] * 4
    assert torch._int_mm(x[:0], y).shape == (0, 3)
    out = torch.empty(4, 3, dtype=torch.int32)
    assert torch._int_mm(x, y, out=out) is out
    assert out[:, 0].tolist() == x.sum(1).tolist()


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    x, y = torch.from_numpy(numbers(700, 300)), torch.from_numpy(numbers(300, 500))
    rows, weight = torch.randn(700, 300), int8.Packed(numbers(500, 300), np.float32(0.01))
    before, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append((torch._int_mm(x, y).numpy(), int8.linear(rows.numpy(), weight, None)))
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])


def quantised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low, high = x.min(1).clip(max=0), x.max(1).clip(min=0)
    step = np.where(high > low, np.maximum((high - low) / np.float32(255), 2.0**-126), 1)
    step = step.astype(np.float32)
    inverse = np.float32(1) / step
    zero = np.rint(-low * inverse)
    return np.clip(np.rint(x * inverse[:, None]) + zero[:, None], 0, 255), step, zero


@pytest.mark.parametrize("size", [1, 15, 16, 17, 64, 65, 127, 300])
def test_rows_are_quantised(size: int) -> None:
    x = np.random.default_rng(size).normal(size=(5, size)).astype(np.float32)
    x[1], x[2], x[3] = 0, abs(x[2]), x[3] * np.float32(1e-40)
    made, scales, zeros = int8.quantized_rows(x)
    levels, step, zero = quantised(x)
    assert np.array_equal(made[:, :size], levels)
    assert np.array_equal(scales, step)
    assert np.array_equal(zeros, zero)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_spoils_its_row(value: float) -> None:
    x = np.ones((3, 70), np.float32)
    x[1, 69] = value
    assert np.isnan(int8.quantized_rows(x)[1]).tolist() == [False, True, False]
    y = int8.linear(x, int8.Packed(numbers(20, 70), np.float32(0.1)), None)
    assert np.isnan(y).all(1).tolist() == [False, True, False]


def test_panels_are_made_again_where_a_layer_is_loaded() -> None:
    packed = int8.Packed(numbers(20, 70), np.float32(0.1))
    x = np.random.default_rng(0).normal(size=(4, 70)).astype(np.float32)
    want = int8.linear(x, packed, None)
    again = pickle.loads(pickle.dumps(packed))
    assert again._panels is None
    assert np.array_equal(int8.linear(x, again, None), want)


SCRIPT = """
import numpy as np
from flambeau.kernels.matmul import int8
r = np.random.default_rng(0)
x, w = r.normal(size=(37, 131)).astype(np.float32), r.integers(-128, 128, (45, 131), np.int8)
y = int8.linear(x, int8.Packed(w, np.float32(0.01)), np.ones(45, np.float32))
z = int8.product(w, np.ascontiguousarray(w.T))
print(y.tobytes().hex() + z.tobytes().hex())
"""


@pytest.mark.skipif(not amx.available("int8"), reason="no tiles")
@pytest.mark.parametrize("processor", ["cascadelake", "haswell", "nehalem"])
def test_tiles_give_what_other_instructions_give(processor: str) -> None:
    run = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=ROOT, check=True, capture_output=True, text=True,
            env={**os.environ, **more},
        ).stdout
        for more in ({}, {"FLAMBEAU_CPU": processor})
    ]  # fmt: skip
    assert run[0] == run[1]


@pytest.fixture
def planned_anew():
    """Kernels and plans are made in the test, and forgotten after it."""
    made = int8._plan, int8._packing, int8_kernel.multiplying
    for function in made:
        function.cache_clear()
    yield
    for function in made:
        function.cache_clear()


@pytest.mark.usefixtures("planned_anew")
def test_an_instruction_of_signed_bytes_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it computes is put together here of what this processor has."""
    right = int8_kernel.multiply_add

    def signed(code, total, left, y):
        made = right(code, total, left ^ int8_kernel.LOWERED, y)
        return made - right(code, total.like(0), left.like(int8_kernel.LOWERED), y)

    monkeypatch.setattr(int8_kernel, "multiply_add", signed)
    monkeypatch.setattr(int8_kernel, "shifts", lambda: True)
    monkeypatch.setattr(amx, "available", lambda kind: False)
    for dtype in (np.int8, np.uint8):
        for m, k, n in ((1, 5, 17), (3, 64, 33), (20, 70, 100)):
            x, y = numbers(m, k, dtype=dtype), numbers(k, n)
            got = int8.product(x, y)
            assert np.array_equal(got, x.astype(np.int64) @ y.astype(np.int64))
    x = np.random.default_rng(0).normal(size=(5, 70)).astype(np.float32)
    weight = numbers(33, 70)
    got = int8.linear(x, int8.Packed(weight, np.float32(0.01)), None)
    levels, step, zero = quantised(x)
    want = (levels - zero[:, None]) * step[:, None] @ (weight * 0.01).T
    assert abs(got - want).max() < 1e-5 * abs(want).max()


def on_arm(*features: str) -> str:
    """The text of the product for an aarch64 with such features."""
    from flambeau.kernels.runtime.process import machine
    from tests.kernels import test_neon

    class Written(Exception):
        pass

    def address(text: str) -> int:
        raise Written(text)

    test_neon.pretend()
    made = machine()
    made.features = dict.fromkeys(features, True)
    made.address = address
    try:
        int8_kernel.multiplying(int8_kernel.Tile(2, 4), "i32")
    except Written as written:
        return str(written)
    raise AssertionError("nothing was written")


COMPILED = """
import sys
import llvmlite.binding as llvm
from tests.kernels import test_neon
from tests.kernels.matmul.test_int8 import on_arm
text = on_arm(*sys.argv[2:])
module = llvm.parse_assembly(text)
module.verify()
module.triple = test_neon.TRIPLE
print(test_neon.target(sys.argv[1]).emit_assembly(module))
"""


@pytest.mark.parametrize(
    ("processor", "features", "instruction"),
    [
        ("neoverse-v1", ("i8mm", "dotprod"), "usdot"),
        ("neoverse-n1", ("dotprod",), "sdot"),
        ("generic", (), "smlal"),
    ],
)
def test_instructions_of_neon(processor: str, features: tuple[str, ...], instruction: str) -> None:
    from tests.kernels import test_neon

    if why := test_neon.reason_to_skip():
        pytest.skip(why)
    run = subprocess.run(
        [sys.executable, "-c", COMPILED, processor, *features], cwd=ROOT, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    found = {line.split()[0] for line in run.stdout.splitlines() if line.startswith("\t")}
    assert any(name.startswith(instruction) for name in found), sorted(found)
