"""Instructions that NumPy has not, as ufuncs that LLVM compiles: exact fused products, upper halves, bits, saturation."""

from __future__ import annotations

import ctypes
from functools import cache
from threading import Lock
from typing import Any

import llvmlite.binding as llvm
import numpy as np

LLVM = {"f4": "float", "f8": "double"} | {
    f"{k}{n}": f"i{8 * n}" for k in "iu" for n in (1, 2, 4, 8)
}
"""NumPy's types by LLVM's names."""
_LOOP = """
define void @loop(ptr %arguments, ptr %counts, ptr %steps, ptr %data) {{
entry:
  %count = load i64, ptr %counts
{begins}
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %body, label %done
body:
  %i = phi i64 [ 0, %entry ], [ %onward, %body ]
{loads}
  {work}
{stores}
  %onward = add i64 %i, 1
  %more = icmp slt i64 %onward, %count
  br i1 %more, label %body, label %done
done:
  ret void
}}
"""
_WITH_SIGNATURE = 31
"""Where PyUFunc_FromFuncAndDataAndSignature stands in NumPy's table of functions."""
_lock = Lock()
_keep: list[Any] = []  # compiled code, and what NumPy has pointers to


def ufunc(name: str, types: str, work: str, declared: str = "") -> np.ufunc:
    """A ufunc of LLVM's instructions.

    Args:
        types: NumPy's types of %a, %b, ... and, behind an arrow, of the result %z: "f4 f4 f4->f4".
        work: The instructions between them.
        declared: Declarations of what they call.
    """
    inputs, _, result = types.partition("->")
    kinds = [*inputs.split(), result]
    letters = [*"abcd"[: len(kinds) - 1], "z"]
    begins, loads, stores = [], [], []
    for i, (letter, kind) in enumerate(zip(letters, kinds, strict=True)):
        begins += [
            f"  %{letter}.place = getelementptr ptr, ptr %arguments, i64 {i}",
            f"  %{letter}.first = load ptr, ptr %{letter}.place",
            f"  %{letter}.stride = getelementptr i64, ptr %steps, i64 {i}",
            f"  %{letter}.step = load i64, ptr %{letter}.stride",
        ]
        place = [
            f"  %{letter}.offset = mul i64 %i, %{letter}.step",
            f"  %{letter}.at = getelementptr i8, ptr %{letter}.first, i64 %{letter}.offset",
        ]
        type = LLVM[kind]
        if letter == "z":
            stores += [*place, f"  store {type} %z, ptr %z.at, align 1"]
        else:
            loads += [*place, f"  %{letter} = load {type}, ptr %{letter}.at, align 1"]
    text = _LOOP.format(
        begins="\n".join(begins), loads="\n".join(loads), work=work, stores="\n".join(stores)
    )
    return _made(name, [np.dtype(kind) for kind in kinds], 1, _compiled(text + declared))


def _compiled(text: str) -> int:
    """The address of a module's loop."""
    with _lock:
        engine = _engine()
        module = llvm.parse_assembly(text)
        module.verify()
        engine.add_module(module)
        engine.finalize_object()
        address = engine.get_function_address("loop")
        engine.remove_module(module)  # its code stays; the next one has a loop of its own
        _keep.append(module)
    return int(address)


@cache
def _engine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def _made(
    name: str, dtypes: list[np.dtype], results: int, address: int, signature: str | None = None
) -> np.ufunc:
    """NumPy's own constructor of ufuncs, out of its C interface."""
    take = ctypes.pythonapi.PyCapsule_GetPointer
    take.restype, take.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    capsule = np._core._multiarray_umath._UFUNC_API  # type: ignore[attr-defined]
    table = ctypes.cast(take(capsule, None), ctypes.POINTER(ctypes.c_void_p))
    pointer, integer, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    types = [pointer] * 3 + [integer] * 4 + [text, text, integer, text]
    construct = ctypes.PYFUNCTYPE(ctypes.py_object, *types)(table[_WITH_SIGNATURE])
    loops, data = (pointer * 1)(address), (pointer * 1)()
    kinds = (ctypes.c_char * len(dtypes))(*(bytes([dtype.num]) for dtype in dtypes))
    shown, dimensions = name.encode(), None if signature is None else signature.encode()
    _keep.append((loops, data, kinds, shown, dimensions))
    operands = len(dtypes) - results
    made = construct(loops, data, kinds, 1, operands, results, -1, shown, b"", 0, dimensions)
    assert isinstance(made, np.ufunc)
    return made


