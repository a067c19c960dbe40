"""What the assembler says is read, and what it refuses, or spills, is found."""

from __future__ import annotations

from unittest import mock

import pytest

from benchmarks.ptx import record, table
from flambeau.kernels.cuda import driver, ptx, ptxas
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
    assert row.defect
    assert "gathered.ll" in str(row)


@pytest.mark.parametrize(("count", "threads"), [(400, 0), (100, 1024)])
def test_spills_are_found(count: int, threads: int) -> None:
    """More numbers than a thread has registers, or than it has when a block's threads share them."""
    (row,) = table.rows("gathered.ll", gathered(count, threads), "sm_80")
    assert row.usage is not None
    assert row.usage.spilled > 0
    assert row.defect == "spills"


def test_blocks_for_which_there_are_too_few_registers_are_found() -> None:
    text = gathered(100)
    found = [table.rows("gathered.ll", text, "sm_80", threads)[0] for threads in (0, 256, 1024)]
    assert [row.defect for row in found] == ["", "", "too large a block"]


def test_what_is_launched_is_recorded(tmp_path) -> None:
    first, second = driver.Kernel("a", gathered(3)), driver.Kernel("b", gathered(4))
    with mock.patch.object(driver.Kernel, "__call__"), record.recording(tmp_path):
        for kernel, block in ((first, 64), (first, 128), (first, 32), (second, 1)):
            kernel(1, block)
    files = sorted(tmp_path.glob("*.ll"))
    assert sorted(file.read_text() for file in files) == sorted((first.text, second.text))
    assert sorted(map(record.threads_of, files)) == [1, 128]
    assert table.texts(tmp_path) == files
    assert table.texts(tmp_path, 1) == files[:1]
    (rows, *_) = table.assembled(files, ["sm_80"], 1)
    assert rows[0].usage.name == "gathered"
