"""The device meta: tensors that have a shape and no elements."""

from __future__ import annotations

import copy

import pytest

import flambeau as torch


def test_what_a_meta_tensor_has() -> None:
    x = torch.empty(2, 3, dtype=torch.float16, device="meta", requires_grad=True)
    assert (x.shape, x.stride(), x.dtype, x.numel(), x.nbytes) == (
        (2, 3),
        (3, 1),
        torch.float16,
        6,
        12,
    )
    assert (x.device, x.is_meta, x.data_ptr(), x.is_contiguous()) == (
        torch.device("meta"),
        True,
        0,
        True,
    )
    assert repr(x) == (
        "tensor(..., device='meta', size=(2, 3), dtype=torch.float16,\n       requires_grad=True)"
    )
    assert repr(torch.zeros(1 << 60, device="meta")) == (
        "tensor(..., device='meta', size=(1152921504606846976,))"
    )


def test_tensors_become_meta_and_new_ones_are_made_like_them() -> None:
    x = torch.arange(6.0).view(2, 3).t()
    y = x.to("meta")
    assert (y.shape, y.stride()) == (x.shape, x.stride())
    for made in (y.half(), y.clone(), copy.deepcopy(y), torch.empty_like(y), y.detach()):
        assert made.is_meta
        assert made.shape == x.shape
    z = torch.zeros_like(y, device="cpu")
    assert z.tolist() == torch.zeros(3, 2).tolist()


def test_what_is_written_is_gone() -> None:
    x = torch.ones(2, device="meta")
    assert x.fill_(3.0) is x
    assert x.copy_(torch.ones(2)) is x
    assert x.is_meta


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x.to("cpu"),
        lambda x: x + 1,
        lambda x: x @ x.t(),
        lambda x: x.sum(),
        lambda x: torch.relu(x),
        lambda x: x[0],
        lambda x: torch.equal(x, x),
        lambda x: torch.ones(2, 2).copy_(x),
        lambda x: torch.cat([x, x]),
        lambda x: torch.nn.functional.softmax(x, 0),
        lambda x: x.sort(),
    ],
)
def test_what_needs_elements_refuses(use) -> None:
    with pytest.raises(NotImplementedError, match="no data"):
        use(torch.empty(2, 2, device="meta"))


def test_a_model_before_it_has_memory() -> None:
    with torch.device("meta"):
        model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    assert all(p.is_meta for p in model.parameters())
    state = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict()
    model.load_state_dict(state, assign=True)
    assert model(torch.ones(4, 2)).shape == (4, 3)
    made = torch.nn.Linear(2, 3, device="meta").to_empty(device="cpu")
    assert made.weight.device.type == "cpu"