# ----------------------------------------------------------------------------- what there is


def _called(intrinsic: str, types: str) -> np.ufunc:
    """LLVM's intrinsic function of this name, whose operands and result have one type."""
    kinds = types.replace("->", " ").split()
    type = LLVM[kinds[0]]
    suffix = {"float": "f32", "double": "f64"}.get(type, type)
    given = ", ".join(f"{type} %{letter}" for letter in "abcd"[: len(kinds) - 1])
    listed = ", ".join([type] * (len(kinds) - 1))
    full = f"@llvm.{intrinsic}.{suffix}"
    declared = f"declare {type} {full}({listed})"
    return ufunc(intrinsic, types, f"%z = call {type} {full}({given})", declared)


@cache
def fma(kind: str) -> np.ufunc:
    """a * b + c, rounded once."""
    return _called("fma", f"{kind} {kind} {kind}->{kind}")


@cache
def extreme(name: str, kind: str) -> np.ufunc:
    """ "minimumnum" and "maximumnum" pass a NaN over, "minimum" and "maximum" keep it; -0 is less than 0."""
    return _called(name, f"{kind} {kind}->{kind}")


@cache
def bits(name: str, kind: str) -> np.ufunc:
    """ "ctpop" counts ones, "bitreverse" turns the bits round."""
    return _called(name, f"{kind}->{kind}")


@cache
def leading(kind: str) -> np.ufunc:
    """Zeros above the highest one; all bits of 0."""
    type = LLVM[kind]
    call = f"%z = call {type} @llvm.ctlz.{type}({type} %a, i1 false)"
    return ufunc("ctlz", f"{kind}->{kind}", call, f"declare {type} @llvm.ctlz.{type}({type}, i1)")


@cache
def high(kind: str) -> np.ufunc:
    """The upper half of a product."""
    type, wide = LLVM[kind], f"i{16 * np.dtype(kind).itemsize}"
    extend = "sext" if kind[0] == "i" else "zext"
    work = f"""
  %x = {extend} {type} %a to {wide}
  %y = {extend} {type} %b to {wide}
  %xy = mul {wide} %x, %y
  %upper = lshr {wide} %xy, {8 * np.dtype(kind).itemsize}
  %z = trunc {wide} %upper to {type}"""
    return ufunc("mulhi", f"{kind} {kind}->{kind}", work)


@cache
def divided(name: str, kind: str) -> np.ufunc:
    """ "div" and "rem", towards zero. By 0, as GPUs have it, "div" gives all ones and "rem" the number itself."""
    type, signed = LLVM[kind], kind[0] == "i"
    instruction = ("s" if signed else "u") + name
    least = f"-{1 << 8 * np.dtype(kind).itemsize - 1}"
    extreme = f"%least = icmp eq {type} %a, {least}\n  %minus = icmp eq {type} %b, -1"
    over = (
        f"{extreme}\n  %over = and i1 %least, %minus" if signed else "%over = and i1 false, false"
    )
    nothing, beyond = ("-1", "%a") if name == "div" else ("%a", "0")
    work = f"""
  %none = icmp eq {type} %b, 0
  {over}
  %odd = or i1 %none, %over
  %by = select i1 %odd, {type} 1, {type} %b
  %found = {instruction} {type} %a, %by
  %held = select i1 %over, {type} {beyond}, {type} %found
  %z = select i1 %none, {type} {nothing}, {type} %held"""
    return ufunc(name, f"{kind} {kind}->{kind}", work)


