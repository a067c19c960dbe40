"""Each instruction from registers to registers, against Python's integers, fractions and NumPy."""

from __future__ import annotations

import itertools
import math
import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest

from .assembly import DTYPES, HEAD, execute, instruction
from .exact import fma, rounded

ENDS = {"f2": 65504.0, "f4": 3.4028234663852886e38, "f8": 1.7976931348623157e308}
TINY = {"f2": 2.0**-24, "f4": 2.0**-149, "f8": 5e-324}


def values(type: str, count: int) -> np.ndarray:
    """The awkward ones, and some by chance."""
    dtype = np.dtype(DTYPES[type])
    random = np.random.default_rng(count)
    if type == "pred":
        return np.array([0, 1], dtype)
    if type == "bf16":
        some = np.array(
            [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 3e38, 1e-40, 1.0078125], "f4"
        )
        more = random.normal(size=count).astype("f4")
        return (np.r_[some, more].view("u4") >> 16).astype("u2")
    if dtype.kind == "f":
        kind = dtype.str[1:]
        some = [
            0.0,
            -0.0,
            1.0,
            -1.5,
            np.inf,
            -np.inf,
            np.nan,
            ENDS[kind],
            -ENDS[kind],
            TINY[kind],
            3 * TINY[kind],
        ]
        return np.r_[some, random.normal(size=count), random.normal(size=count) * 1e-4].astype(
            dtype
        )
    ends = np.iinfo(dtype)
    some = [0, 1, 2, 3, ends.max, ends.min, ends.max - 1, ends.max // 3]
    return np.r_[np.array(some, dtype), random.integers(ends.min, ends.max, count, dtype)]


def columns(types: str) -> list[np.ndarray]:
    kinds = types.partition("->")[0].split()
    lists = [values(type, {1: 200, 2: 20, 3: 8}.get(len(kinds), 4)) for type in kinds]
    rows = list(itertools.product(*lists))
    if len(rows) > 4000:
        rows = [rows[i] for i in np.random.default_rng(1).integers(0, len(rows), 4000)]
    return [np.array(c, x.dtype) for c, x in zip(zip(*rows, strict=True), lists, strict=True)]


def bits(type: str) -> int:
    return 8 * np.dtype(DTYPES[type]).itemsize


def wrapped(x: int, type: str) -> int:
    width = bits(type)
    x &= (1 << width) - 1
    return x - (1 << width) if type[0] == "s" and x >> width - 1 else x


def truncated(a: int, b: int) -> int:
    return abs(a) // abs(b) * (-1 if (a < 0) != (b < 0) else 1)


def field(a: int, start: int, length: int, type: str) -> int:
    start, length, width = start & 255, length & 255, bits(type)
    word = [a >> k & 1 if k < width else int(a < 0) for k in range(start, start + length)]
    found = sum(bit << k for k, bit in enumerate(word))
    if type[0] == "s" and length and word[-1]:
        found -= 1 << length
    return wrapped(found, type)


def inserted(a: int, b: int, start: int, length: int, type: str) -> int:
    start, length, width = start & 255, length & 255, bits(type)
    for k in range(length):
        if start + k < width:
            b = b & ~(1 << start + k) | (a >> k & 1 if k < width else 0) << start + k
    return b


def permuted(a: int, b: int, c: int) -> int:
    both, made = a | b << 32, 0
    for k in range(4):
        digit = c >> 4 * k & 15
        byte = both >> 8 * (digit & 7) & 255
        if digit & 8:
            byte = 255 if byte & 128 else 0
        made |= byte << 8 * k
    return made


def funnel(a: int, b: int, n: int) -> int:
    return ((a | b << 32) << n >> 32) & 0xFFFFFFFF


def looked_up(a: int, b: int, c: int, table: int) -> int:
    made = 0
    for k in range(32):
        row = (a >> k & 1) << 2 | (b >> k & 1) << 1 | c >> k & 1
        made |= (table >> row & 1) << k
    return made


ALL = ("s16", "u16", "s32", "u32", "s64", "u64")
LONG = ALL[2:]

# name, types, what it gives of Python's integers (wrapped to the result's type)
INTEGERS = [
    *((f"add.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", lambda a, b: a + b) for t in ("s16", "s32", "u32", "s64", "u64")),
    *((f"sub.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", lambda a, b: a - b) for t in ("s16", "s32", "u64")),
    *((f"mul.lo.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", lambda a, b: a * b) for t in ("s16", "s32", "u32", "s64")),
    *((f"mul.hi.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", lambda a, b, t=t: a * b >> bits(t)) for t in ALL),
    ("mul.wide.s32 {z}, {a}, {b}", "s32 s32->s64", lambda a, b: a * b),
    ("mul.wide.u32 {z}, {a}, {b}", "u32 u32->u64", lambda a, b: a * b),
    ("mul.wide.u16 {z}, {a}, {b}", "u16 u16->u32", lambda a, b: a * b),
    ("mad.lo.s32 {z}, {a}, {b}, {c}", "s32 s32 s32->s32", lambda a, b, c: a * b + c),
    ("mad.lo.s64 {z}, {a}, {b}, {c}", "s64 s64 s64->s64", lambda a, b, c: a * b + c),
    ("mad.hi.u32 {z}, {a}, {b}, {c}", "u32 u32 u32->u32", lambda a, b, c: (a * b >> 32) + c),
    ("mad.wide.s32 {z}, {a}, {b}, {c}", "s32 s32 s64->s64", lambda a, b, c: a * b + c),
    *((f"div.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", lambda a, b: truncated(a, b) if b else -1) for t in ALL),
    *((f"rem.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", lambda a, b: a - b * truncated(a, b) if b else a) for t in LONG),
    *((f"min.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", min) for t in ALL),
    *((f"max.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", max) for t in ALL),
    ("neg.s32 {z}, {a}", "s32->s32", lambda a: -a),
    ("abs.s64 {z}, {a}", "s64->s64", abs),
    ("sad.s32 {z}, {a}, {b}, {c}", "s32 s32 u32->u32", lambda a, b, c: abs(a - b) + c),
    ("add.sat.s32 {z}, {a}, {b}", "s32 s32->s32", lambda a, b: min(max(a + b, -(2**31)), 2**31 - 1)),
    ("and.b32 {z}, {a}, {b}", "b32 b32->b32", lambda a, b: a & b),
    ("or.b64 {z}, {a}, {b}", "b64 b64->b64", lambda a, b: a | b),
    ("xor.b16 {z}, {a}, {b}", "b16 b16->b16", lambda a, b: a ^ b),
    ("not.b32 {z}, {a}", "b32->b32", lambda a: ~a),
    ("cnot.b32 {z}, {a}", "b32->b32", lambda a: int(a == 0)),
    ("xor.pred {z}, {a}, {b}", "pred pred->pred", lambda a, b: a ^ b),
    ("not.pred {z}, {a}", "pred->pred", lambda a: 1 - a),
    *((f"shl.{t} {{z}}, {{a}}, {{b}}", f"{t} u32->{t}", lambda a, b: a << min(b, 64)) for t in ("b16", "b32", "b64")),
    *((f"shr.{t} {{z}}, {{a}}, {{b}}", f"{t} u32->{t}", lambda a, b: a >> min(b, 64)) for t in ALL),
    ("shl.b32 {z}, {a}, 5", "b32->b32", lambda a: a << 5),
    ("shf.l.wrap.b32 {z}, {a}, {b}, {c}", "b32 b32 b32->b32", lambda a, b, c: funnel(a, b, c & 31)),
    ("shf.r.wrap.b32 {z}, {a}, {b}, {c}", "b32 b32 b32->b32", lambda a, b, c: (a | b << 32) >> (c & 31)),
    ("shf.l.clamp.b32 {z}, {a}, {b}, {c}", "b32 b32 b32->b32", lambda a, b, c: funnel(a, b, min(c, 32))),
    ("shf.r.clamp.b32 {z}, {a}, {b}, {c}", "b32 b32 b32->b32", lambda a, b, c: (a | b << 32) >> min(c, 32)),
    ("popc.b32 {z}, {a}", "b32->u32", lambda a: bin(a).count("1")),
    ("popc.b64 {z}, {a}", "b64->u32", lambda a: bin(a).count("1")),
    ("clz.b32 {z}, {a}", "b32->u32", lambda a: 32 - a.bit_length()),
    ("clz.b64 {z}, {a}", "b64->u32", lambda a: 64 - a.bit_length()),
    ("bfind.u32 {z}, {a}", "u32->u32", lambda a: a.bit_length() - 1),
    ("bfind.s64 {z}, {a}", "s64->u32", lambda a: (a if a >= 0 else ~a).bit_length() - 1),
    ("brev.b32 {z}, {a}", "b32->b32", lambda a: int(f"{a:032b}"[::-1], 2)),
    ("brev.b64 {z}, {a}", "b64->b64", lambda a: int(f"{a:064b}"[::-1], 2)),
    *((f"bfe.{t} {{z}}, {{a}}, {{b}}, {{c}}", f"{t} u32 u32->{t}", lambda a, b, c, t=t: field(a, b, c, t)) for t in LONG),
    *((f"bfe.{t} {{z}}, {{a}}, 5, 9", f"{t}->{t}", lambda a, t=t: field(a, 5, 9, t)) for t in LONG),
    ("bfi.b32 {z}, {a}, {b}, 5, 9", "b32 b32->b32", lambda a, b: inserted(a, b, 5, 9, "b32")),
    ("bfi.b64 {z}, {a}, {b}, {c}, {d}", "b64 b64 u32 u32->b64", lambda a, b, c, d: inserted(a, b, c, d, "b64")),
    ("prmt.b32 {z}, {a}, {b}, {c}", "b32 b32 b32->b32", permuted),
    ("lop3.b32 {z}, {a}, {b}, {c}, 0xE8", "b32 b32 b32->b32", lambda a, b, c: a & b | b & c | a & c),
    ("lop3.b32 {z}, {a}, {b}, {c}, 0x1D", "b32 b32 b32->b32", lambda a, b, c: looked_up(a, b, c, 0x1D)),
    ("selp.b32 {z}, {a}, {b}, {c}", "b32 b32 pred->b32", lambda a, b, c: a if c else b),
    ("slct.b32.s32 {z}, {a}, {b}, {c}", "b32 b32 s32->b32", lambda a, b, c: a if c >= 0 else b),
    *((f"setp.{name}.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->pred", op) for t in ("s32", "u32", "s64", "u16") for name, op in (
        ("eq", lambda a, b: a == b), ("ne", lambda a, b: a != b), ("lt", lambda a, b: a < b),
        ("le", lambda a, b: a <= b), ("gt", lambda a, b: a > b), ("ge", lambda a, b: a >= b))),
    ("setp.hi.u32 {z}, {a}, {b}", "u32 u32->pred", lambda a, b: a > b),
    ("setp.lt.and.s32 {z}, {a}, {b}, {c}", "s32 s32 pred->pred", lambda a, b, c: a < b and c),
    ("set.lt.u32.s32 {z}, {a}, {b}", "s32 s32->u32", lambda a, b: -1 if a < b else 0),
    ("cvt.u32.u16 {z}, {a}", "u16->u32", lambda a: a),
    ("cvt.s32.s16 {z}, {a}", "s16->s32", lambda a: a),
    ("cvt.s64.s32 {z}, {a}", "s32->s64", lambda a: a),
    ("cvt.u64.u32 {z}, {a}", "u32->u64", lambda a: a),
    ("cvt.u32.u64 {z}, {a}", "u64->u32", lambda a: a),
    ("cvt.u16.u32 {z}, {a}", "u32->u16", lambda a: a),
    ("cvt.s16.s8 {z}, {a}", "s16->s16", lambda a: wrapped(a & 255, "s8")),
    ("cvt.u32.u8 {z}, {a}", "u32->u32", lambda a: a & 255),
    ("cvt.s32.s8 {z}, {a}", "u32->s32", lambda a: wrapped(a & 255, "s8")),
    ("mov.b64 {z}, {{{a}, {b}}}", "b32 b32->b64", lambda a, b: a | b << 32),
    ("mov.b32 {z}, {{{a}, {b}}}", "b16 b16->b32", lambda a, b: a | b << 16),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "types", "wanted"), INTEGERS, ids=lambda x: x if isinstance(x, str) else ""
)
def test_integers(cupy, text, types, wanted):
    given = columns(types)
    type = types.partition("->")[2]
    expected = [wrapped(int(wanted(*map(int, row))), type) for row in zip(*given, strict=True)]
    assert execute(text, types, *given).tolist() == expected


