"""What the assembler says is read, and what it refuses, or spills, is found."""

from __future__ import annotations

import pytest

from benchmarks.ptx import table
from flambeau.kernels.cuda import ptx, ptxas
from flambeau.kernels.cuda.thread import Thread

pytestmark = pytest.mark.skipif(ptxas.found() is None, reason=ptxas.MISSING)


def gathered(count: int, threads: int = 0, shared: int = 0) -> str:
    """A kernel whose threads hold `count` numbers at once; its block has some shared memory."""
    code = Thread()
    out, x = code.takes("ptr out alone", "ptr x")
    place = code.special("tid") * count
    values = [code.load(code.at(x, "float", place + i), "float") for i in range(count)]
    if shared:
        board = code.shared("float", shared)
        code.store(values[0], code.at(board, "float", code.special("tid")))
        code.barrier()
        values[0] = code.load(code.at(board, "float", code.special("tid") ^ 1), "float")
    total = values[-1]
    for value in values[-2::-1]:
        total = total * value + values[0]
    for i, value in enumerate(values):
        code.store(value + total, code.at(out, "float", place + i))
    return code.kernel("gathered", threads)


@pytest.mark.parametrize("architecture", table.ARCHITECTURES)
def test_what_a_kernel_takes_is_listed(architecture: str) -> None:
    (found,) = ptxas.assembled(ptx.assembly(gathered(40, shared=64), architecture), architecture)
    assert found.name == "gathered"
    assert 40 < found.registers < 80
    assert (found.spilled, found.stack, found.shared, found.barriers) == (0, 0, 256, 1)


def test_a_text_that_is_wrong_is_refused_with_the_reason() -> None:
    text = ptx.assembly(gathered(2)).replace("st.global.b32", "st.global.b33", 1)
    with pytest.raises(ptxas.Refused, match=r"sm_80:\n.*\.b33"):
        ptxas.assembled(text)
    (row,) = table.rows("gathered.ll", "nonsense", "sm_80")
    assert row.is_defect
    assert "gathered.ll" in str(row)


@pytest.mark.parametrize(("count", "threads"), [(400, 0), (100, 1024)])
def test_spills_are_found(count: int, threads: int) -> None:
    """More numbers than a thread has registers, or than it has when a block's threads share them."""
    (row,) = table.rows("gathered.ll", gathered(count, threads), "sm_80")
    assert row.usage is not None
    assert row.usage.spilled > 0
    assert row.is_defect
