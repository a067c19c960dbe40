"""Products of a warp's matrices, element by element where PTX puts them."""

from __future__ import annotations

import numpy as np
import pytest

from .assembly import kernel, launch

pytestmark = pytest.mark.usefixtures("cupy")


def fragment(x: np.ndarray, rows: list, columns: list) -> np.ndarray:
    """What each lane holds of a matrix: the elements whose places PTX's manual gives."""
    lanes = [divmod(lane, 4) for lane in range(32)]
    places = list(zip(rows, columns, strict=True))
    return np.array([[x[row(*lane), column(*lane)] for row, column in places] for lane in lanes])


# places of elements a0 .. a7 in the left factor, by the lane's group g and its place t within it
LEFT = [lambda g, t, k=k: g + 8 * (k // 2 % 2) for k in range(8)]
STEPS = [lambda g, t, k=k: 2 * t + k % 2 + 8 * (k // 4) for k in range(8)]
RIGHT = [lambda g, t: g] * 4
RIGHT_STEPS = [lambda g, t, k=k: 2 * t + k % 2 + 8 * (k // 2) for k in range(4)]
SUMS = [lambda g, t, k=k: g + 8 * (k // 2) for k in range(4)]
SUM_COLUMNS = [lambda g, t, k=k: 2 * t + k % 2 for k in range(4)]


@pytest.mark.parametrize("type", ["f16", "bf16"])
def test_m16n8k16(cupy, type):
    random = np.random.default_rng(3)
    a, b = (random.integers(-8, 9, shape).astype("f4") / 4 for shape in ((16, 16), (16, 8)))
    c = random.integers(-8, 9, (16, 8)).astype("f4")

    def words(x: np.ndarray) -> np.ndarray:
        short = (
            x.astype("f2").view("u2")
            if type == "f16"
            else (x.astype("f4").view("u4") >> 16).astype("u2")
        )
        return np.ascontiguousarray(short).view("u4")

    left, right = words(fragment(a, LEFT, STEPS)), words(fragment(b, RIGHT_STEPS, RIGHT))
    start = fragment(c, SUMS, SUM_COLUMNS).astype("f4")
    body = """
  mov.u32 %r30, %tid.x;
  mul.wide.u32 %d10, %r30, 16;
  mul.wide.u32 %d11, %r30, 8;
  ld.param.u64 %d1, [test_param_0];
  ld.param.u64 %d2, [test_param_1];
  ld.param.u64 %d3, [test_param_2];
  add.s64 %d1, %d1, %d10;
  add.s64 %d2, %d2, %d11;
  add.s64 %d3, %d3, %d10;
  ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%d1];
  ld.global.v2.b32 {%r5, %r6}, [%d2];
  ld.global.v4.b32 {%r7, %r8, %r9, %r10}, [%d3];
  mma.sync.aligned.m16n8k16.row.col.f32.TYPE.TYPE.f32
    {%r7, %r8, %r9, %r10}, {%r1, %r2, %r3, %r4}, {%r5, %r6}, {%r7, %r8, %r9, %r10};
  st.global.v4.b32 [%d3], {%r7, %r8, %r9, %r10};"""
    found = launch(kernel(body.replace("TYPE", type), "u64 u64 u64"), left, right, start)[2]
    assert (
        found.tolist() == fragment(a @ b + c, SUMS, SUM_COLUMNS).tolist()
    )  # sums of quarters: exact in any order