# floats: what NumPy rounds from the exact result


def one_nan(x: np.ndarray) -> np.ndarray:
    """Floats as bits, with the NaN that GPUs make."""
    nan = {2: 0x7FFF, 4: 0x7FFFFFFF, 8: 0xFFF8000000000000}[x.dtype.itemsize]
    return np.where(
        np.isnan(x), np.array(nan, f"u{x.dtype.itemsize}"), x.view(f"u{x.dtype.itemsize}")
    )


def same(x: float, y: float) -> bool:
    """Equal, zeros by their signs too, or both no numbers."""
    return (x == y and math.copysign(1, x) == math.copysign(1, y)) or (x != x and y != y)


def least(a, b):
    """The smaller one, -0 before 0, a number before a NaN."""
    return np.where(np.isnan(b) | (a < b) | ((a == b) & np.signbit(a)), a, b)


def most(a, b):
    return -least(-a, -b)


FLOATS = [
    *((f"add.rn.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", np.add) for t in ("f32", "f64", "f16")),
    *((f"sub.rn.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", np.subtract) for t in ("f32", "f64", "f16")),
    *((f"mul.rn.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", np.multiply) for t in ("f32", "f64", "f16")),
    *((f"div.rn.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", np.divide) for t in ("f32", "f64")),
    *((f"sqrt.rn.{t} {{z}}, {{a}}", f"{t}->{t}", np.sqrt) for t in ("f32", "f64")),
    *((f"rcp.rn.{t} {{z}}, {{a}}", f"{t}->{t}", lambda a: a.dtype.type(1) / a) for t in ("f32", "f64")),
    *((f"min.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", least) for t in ("f32", "f64", "f16")),
    *((f"max.{t} {{z}}, {{a}}, {{b}}", f"{t} {t}->{t}", most) for t in ("f32", "f64", "f16")),
    ("min.NaN.f32 {z}, {a}, {b}", "f32 f32->f32", lambda a, b: np.where(a != a, a, np.where(b != b, b, least(a, b)))),
    ("neg.f32 {z}, {a}", "f32->f32", np.negative),
    ("abs.f64 {z}, {a}", "f64->f64", np.abs),
    ("copysign.f32 {z}, {a}, {b}", "f32 f32->f32", lambda a, b: np.copysign(b, a)),
    ("add.sat.f32 {z}, {a}, {b}", "f32 f32->f32", lambda a, b: np.nan_to_num(np.clip(a + b, 0, 1)) + 0),
    ("cvt.f64.f32 {z}, {a}", "f32->f64", lambda a: a.astype("f8")),
    ("cvt.rn.f32.f64 {z}, {a}", "f64->f32", lambda a: a.astype("f4")),
    ("cvt.f32.f16 {z}, {a}", "f16->f32", lambda a: a.astype("f4")),
    ("cvt.rn.f16.f32 {z}, {a}", "f32->f16", lambda a: a.astype("f2")),
    ("cvt.rni.f32.f32 {z}, {a}", "f32->f32", np.rint),
    ("cvt.rzi.f64.f64 {z}, {a}", "f64->f64", np.trunc),
    ("cvt.rmi.f32.f32 {z}, {a}", "f32->f32", np.floor),
    ("cvt.rpi.f32.f32 {z}, {a}", "f32->f32", np.ceil),
    ("cvt.sat.f32.f32 {z}, {a}", "f32->f32", lambda a: np.nan_to_num(np.clip(a, 0, 1)) + 0),
    *((f"cvt.rn.{t}.{s} {{z}}, {{a}}", f"{s}->{t}", lambda a, t=t: a.astype(DTYPES[t]))
      for t in ("f32", "f64") for s in ALL),
    ("cvt.rn.f16.s16 {z}, {a}", "s16->f16", lambda a: a.astype("f8").astype("f2")),
    ("add.rn.f32.f16 {z}, {a}, {b}", "f16 f32->f32", lambda a, b: a.astype("f4") + b),
    ("selp.f32 {z}, {a}, {b}, {c}", "f32 f32 pred->f32", lambda a, b, c: np.where(c, a, b)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "types", "wanted"), FLOATS, ids=lambda x: x if isinstance(x, str) else ""
)
def test_floats(cupy, text, types, wanted):
    given = columns(types)
    found = execute(text, types, *given)
    with np.errstate(all="ignore"):
        expected = np.asarray(wanted(*given)).astype(found.dtype)
    same = (expected == found) & (np.signbit(expected) == np.signbit(found))
    same |= np.isnan(expected) & np.isnan(found)
    assert same.all(), [c[~same][:3] for c in (*given, expected, found)]


