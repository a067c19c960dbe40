"""Loads, stores and atomic changes."""

from __future__ import annotations

import numpy as np
import pytest

from .assembly import kernel, launch
from .test_grid import HERE

pytestmark = pytest.mark.usefixtures("cupy")

TWO = (
    HERE.replace("%r4, 4;", "%r4, {0};")
    + """
  ld.param.u64 %d4, [test_param_1];
  mul.wide.u32 %d5, %r4, {1};
  add.s64 %d6, %d4, %d5;
"""
)


@pytest.mark.parametrize(
    ("load", "width", "cast"),
    [("u8", 1, "u1"), ("s8", 1, "i1"), ("b8", 1, "u1"), ("u16", 2, "u2"), ("s16", 2, "i2")],
)
def test_short_words_are_extended(cupy, load, width, cast):
    x = np.arange(-16, 16).astype(cast)
    kind = "s" if load[0] == "s" else "u"
    body = f"ld.global.{load} %h1, [%d3]; cvt.{kind}32.{kind}16 %r5, %h1; st.global.u32 [%d6], %r5;"
    _, found = launch(kernel(TWO.format(width, 4) + body, "u64 u64"), x, np.zeros(32, "i4"))
    assert found.tolist() == x.astype("i4").tolist()


def test_bytes_are_stored_from_longer_registers(cupy):
    body = "add.u32 %r5, %r1, 250; cvt.u16.u32 %h1, %r5; st.global.b8 [%d3], %h1;"
    found, _ = launch(kernel(TWO.format(1, 1) + body, "u64 u64"), np.zeros(32, "u1"), np.zeros(1))
    assert found.tolist() == [(k + 250) % 256 for k in range(32)]


@pytest.mark.parametrize(
    ("count", "type", "stem"),
    [(2, "b32", "r"), (4, "f32", "r"), (2, "b64", "d"), (4, "b16", "h"), (2, "f64", "d")],
)
def test_several_words_at_once(cupy, count, type, stem):
    width = int(type[1:]) // 8
    names = [f"%{stem}{8 + k}" for k in range(count)]
    body = f"""
  ld.global.nc.v{count}.{type} {{{", ".join(names)}}}, [%d3];
  st.global.v{count}.{type} [%d6], {{{", ".join(names[::-1])}}};"""
    x = np.arange(32 * count).astype(f"{'f' if type[0] == 'f' else 'u'}{width}")
    text = kernel(TWO.format(width * count, width * count) + body, "u64 u64")
    _, found = launch(text, x, np.zeros_like(x))
    assert found.tolist() == x.reshape(32, count)[:, ::-1].ravel().tolist()


def test_all_threads_read_one_word(cupy):
    body = "ld.global.v2.u32 {%r5, %r6}, [%d1]; add.u32 %r7, %r5, %r6; st.global.u32 [%d6], %r7;"
    _, found = launch(
        kernel(TWO.format(4, 4) + body, "u64 u64"), np.array([5, 6], "u4"), np.zeros(32, "u4")
    )
    assert found.tolist() == [11] * 32


def test_parameters_of_all_types_and_structures(cupy):
    text = f"""
.version 8.0
.target sm_90
.address_size 64
.visible .entry test(
  .param .u64 test_param_0, .param .u8 a, .param .f64 b, .param .align 4 .b8 c[16], .param .align 2 .b8 d[2]
)
{{
  .reg .b16 %h<9>; .reg .b32 %r<20>; .reg .b64 %d<20>;
{HERE}
  ld.param.u8 %h1, [a];
  cvt.u32.u16 %r5, %h1;
  ld.param.f64 %d5, [b];
  cvt.rzi.u32.f64 %r6, %d5;
  ld.param.u32 %r7, [c+8];
  mov.b64 %d6, c;
  ld.param.u32 %r8, [%d6+12];
  ld.param.b16 %h2, [d];
  cvt.u32.u16 %r9, %h2;
  add.u32 %r5, %r5, %r6;
  add.u32 %r5, %r5, %r7;
  add.u32 %r5, %r5, %r8;
  add.u32 %r5, %r5, %r9;
  st.global.u32 [%d3], %r5;
  ret;
}}"""
    pair = np.array([1, 2, 3000, 40000], "u4").view("c16")[0]
    (found,) = launch(text, np.zeros(1, "u4"), np.uint8(7), 500.5, pair, np.uint16(9), block=1)
    assert found.tolist() == [7 + 500 + 3000 + 40000 + 9]