@cache
def field(kind: str) -> np.ufunc:
    """`bfe`: c bits of a from bit b on, above them zeros or, if a is signed, copies of the field's upper bit."""
    type = LLVM[kind]
    extend, shift = ("sext", "ashr") if kind[0] == "i" else ("zext", "lshr")
    work = f"""
  %b8 = and i32 %b, 255
  %c8 = and i32 %c, 255
  %b.least = call i32 @llvm.umin.i32(i32 %b8, i32 127)
  %c.least = call i32 @llvm.umin.i32(i32 %c8, i32 127)
  %from = zext i32 %b.least to i128
  %length = zext i32 %c.least to i128
  %wide = {extend} {type} %a to i128
  %moved = {shift} i128 %wide, %from
  %above = sub i128 128, %length
  %empty = icmp eq i128 %length, 0
  %by = select i1 %empty, i128 1, i128 %above
  %up = shl i128 %moved, %by
  %down = {shift} i128 %up, %by
  %found = select i1 %empty, i128 0, i128 %down
  %z = trunc i128 %found to {type}"""
    return ufunc("bfe", f"{kind} u4 u4->{kind}", work, "declare i32 @llvm.umin.i32(i32, i32)")


@cache
def inserted(kind: str) -> np.ufunc:
    """`bfi`: b, with d bits from bit c on replaced by the lowest of a."""
    type, width = LLVM[kind], 8 * np.dtype(kind).itemsize
    work = f"""
  %c8 = and i32 %c, 255
  %d8 = and i32 %d, 255
  %c128 = zext i32 %c8 to i128
  %d128 = zext i32 %d8 to i128
  %long = icmp ugt i128 %d128, {width}
  %length = select i1 %long, i128 {width}, i128 %d128
  %far = icmp ugt i128 %c128, {width}
  %begin = select i1 %far, i128 {width}, i128 %c128
  %one = shl i128 1, %length
  %ones = sub i128 %one, 1
  %mask = shl i128 %ones, %begin
  %wide = zext {type} %a to i128
  %low = and i128 %wide, %ones
  %put = shl i128 %low, %begin
  %old = zext {type} %b to i128
  %keep = xor i128 %mask, -1
  %rest = and i128 %old, %keep
  %both = or i128 %rest, %put
  %z = trunc i128 %both to {type}"""
    return ufunc("bfi", f"{kind} {kind} u4 u4->{kind}", work)


@cache
def funnel(name: str) -> np.ufunc:
    """`shf`: "fshl" gives the upper, "fshr" the lower word of b:a moved by c modulo 32."""
    work = f"%z = call i32 @llvm.{name}.i32(i32 %b, i32 %a, i32 %c)"
    return ufunc(name, "u4 u4 u4->u4", work, f"declare i32 @llvm.{name}.i32(i32, i32, i32)")


@cache
def saturated(source: str, target: str) -> np.ufunc:
    """A whole float as an integer, held at the type's ends; what a NaN becomes depends on the types."""
    a, z = LLVM[source], LLVM[target]
    sign, suffix = target[0].replace("i", "s"), {"float": "f32", "double": "f64"}[a]
    full = f"@llvm.fpto{sign}i.sat.{z}.{suffix}"
    width = 8 * np.dtype(target).itemsize
    odd = str(-(1 << width - 1)) if source == "f8" or width == 64 else "0"
    work = f"""
  %held = call {z} {full}({a} %a)
  %nan = fcmp uno {a} %a, %a
  %z = select i1 %nan, {z} {odd}, {z} %held"""
    return ufunc("cvt", f"{source}->{target}", work, f"declare {z} {full}({a})")


@cache
def permuted() -> np.ufunc:
    """`prmt`: four bytes of b:a, chosen by the four lowest digits of c; 8 in a digit copies the byte's sign."""
    work = """
  %low = zext i32 %a to i64
  %high = zext i32 %b to i64
  %up = shl i64 %high, 32
  %all = or i64 %up, %low"""
    for i in range(4):
        work += f"""
  %digit{i} = lshr i32 %c, {4 * i}
  %which{i} = and i32 %digit{i}, 7
  %by{i} = shl i32 %which{i}, 3
  %far{i} = zext i32 %by{i} to i64
  %moved{i} = lshr i64 %all, %far{i}
  %byte{i} = trunc i64 %moved{i} to i8
  %sign{i} = ashr i8 %byte{i}, 7
  %mode{i} = and i32 %digit{i}, 8
  %plain{i} = icmp eq i32 %mode{i}, 0
  %taken{i} = select i1 %plain{i}, i8 %byte{i}, i8 %sign{i}
  %part{i} = zext i8 %taken{i} to i32
  %put{i} = shl i32 %part{i}, {8 * i}"""
    work += """
  %z1 = or i32 %put0, %put1
  %z2 = or i32 %put2, %put3
  %z = or i32 %z1, %z2"""
    return ufunc("prmt", "u4 u4 u4->u4", work)