@pytest.mark.parametrize("type", ["f32", "f64", "f16", "bf16"])
def test_fused_products_are_rounded_once(cupy, type):
    given = columns(f"{type} {type} {type}->{type}")
    found = execute(
        f"fma.rn.{type} {{z}}, {{a}}, {{b}}, {{c}}", f"{type} {type} {type}->{type}", *given
    )
    format = "bf16" if type == "bf16" else DTYPES[type]
    plain = (
        [(x.astype("u4") << 16).view("f4") for x in (*given, found)]
        if type == "bf16"
        else [*given, found]
    )
    *given, found = plain
    for a, b, c, z in zip(*(x.astype("f8").tolist() for x in given), found.tolist(), strict=True):
        expected = fma(a, b, c, format)
        assert same(z, expected)


@pytest.mark.parametrize("type", ["f32", "f64"])
def test_fused_products_near_ties(cupy, type):
    """1 + u and its like, whose products are so near to the middle of two floats that a second rounding shows."""
    format = DTYPES[type]
    unit = {"f4": 2.0**-23, "f8": 2.0**-52}[format]
    a = np.array([1 + unit, 1 + 3 * unit, 1 - unit / 2, 1 + unit] * 3, format)
    b = np.array([1 + unit, 1 + unit, 1 + unit, 1 - unit / 2] * 3, format)
    c = np.repeat(np.array([unit / 2, -unit / 2, unit**2 / 4], format), 4)
    found = execute(
        f"fma.rn.{type} {{z}}, {{a}}, {{b}}, {{c}}", f"{type} {type} {type}->{type}", a, b, c
    )
    expected = [
        fma(*row, format) for row in zip(*(x.astype("f8").tolist() for x in (a, b, c)), strict=True)
    ]
    assert found.tolist() == expected


