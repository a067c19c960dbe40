"""An index that was out of range is told where the program waits, if nobody asked before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import flambeau as torch
from flambeau.kernels.cuda.gather import lookup


@pytest.mark.parametrize(
    "wait",
    [torch.cuda.synchronize, lambda: torch.ones(1, device="cuda").cpu(), lookup.check],
    ids=["synchronize", "cpu", "check"],
)
def test_waiting_tells_what_a_kernel_has_found(wait: Callable[[], object]) -> None:
    x = torch.arange(3, device="cuda")
    x[torch.tensor([0], device="cuda")]
    lookup._here().held.value = 3  # what a kernel writes that finds a wrong index
    with pytest.raises(IndexError, match="size 3"):
        wait()
    wait()


def test_a_wrong_index_writes_nothing_and_is_told_once() -> None:
    x = torch.zeros(4, device="cuda")
    with pytest.raises(IndexError):
        x[torch.tensor([0, 9], device="cuda")] = torch.ones(2, device="cuda")
    assert x.tolist() == [0.0] * 4
    x[torch.tensor([0, 3], device="cuda")] = torch.ones(2, device="cuda")
    assert x.tolist() == [1.0, 0.0, 0.0, 1.0]