ATOMIC = [
    ("add.u32", "u4", lambda x, y: x + y),
    ("add.u64", "u8", lambda x, y: x + y),
    ("add.f32", "f4", lambda x, y: x + y),
    ("add.f64", "f8", lambda x, y: x + y),
    ("min.s32", "i4", min),
    ("max.s64", "i8", max),
    ("min.u32", "u4", min),
    ("and.b32", "u4", lambda x, y: x & y),
    ("or.b32", "u4", lambda x, y: x | y),
    ("xor.b64", "u8", lambda x, y: x ^ y),
    ("exch.b32", "u4", lambda x, y: y),
    ("inc.u32", "u4", lambda x, y: 0 if x >= y else x + 1),
    ("dec.u32", "u4", lambda x, y: y if x == 0 or x > y else x - 1),
    ("add.noftz.f16", "f2", lambda x, y: x + y),
]


@pytest.mark.parametrize(
    ("name", "kind", "change"), ATOMIC, ids=lambda x: x if isinstance(x, str) else ""
)
@pytest.mark.parametrize("places", [1, 5, 64])
def test_atomic_changes(cupy, name, kind, change, places):
    """Threads change their places in the order of their numbers, and get what was there before."""
    width = np.dtype(kind).itemsize
    stem = {2: "h", 4: "r", 8: "d"}[width]
    body = f"""
  ld.global.b{8 * width} %{stem}9, [%d3];
  rem.u32 %r10, %r4, {places};
  mul.wide.u32 %d12, %r10, {width};
  add.s64 %d13, %d4, %d12;
  atom.global.{name} %{stem}11, [%d13], %{stem}9;
  ld.param.u64 %d14, [test_param_2];
  add.s64 %d15, %d14, %d2;
  st.global.b{8 * width} [%d15], %{stem}11;"""
    x = np.random.default_rng(0).integers(1, 9, 64).astype(kind)
    y = np.arange(places).astype(kind)
    text = kernel(TWO.format(width, width) + body, "u64 u64 u64")
    _, changed, before = launch(text, x, y, np.zeros(64, kind), grid=2)
    expected, seen = y.copy(), []
    for k in range(64):
        seen.append(expected[k % places])
        expected[k % places] = change(expected[k % places], x[k])
    assert changed.tolist() == expected.tolist()
    assert before.tolist() == [z.item() for z in seen]


def test_compare_and_swap_in_a_loop(cupy):
    """A sum of bfloat16 as LLVM makes it: threads that lose try again."""
    body = """
  ld.global.u32 %r5, [%d4];
$again:
  add.u32 %r6, %r5, %r4;
  atom.relaxed.gpu.global.cas.b32 %r7, [%d4], %r5, %r6;
  setp.ne.u32 %p1, %r7, %r5;
  mov.u32 %r5, %r7;
  @%p1 bra $again;"""
    _, found = launch(
        kernel(TWO.format(4, 4) + body, "u64 u64"), np.zeros(1), np.zeros(1, "u4"), grid=2
    )
    assert found.tolist() == [sum(range(64))]


def test_changes_without_a_result(cupy):
    body = "red.global.add.f32 [%d4], 0f3FC00000;"
    _, found = launch(
        kernel(TWO.format(4, 4) + body, "u64 u64"), np.zeros(1), np.zeros(1, "f4"), grid=3
    )
    assert found.tolist() == [96 * 1.5]