def test_bfloat16_is_rounded_to_even(cupy):
    given = columns("f32->bf16")
    found = execute("cvt.rn.bf16.f32 {z}, {a}", "f32->bf16", *given)
    back = (found.astype("u4") << 16).view("f4")
    for x, z in zip(given[0].tolist(), back.tolist(), strict=True):
        assert same(z, rounded(Fraction(x), "bf16") if x and math.isfinite(x) else x)


def test_two_halves_in_a_word(cupy):
    a, b = columns("f32 f32->b32")
    found = execute("cvt.rn.f16x2.f32 {z}, {a}, {b}", "f32 f32->b32", a, b)
    with np.errstate(all="ignore"):
        expected = one_nan(a.astype("f2")).astype("u4") << 16 | one_nan(b.astype("f2"))
    assert (found == expected).all()
    doubled = execute("add.rn.f16x2 {z}, {a}, {a}", "f16x2->f16x2", found)
    with np.errstate(all="ignore"):
        halves = found.view("f2") + found.view("f2")
    assert np.array_equal(doubled.view("f2"), halves, equal_nan=True)


UNORDERED = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}


@pytest.mark.parametrize("type", ["f32", "f64", "f16"])
@pytest.mark.parametrize("name", [*UNORDERED, *(f"{n}u" for n in UNORDERED), "nan", "num"])
def test_comparisons_of_floats(cupy, name, type):
    a, b = columns(f"{type} {type}->pred")
    odd = np.isnan(a) | np.isnan(b)
    if name in ("nan", "num"):
        expected = odd == (name == "nan")
    else:
        expected = np.where(odd, name.endswith("u"), UNORDERED[name[:2]](a, b))
    assert np.array_equal(
        execute(f"setp.{name}.{type} {{z}}, {{a}}, {{b}}", f"{type} {type}->pred", a, b), expected
    )


