"""Every kernel as it is written for a processor that is not at hand: it compiles, to vectors, with nothing foreign in it.

For NEON the texts are collected in a process that is told to have vectors of 128 bits and to be an aarch64: it runs every
family of kernels, on the processor that there is, and then compiles what it wrote for the other. For older x86
processors a process with FLAMBEAU_CPU does the same with the machine code that it runs.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.llvm import processor

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
ROOT = Path(__file__).parents[2]
TRIPLE = "aarch64-unknown-linux-gnu"
PROCESSORS = ("neoverse-n1", "generic")
VECTOR = re.compile(r"\bv\d+\.(16b|8h|4s|2d|8b|4h|2s)\b|\b(ldr|str|ldp|stp|ldur|stur)\s+q\d+")
WIDE = re.compile(r"<(4 x float|2 x double|4 x i32|2 x i64|16 x i8|8 x i16)>")
FOREIGN = re.compile(r"x86|\bavx|\bsse|\b[xyz]mm\d|\b[re]ax\b", re.IGNORECASE)
OLDER = {"haswell": (256, "avx512"), "nehalem": (128, r"avx|llvm\.fma|pclmul|x half>|to half")}
"""Processors of x86: the width of their vectors, and what no text for them may name."""


def target(processor: str) -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=processor, opt=2)


def reason_to_skip() -> str:
    try:
        target("generic")
    except RuntimeError as error:
        return f"this llvmlite makes no code for aarch64: {error}"
    return ""


# ------------------------------------------------------------------ what runs in a process of its own


def collected() -> list[str]:
    """The list of the texts to come."""
    from flambeau.kernels.runtime.process import machine

    made = machine()
    texts: list[str] = []
    right = made.address

    def address(text: str) -> int:
        if text not in texts:
            texts.append(text)
        return right(text)

    made.address = address  # type: ignore[method-assign]
    return texts


def pretend() -> None:
    """Make this process an aarch64 with NEON, as far as texts go."""
    from flambeau.kernels.llvm import processor
    from flambeau.kernels.runtime.process import machine

    made = machine()  # the pool is the real processor's
    made.bits = 128
    made.features = type(made.features)()
    processor.kind = lambda: "aarch64"


def arity(name: str) -> int:
    """How many operands a primitive has; 0 if it has no native form of its own."""
    from flambeau.formula.declaration import PRIMITIVES
    from flambeau.kernels.elementary import lower  # noqa: F401  (it gives primitives their lowerings)

    primitive = PRIMITIVES[name]
    if name == "polygamma":  # its order is a constant
        return 0
    if (
        primitive.rowwise and primitive.expansion is not None
    ):  # of rows and facts: families run them
        needed = len(inspect.signature(primitive.expansion).parameters)
        return 1 if needed == 1 and primitive.reduces else 0
    if primitive.reduces:
        return 1
    if isinstance(getattr(np, name, None), np.ufunc):
        return getattr(np, name).nin
    function = primitive.expansion or (primitive.lowering and primitive.lowering.make)
    if function is None:
        return 0
    parameters = inspect.signature(function).parameters.values()
    if any(x.kind is x.VAR_POSITIONAL for x in parameters):
        return 2 if "power" in name else 1
    return sum(x.default is x.empty for x in parameters)


def run_families() -> None:
    """Every family of kernels, once."""
    import flambeau as torch
    from tests.kernels import test_determinism

    for make in test_determinism.CASES.values():
        make()[0]()
    test_determinism.trained(1)
    x = torch.arange(600.0).view(20, 30)
    for dtype in (torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int16):
        y = x.to(dtype)
        (y + y * y).sum(1), y.t().contiguous(), y.sort(1), y.cumsum(0), y.flip(1)


def build_primitives(*dtypes: str) -> None:
    """A kernel for every primitive."""
    from flambeau.formula.declaration import PRIMITIVES
    from flambeau.formula.expression import Domain, symbol
    from flambeau.formula.program import Program
    from flambeau.kernels.runtime.process import machine

    built = set()
    for name, primitive in PRIMITIVES.items():
        operands = arity(name)
        of_bits = name.startswith("bitwise") or name.endswith("shift")
        for dtype in map(np.dtype, dtypes) if operands else ():
            if of_bits and dtype.kind == "f":
                continue
            domain = Domain.REAL if dtype.kind == "f" else Domain.INT
            symbols = tuple(symbol("xyz"[i], domain) for i in range(operands))
            root = primitive(*symbols)
            result = np.dtype(bool) if root.domain is Domain.BOOL else dtype
            kernel = kernels.build(
                Program(symbols, (root,)), [dtype] * operands, dtype, [result], name,
                primitive.reduces, print,
            )  # fmt: skip
            text = kernel.__self__.text() if kernel is not None else None
            if text is not None:
                machine().address(text)
                built |= {name}
    assert len(built) > 60, sorted(built)


def faults(i: int, text: str, compiled: bool) -> list[str]:
    """What is wrong with a text."""
    import llvmlite.binding as llvm

    from flambeau.kernels.runtime.jit import Machine

    foreign = FOREIGN.search(text)
    if foreign:
        return [f"{foreign.group()} in text {i}: {text[:2000]}"]
    module = llvm.parse_assembly(text)
    module.verify()
    if not compiled:
        return []
    module.triple = TRIPLE
    made = object.__new__(Machine)
    made.target = target(PROCESSORS[i % len(PROCESSORS)])
    if i % 3 == 0:  # optimising takes as long as all the rest
        made.optimise(module, text)
    if WIDE.search(text) and not VECTOR.search(made.target.emit_assembly(module)):
        return [f"no vectors in the assembly of text {i}: {text[:2000]}"]
    return []


def write_all(seeds: int) -> tuple[list[str], int]:
    """The texts of all kernels, and how many of them, from the first, are worth the time to compile."""
    from tests.kernels import test_fuzz

    texts = collected()
    texts += runtime_texts()
    run_families()
    build_primitives("f4", "i4")
    compiled = len(texts)
    build_primitives("f8", "i8")
    for seed in range(seeds):
        test_fuzz.Case(seed).run()
    return texts, compiled


def main() -> None:
    pretend()
    texts, compiled = write_all(60)
    found = [fault for i, text in enumerate(texts) for fault in faults(i, text, i < compiled)]
    wide = sum(bool(WIDE.search(text)) for text in texts)
    print(json.dumps([len(texts), compiled, wide, found]))


def main_of_older() -> None:
    """With FLAMBEAU_CPU: whatever has no code for that processor ends this process, within LLVM."""
    from flambeau.kernels.runtime.process import machine

    bits, foreign = OLDER[machine().processor]
    texts, compiled = write_all(0)  # the suite runs the others with FLAMBEAU_CPU
    found = [text[:2000] for text in texts if re.search(foreign, text)]
    zmm = [text[:2000] for text in texts[:compiled:5] if "zmm" in machine().assembly(text)]
    print(json.dumps([len(texts), compiled, machine().bits == bits, found + zmm]))


def run_here(function: str, **variables: str) -> Any:
    """What a function of this module prints, in a process of its own."""
    program = f"from tests.kernels.test_neon import {function}; {function}()"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


# ------------------------------------------------------------------------------------------ tests


@pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip() or "-")
def test_every_kind_of_kernel_compiles_for_neon() -> None:
    count, compiled, wide, wrong = run_here("main")
    assert not wrong, "\n\n".join(wrong)
    assert count > compiled > 200
    assert wide > 300


def runtime_texts() -> list[str]:
    """The texts that run whatever kernels there are."""
    from flambeau.kernels.runtime import allocator_kernel as allocator
    from flambeau.kernels.runtime import pool_kernel

    return [pool_kernel.text(), *map(allocator.text, (allocator.LINUX, allocator.MACOS))]


@pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip() or "-")
@pytest.mark.parametrize("made_for", PROCESSORS)
def test_the_pool_and_the_allocator_compile_for_neon(made_for: str, monkeypatch: Any) -> None:
    import llvmlite.binding as llvm

    from flambeau.kernels.runtime.jit import Machine

    monkeypatch.setattr(processor, "kind", lambda: "aarch64")
    made = object.__new__(Machine)
    made.target = target(made_for)
    assembly = []
    for text in runtime_texts():
        assert not FOREIGN.search(text)
        module = llvm.parse_assembly(text)
        module.verify()
        module.triple = TRIPLE
        made.optimise(module, text)
        assembly.append(made.target.emit_assembly(module))
    pool, linux, macos = assembly
    assert "\tyield" in pool or "\thint\t#1" in pool
    # mmap's flags: private and anonymous, as each system numbers them
    assert [bool(re.search(r"\tmov\tw\d, #34\b", x)) for x in (linux, macos)] == [True, False]
    assert [bool(re.search(r"\tmov\tw\d, #4098\b", x)) for x in (linux, macos)] == [False, True]


@pytest.mark.skipif(not processor.is_x86(), reason="processors of x86")
@pytest.mark.parametrize("name", OLDER)
def test_every_kind_of_kernel_compiles_for_older_processors(name: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "cache")  # all are compiled, none is found
    count, compiled, as_wide, wrong = run_here(
        "main_of_older", FLAMBEAU_CPU=name, FLAMBEAU_CACHE_DIR=folder
    )
    assert not wrong, "\n\n".join(wrong)
    assert count > compiled > 200
    assert as_wide


@pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip() or "-")
def test_a_text_for_x86_is_found() -> None:
    head = "@runtime_SYMBOL = global ptr null\n"
    assert "x86" in faults(0, f"{head}declare void @llvm.x86.sse2.pause()", True)[0]
    scalar = """
define void @SYMBOL(ptr %p) {
  %v = load <4 x float>, ptr %p, align 4
  %x = extractelement <4 x float> %v, i64 1
  store float %x, ptr %p, align 4
  ret void
}
"""
    assert "no vectors" in faults(0, head + scalar, True)[0]