# -------------------------------------------------------------------------------------- memory

_ACCESS = """
define void @loop(ptr %arguments, ptr %counts, ptr %steps, ptr %data) {{
entry:
  %length = getelementptr i64, ptr %counts, i64 1
  %count = load i64, ptr %length
{begins}
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %body, label %done
body:
  %i = phi i64 [ 0, %entry ], [ %onward, %next ]
  %bad = phi i64 [ 0, %entry ], [ %bad.next, %next ]
  %a.offset = mul i64 %i, %a.step
  %a.at = getelementptr i8, ptr %a.first, i64 %a.offset
  %address = load i64, ptr %a.at
  %inside = sub i64 %address, %start
  %low = and i64 %address, %mask
  %odd = icmp ne i64 %low, 0
  %beyond = icmp ugt i64 %inside, %limit
  %wrong = or i1 %odd, %beyond
  br i1 %wrong, label %next, label %move
move:
  %host = add i64 %address, %delta
  %place = inttoptr i64 %host to ptr
{moves}
  br label %next
next:
  %more.bad = zext i1 %wrong to i64
  %bad.next = add i64 %bad, %more.bad
  %onward = add i64 %i, 1
  %more = icmp slt i64 %onward, %count
  br i1 %more, label %body, label %done
done:
  %found = phi i64 [ 0, %entry ], [ %bad.next, %next ]
  store i64 %found, ptr %z.first
  ret void
}}
"""


@cache
def gather(kind: str, count: int) -> np.ufunc:
    """Load `count` neighbouring words for each address.

    Its operands: addresses, the first one and how far from it they may be, the bits that must be 0 in them, and how far the
    host's addresses are from them. Its results: the words, and how many addresses are not so; nothing is loaded there.
    """
    dimensions = f"(n),(),(),(),()->{',(n)' * count},()".replace("->,", "->")
    return _access(kind, count, dimensions, False)


@cache
def scatter(kind: str, count: int) -> np.ufunc:
    """Store `count` neighbouring words for each address: `gather` the other way round, the words being operands."""
    dimensions = f"(n),(),(),(),(){',(n)' * count}->()"
    return _access(kind, count, dimensions, True)


def _access(kind: str, count: int, dimensions: str, stores: bool) -> np.ufunc:
    width = np.dtype(kind).itemsize
    type, words = f"i{8 * width}", [f"w{k}" for k in range(count)]
    begins = []
    for k, name in enumerate(["a", "start", "limit", "mask", "delta", *words, "z"]):
        begins += [f"  %{name}.place = getelementptr ptr, ptr %arguments, i64 {k}"]
        begins += [f"  %{name}.first = load ptr, ptr %{name}.place"]
        if name in ("start", "limit", "mask", "delta"):
            begins += [f"  %{name} = load i64, ptr %{name}.first"]
    for k, name in enumerate(["a", *words]):
        place = 5 + count + 1 + k  # behind the steps of the operands themselves
        begins += [f"  %{name}.stride = getelementptr i64, ptr %steps, i64 {place}"]
        begins += [f"  %{name}.step = load i64, ptr %{name}.stride"]
    moves = []
    for k, name in enumerate(words):
        own, far = f"%{name}.at", f"%{name}.far"
        source, target = (own, far) if stores else (far, own)
        moves += [
            f"  %{name}.offset = mul i64 %i, %{name}.step",
            f"  {own} = getelementptr i8, ptr %{name}.first, i64 %{name}.offset",
            f"  {far} = getelementptr i8, ptr %place, i64 {k * width}",
            f"  %{name}.word = load {type}, ptr {source}, align {width}",
            f"  store {type} %{name}.word, ptr {target}, align {width}",
        ]
    text = _ACCESS.format(begins="\n".join(begins), moves="\n".join(moves))
    dtypes = [np.dtype("i8")] * 5 + [np.dtype(kind)] * count + [np.dtype("i8")]
    name, results = ("st", 1) if stores else ("ld", count + 1)
    return _made(name, dtypes, results, _compiled(text), dimensions)


__all__ = [
    "bits", "divided", "extreme", "field", "fma", "funnel", "high", "inserted", "leading", "permuted",
    "saturated", "ufunc",
]  # fmt: skip