@pytest.mark.parametrize(
    "name", ["finite", "infinite", "number", "notanumber", "normal", "subnormal"]
)
def test_kinds_of_floats(cupy, name):
    (x,) = columns("f32->pred")
    small = np.abs(x) < np.float32(2**-126)
    expected = {
        "finite": np.isfinite(x), "infinite": np.isinf(x), "number": ~np.isnan(x), "notanumber": np.isnan(x),
        "normal": np.isfinite(x) & ~small, "subnormal": small & (x != 0),
    }  # fmt: skip
    assert np.array_equal(execute(f"testp.{name}.f32 {{z}}, {{a}}", "f32->pred", x), expected[name])


@pytest.mark.parametrize("source", ["f32", "f64"])
@pytest.mark.parametrize("target", ["s16", "u16", "s32", "u32", "s64", "u64"])
@pytest.mark.parametrize("how", ["rzi", "rni", "rmi"])
def test_floats_to_integers_are_held_at_the_ends(cupy, source, target, how):
    x = np.r_[
        values(source, 40),
        np.array([2.5, 3.5, -0.5, 1e4, -1e4, 2e9, 3e9, 1e18, 1e19, 2e19], DTYPES[source]),
    ]
    found = execute(f"cvt.{how}.{target}.{source} {{z}}, {{a}}", f"{source}->{target}", x)
    ends = np.iinfo(DTYPES[target])
    whole = {"rzi": math.trunc, "rni": round, "rmi": math.floor}[how]
    for a, z in zip(x.tolist(), found.tolist(), strict=True):
        if a != a:
            wide = source == "f64" or target[1:] == "64"
            lost = {"s": -(1 << bits(target) - 1), "u": 1 << bits(target) - 1}[target[0]]
            assert z == (lost if wide and bits(target) > 16 else 0)
        elif math.isinf(a):
            assert z == (ends.max if a > 0 else ends.min)
        else:
            assert z == min(max(whole(a), int(ends.min)), int(ends.max))


