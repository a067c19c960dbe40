"""explain: which kernels a function calls, what they do and how much of it."""

import threading

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


def explained(fn, *inputs, **options):
    return kernels.explain(fn, *inputs, timing=False, **options).kernels


def lanes():
    from flambeau.kernels.runtime.process import machine

    return machine().bits // 32


def test_kernels_in_order_forward_and_backward():
    x = torch.ones(3, 4, requires_grad=True)
    found = explained(lambda: torch.softmax(x * x, -1).sum().backward())
    assert [item.name for item in found] == [
        "mul",
        "softmax",
        "sum",
        "softmax_gradient",
        "mul_gradient",
    ]
    assert found[0].expressions == ["multiply(x, y)"]
    assert found[1].expressions == [
        "divide(exp(subtract(x, held(amax(x)))), sum(exp(subtract(x, held(amax(x))))))"
    ]
    assert (found[1].rows, found[1].length) == (3, 4)


def test_loops_of_softmax():
    (item,) = explained(lambda x: torch.softmax(x, -1), torch.ones(6, 40))
    assert item.loops.splitlines() == [
        "for row in range(6):",
        "    amax0 = -inf",
        f"    for i in range(0, 40, {lanes()}):  # into several accumulators",
        "        amax0 = max(amax0, x[i])",
        "    sum1 = 0",
        f"    for i in range(0, 40, {lanes()}):  # into several accumulators",
        "        out[i] = exp(x[i] - amax0)",
        "        sum1 = sum1 + out[i]",
        f"    for i in range(0, 40, {lanes()}):",
        "        out[i] = out[i] / sum1",
    ]


def test_loops_over_columns():
    (item,) = explained(lambda x: x.sum(0), torch.ones(5, 64))
    assert (item.rows, item.length) == (64, 5)
    assert "for i in range(5):" in item.loops
    assert item.loops.splitlines()[-1].strip() == "out[block, column] = sum0"


def test_loops_compute_shared_values_once():
    (item,) = explained(torch.nn.functional.silu, torch.ones(8))
    assert item.loops.count("exp(") == 1


@pytest.mark.parametrize(
    ("fn", "shapes", "moved", "operations"),
    [
        (lambda x, y: x + y, [(10,), (10,)], 120, 10),
        (lambda x, y: x / y, [(3, 4), (4,)], 48 + 16 + 48, 12),
        (lambda x: x.sum(), [(10,)], 44, 10),
        (lambda x: x.mean(1), [(5, 8)], 160 + 20, 40 + 5),
        (lambda x: x.amax(1), [(5, 8)], 160 + 20, 40),
        (lambda x: x.any(), [(10,)], 40 + 1, 0),
        (lambda x: x > 1, [(10,)], 40 + 4 + 10, 0),
    ],
)
def test_bytes_and_operations(fn, shapes, moved, operations):
    found = explained(fn, *(torch.ones(shape) for shape in shapes))
    assert sum(item.bytes for item in found) == moved
    assert sum(item.operations for item in found) == operations


def test_an_array_counts_once():
    x = torch.ones(10, dtype=torch.float64)
    (item,) = explained(lambda x: x * x, x)
    assert item.bytes == 160


def test_text_of_the_module_and_its_instructions():
    report = kernels.explain(lambda x: x + x, torch.ones(4), timing=False, ir=True, assembly=True)
    (item,) = report.kernels
    assert "define internal void @nest(" in item.ir
    assert "ret" in item.assembly
    text = str(report)
    assert "LLVM:" in text
    assert "assembly:" in text
    assert "takes" not in text


def test_timing():
    report = kernels.explain(torch.exp, torch.ones(1000))
    (item,) = report.kernels
    assert 0 < item.seconds < 1
    assert all(0 < share < 100 for share in item.shares())
    assert "% of a copy of that size" in str(report)


def test_shares_without_timing():
    (item,) = explained(torch.exp, torch.ones(10))
    with pytest.raises(RuntimeError, match="was not measured"):
        item.shares()


def test_measuring_does_not_write():
    x, runs = torch.zeros(100), []

    def fn():
        runs.append(1)
        x.add_(1)

    report = kernels.explain(fn)
    assert len(report.kernels) == 1
    assert x.tolist() == [len(runs)] * 100


def test_a_handed_over_call_is_reported_where_it_was_computed():
    x = torch.ones(6, 7)
    (item,) = explained(lambda: torch.exp(x[:, ::2]))
    assert item.bytes == 2 * 6 * 4 * 4
    assert not item.interpreted


def test_kernels_with_loops_of_their_own():
    x = torch.ones(600, 600)
    found = {item.name: item for item in explained(lambda: (x @ x, x.cumsum(1)))}
    assert "pack_panels" in found
    product, running = found["matrix_product"], found["running_sum"]
    assert running.loops == ""
    assert "@multiply_1(" in product.ir
    assert "@body(" in running.ir


def test_errors_pass_through():
    def fn():
        torch.ones(3) + torch.ones(4)

    with pytest.raises(RuntimeError, match="must match"):
        kernels.explain(fn)
    assert (torch.ones(3) + torch.ones(3)).tolist() == [2, 2, 2]


def test_nothing_called():
    assert str(kernels.explain(lambda: None)).startswith("no kernel was called")


def test_other_threads_are_left_alone():
    x, results = torch.ones(50), []

    def fn():
        other = threading.Thread(target=lambda: results.append((x + 1).sum().item()))
        other.start()
        other.join()
        return x + 1

    assert [item.name for item in explained(fn)] == ["plus"]
    assert set(results) == {100.0}


def test_kernels_are_as_before_afterwards():
    x = torch.ones(5)
    torch.exp(x)
    kernel = torch.exp.operation.same[x._kind].run
    before = kernel.__self__
    explained(torch.exp, x)
    assert kernel.__self__ is before
    np.testing.assert_allclose(kernel(x.numpy()), np.e * np.ones(5), rtol=1e-6)


def test_kernels_off(monkeypatch):
    monkeypatch.setattr("flambeau.kernels.runtime.process._state", [False])
    monkeypatch.setattr("flambeau.kernels.runtime.process._why", ["FLAMBEAU_KERNELS=0 is set"])
    with pytest.raises(RuntimeError, match="there are none: FLAMBEAU_KERNELS=0 is set"):
        kernels.explain(lambda: None)
