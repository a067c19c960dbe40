"""Small kernels in PTX for tests: their text, and a launch of them on a simulated GPU."""

from __future__ import annotations

import numpy as np

from flambeau import simulator
from flambeau.simulator.cuda.function import Module

DTYPES = {
    "b8": "u1", "u8": "u1", "s8": "i1", "b16": "u2", "u16": "u2", "s16": "i2", "b32": "u4", "u32": "u4", "s32": "i4",
    "b64": "u8", "u64": "u8", "s64": "i8", "f16": "f2", "bf16": "u2", "f32": "f4", "f64": "f8", "pred": "u4",
    "f16x2": "u4", "bf16x2": "u4",
}  # fmt: skip
HEAD = ".version 8.0\n.target sm_90\n.address_size 64\n"


def size(type: str) -> int:
    return np.dtype(DTYPES[type]).itemsize


def kernel(body: str, parameters: str = "", name: str = "test", before: str = "") -> str:
    """A module of one kernel. Registers are %p %q (predicates), %h, %r and %d, numbered, of 2, 4 and 8 bytes."""
    listed = ", ".join(
        f".param .{type} {name}_param_{k}" for k, type in enumerate(parameters.split())
    )
    return f"""{HEAD}{before}
.visible .entry {name}({listed})
{{
  .reg .pred %p<20>;
  .reg .b16 %h<20>;
  .reg .b32 %r<40>;
  .reg .b64 %d<40>;
{body}
  ret;
}}
"""


def launch(text: str, *arguments: object, grid=1, block=32, shared: int = 0, name: str = "test"):
    """Run a kernel: NumPy's arrays go to the GPU and come back."""
    module = Module()
    module.load(text.encode())
    function = module.get_function(name)
    moved = [simulator.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    grid, block = (x if isinstance(x, tuple) else (x,) for x in (grid, block))
    function(grid, block, moved, shared_mem=shared)
    return [a.get() for a in moved if isinstance(a, simulator.ndarray)]


def instruction(text: str, types: str, name: str = "test") -> str:
    """The kernel that executes an instruction for each thread's elements.

    Args:
        text: With {z} for the result and {a}, {b} ... for operands.
        types: "s32 s32->s64".
    """
    given, _, result = types.partition("->")
    kinds = given.split()
    registers, lines = {}, []
    stems = {1: "h", 2: "h", 4: "r", 8: "d"}
    for k, (letter, type) in enumerate(zip("abcd", kinds, strict=False)):
        registers[letter] = f"%{stems[size(type)]}{k + 1}"
        lines += [
            f"ld.param.u64 %d{10 + k}, [{name}_param_{k}];",
            f"mul.wide.u32 %d20, %r30, {size(type)};",
            f"add.s64 %d{10 + k}, %d{10 + k}, %d20;",
        ]
        if type == "pred":
            registers[letter] = f"%p{k + 1}"
            lines += [
                f"ld.global.u32 %r31, [%d{10 + k}];",
                f"setp.ne.u32 %p{k + 1}, %r31, 0;",
            ]
        else:
            lines.append(f"ld.global.b{8 * size(type)} {registers[letter]}, [%d{10 + k}];")
    registers["z"] = "%p9" if result == "pred" else f"%{stems[size(result)]}9"
    lines.append(text.format(**registers) + ";")
    out = len(kinds)
    if result == "pred":
        lines.append("selp.u32 %r9, 1, 0, %p9;")
        registers["z"] = "%r9"
    lines += [
        f"ld.param.u64 %d19, [{name}_param_{out}];",
        f"mul.wide.u32 %d20, %r30, {size(result)};",
        "add.s64 %d19, %d19, %d20;",
        f"st.global.b{8 * size(result)} [%d19], {registers['z']};",
    ]
    start = [
        "mov.u32 %r32, %ctaid.x;",
        "mov.u32 %r33, %ntid.x;",
        "mov.u32 %r34, %tid.x;",
        "mad.lo.s32 %r30, %r32, %r33, %r34;",
        f"ld.param.u32 %r35, [{name}_param_{out + 1}];",
        "setp.ge.u32 %p0, %r30, %r35;",
        "@%p0 bra $done;",
    ]
    body = "\n".join(f"  {line}" for line in [*start, *lines]) + "\n$done:"
    return kernel(body, " ".join(["u64"] * (out + 1) + ["u32"]), name)


def execute(text: str, types: str, *columns: np.ndarray) -> np.ndarray:
    """An instruction's results, of columns of operands."""
    result = types.partition("->")[2]
    n = len(columns[0])
    found = launch(
        instruction(text, types),
        *columns,
        np.zeros(n, DTYPES[result]),
        np.uint32(n),
        grid=-(-n // 64),
        block=64,
    )
    return found[-1]