@pytest.mark.parametrize("name", ["ex2", "lg2", "sin", "cos", "rsqrt", "tanh"])
def test_approximations(cupy, name):
    x = np.linspace(0.1, 9, 50, dtype="f4")
    function = {"ex2": np.exp2, "lg2": np.log2, "rsqrt": lambda x: 1 / np.sqrt(x)}.get(
        name
    ) or getattr(np, name)
    found = execute(f"{name}.approx.f32 {{z}}, {{a}}", "f32->f32", x)
    np.testing.assert_allclose(found, function(x.astype("f8")), rtol=1e-7)


def test_long_sums_carry(cupy):
    a, b = columns("u64 u64->u64")
    text = "add.cc.u64 %d30, {a}, {b}; addc.u64 {z}, 0, 0"
    assert execute(text, "u64 u64->u64", a, b).tolist() == [
        int(int(x) + int(y) >= 2**64) for x, y in zip(a, b, strict=True)
    ]
    text = "sub.cc.u64 %d30, {a}, {b}; subc.cc.u64 %d31, {a}, {b}; subc.u64 {z}, 0, 0"
    expected = [
        (-((int(x) - int(y) - int(int(x) < int(y))) < 0)) & (2**64 - 1)
        for x, y in zip(a, b, strict=True)
    ]
    assert execute(text, "u64 u64->u64", a, b).tolist() == expected


def test_a_nan_is_the_gpu_s_where_its_bits_are_seen(cupy):
    x = np.array([np.inf, -np.inf], "f4")
    assert (
        execute("sub.rn.f32 {z}, {a}, {a}", "f32->f32", x).view("u4").tolist() == [0x7FFFFFFF] * 2
    )
    text = "sub.rn.f32 %r20, {a}, {a}; shr.u32 {z}, %r20, 31"
    assert execute(text, "f32->u32", x).tolist() == [0, 0]
    kept = np.array([0xFFC12345, 0x7F812345], "u4").view("f4")
    assert execute("mov.b32 {z}, {a}", "f32->f32", kept).view("u4").tolist() == [
        0xFFC12345,
        0x7F812345,
    ]


def test_the_texts_are_ptx():
    """ptxas takes every instruction of these tables."""
    ptxas = shutil.which("ptxas")
    if ptxas is None:
        pytest.skip("ptxas is not installed")
    listed = [(text, types) for text, types, _ in [*INTEGERS, *FLOATS]]
    text = HEAD + "".join(
        instruction(text, types, f"test{k}").removeprefix(HEAD)
        for k, (text, types) in enumerate(listed)
    )
    told = subprocess.run(
        [ptxas, "-arch", "sm_100", "-o", "/dev/null", "-"], input=text.replace("sm_90", "sm_100").replace("8.0", "8.6"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
