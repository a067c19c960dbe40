"""What threads of a warp do together."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau.simulator.ptx import Fault

from .assembly import kernel, launch
from .test_grid import HERE

pytestmark = pytest.mark.usefixtures("cupy")


def run(body: str, block: int = 64, grid: int = 1) -> np.ndarray:
    text = kernel(HERE + body + "\n  st.global.u32 [%d3], %r9;", "u64")
    return launch(text, np.zeros(block * grid, "u4"), block=block, grid=grid)[0]


SHUFFLES = {
    "bfly.b32 %r9, %r4, 4, 31": lambda t: t ^ 4,
    "idx.b32 %r9, %r4, 3, 31": lambda t: t // 32 * 32 + 3,
    "up.b32 %r9, %r4, 2, 0": lambda t: np.where(t % 32 >= 2, t - 2, t),
    "down.b32 %r9, %r4, 5, 31": lambda t: np.where(t % 32 + 5 <= 31, t + 5, t),
    # within eight lanes each: a mask of segments in the upper bits
    "bfly.b32 %r9, %r4, 1, 6175": lambda t: t ^ 1,
    "down.b32 %r9, %r4, 3, 6175": lambda t: np.where(t % 8 + 3 <= 7, t + 3, t),
    "up.b32 %r9, %r4, 1, 6144": lambda t: np.where(t % 8 >= 1, t - 1, t),
    "idx.b32 %r9, %r4, 2, 6175": lambda t: t // 8 * 8 + 2,
}


@pytest.mark.parametrize("how", SHUFFLES)
def test_exchanges(cupy, how):
    t = np.arange(128)
    assert run(f"shfl.sync.{how}, -1;", grid=2).tolist() == SHUFFLES[how](t).tolist()


def test_an_exchange_by_each_thread_s_own_number(cupy):
    t = np.arange(64)
    found = run("mul.lo.u32 %r5, %r4, 7; shfl.sync.idx.b32 %r9, %r4, %r5, 31, -1;")
    assert found.tolist() == (t // 32 * 32 + t * 7 % 32).tolist()


def test_an_exchange_says_who_was_within(cupy):
    found = run("shfl.sync.up.b32 %r5|%p1, %r4, 1, 0, -1; selp.u32 %r9, 1, 0, %p1;")
    assert found.tolist() == ([0] + [1] * 31) * 2


def test_half_a_warp_exchanges_while_the_other_is_elsewhere(cupy):
    body = """
  setp.ge.u32 %p1, %r1, 16;
  mov.u32 %r9, 99;
  @%p1 bra $end;
  shfl.sync.bfly.b32 %r9, %r4, 1, 31, 65535;
$end:"""
    assert run(body, block=32).tolist() == [k ^ 1 for k in range(16)] + [99] * 16


def test_an_exchange_waits_for_threads_that_come_later(cupy):
    body = """
  and.b32 %r5, %r1, 1;
  setp.eq.u32 %p1, %r5, 0;
  mov.u32 %r6, %r4;
  @%p1 bra $meet;
  add.u32 %r6, %r6, 100;
$meet:
  shfl.sync.bfly.b32 %r9, %r6, 1, 31, -1;"""
    assert run(body).tolist() == [(k ^ 1) + 100 * ((k ^ 1) % 2) for k in range(64)]


def test_threads_that_the_mask_does_not_name(cupy):
    with pytest.raises(Fault, match="its mask does not name the thread itself"):
        run("shfl.sync.bfly.b32 %r9, %r4, 1, 31, 1;")


def test_a_lane_that_the_block_does_not_have(cupy):
    with pytest.raises(
        Fault, match=r"thread \(39, 0, 0\): it reads a thread that the block does not have"
    ):
        run("shfl.sync.down.b32 %r9, %r4, 1, 31, -1;", block=40)


def test_votes(cupy):
    small = "setp.lt.u32 %p1, %r1, 40;"
    assert (
        run(small + "vote.sync.ballot.b32 %r9, %p1, -1;").tolist() == [2**32 - 1] * 32 + [255] * 32
    )
    for mode, expected in (
        ("all", [1] * 32 + [0] * 32),
        ("any", [1] * 64),
        ("uni", [1] * 32 + [0] * 32),
    ):
        assert (
            run(small + f"vote.sync.{mode}.pred %p2, %p1, -1; selp.u32 %r9, 1, 0, %p2;").tolist()
            == expected
        )


def test_matches(cupy):
    third = "rem.u32 %r5, %r1, 3;"
    expected = [
        sum(1 << k for k in range(32) if (k + t // 32 * 32) % 3 == t % 3) for t in range(64)
    ]
    assert run(third + "match.any.sync.b32 %r9, %r5, -1;").tolist() == expected
    assert run("match.all.sync.b32 %r9|%p1, %r2, -1;").tolist() == [2**32 - 1] * 64
    assert run(third + "match.all.sync.b32 %r9|%p1, %r5, -1;").tolist() == [0] * 64


def test_reductions(cupy):
    assert (
        run("redux.sync.add.u32 %r9, %r4, -1;").tolist()
        == [sum(range(32))] * 32 + [sum(range(32, 64))] * 32
    )
    assert (
        run("sub.u32 %r5, 10, %r4; redux.sync.min.s32 %r9, %r5, -1;").view("i4").tolist()
        == [-21] * 32 + [-53] * 32
    )


def test_who_is_there(cupy):
    body = "setp.lt.u32 %p1, %r1, 3; mov.u32 %r9, 0; @!%p1 bra $end; activemask.b32 %r9;\n$end:"
    assert run(body, block=32).tolist() == [7] * 3 + [0] * 29


@pytest.mark.parametrize(
    ("name", "expected"),
    [("eq", lambda k: 1 << k), ("lt", lambda k: (1 << k) - 1), ("gt", lambda k: 2**32 - (2 << k))],
)
def test_masks_of_lanes(cupy, name, expected):
    assert run(f"mov.u32 %r9, %lanemask_{name};", block=32).tolist() == [
        expected(k) for k in range(32)
    ]


def test_lanes_and_warps(cupy):
    assert run(
        "mov.u32 %r5, %laneid; mov.u32 %r6, %warpid; mad.lo.u32 %r9, %r6, 100, %r5;"
    ).tolist() == [100 * (k // 32) + k % 32 for k in range(64)]
