"""Mixed precision on CUDA: PyTorch's lists of functions, and the scaler."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import flambeau as torch

F = torch.nn.functional
cuda = torch.cuda


@pytest.fixture
def x() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(4, 4, device="cuda") + 0.5


LOWER: list[Callable[[torch.Tensor], torch.Tensor]] = [
    lambda x: x @ x,
    lambda x: torch.mm(x, x),
    lambda x: x.mv(x[0]),
    lambda x: F.linear(x, x, x[0]),
    lambda x: F.prelu(x, x[0, :1]),
    lambda x: torch.einsum("ij,jk->ik", x, x),
]
FULL: list[Callable[[torch.Tensor], torch.Tensor]] = [
    lambda h: h.exp(),
    lambda h: h**2,
    lambda h: h.sum(),
    lambda h: h.log_softmax(-1),
    lambda h: F.layer_norm(h, (4,)),
    lambda h: F.mse_loss(h, h),
    lambda h: h.norm(),
    lambda h: F.cross_entropy(h, torch.zeros(4, dtype=torch.int64, device="cuda")),
]


@pytest.mark.parametrize("function", LOWER)
def test_products_run_in_16_bits(x: torch.Tensor, function: Callable) -> None:
    with torch.autocast("cuda"):
        assert function(x).dtype is torch.float16
    with torch.autocast("cuda", dtype=torch.bfloat16):
        assert function(x).dtype is torch.bfloat16
    assert function(x).dtype is torch.float32


@pytest.mark.parametrize("function", FULL)
def test_what_needs_range_runs_in_float32(x: torch.Tensor, function: Callable) -> None:
    half = x.half()
    with torch.autocast("cuda"):
        result = function(half)
    assert result.dtype is torch.float32
    torch.testing.assert_close(result, function(half.float()))


def test_the_others_run_in_the_widest_type_or_as_they_are(x: torch.Tensor) -> None:
    half = x.half()
    with torch.autocast("cuda"):
        assert torch.dot(half[0], x[0]).dtype is torch.float32
        assert torch.addcmul(half, half, half).dtype is torch.float16
        assert half.softmax(0, dtype=torch.float16).dtype is torch.float16
        assert half.relu().dtype is torch.float16
        assert torch.nn.BatchNorm1d(4).cuda()(half).dtype is torch.float16
        assert (x.double() @ x.double()).dtype is torch.float64
        assert torch.ones(2, 2).mm(torch.ones(2, 2)).dtype is torch.float32  # on the CPU
        with pytest.raises(RuntimeError, match="unsafe to autocast"):
            F.binary_cross_entropy(half.sigmoid(), half.sigmoid())


def test_each_type_of_device_has_its_own(x: torch.Tensor) -> None:
    here = x.cpu()
    with torch.autocast("cuda"):
        assert torch.is_autocast_enabled()
        assert not torch.is_autocast_enabled("cpu")
        with torch.autocast("cpu"):
            assert (here @ here).dtype is torch.bfloat16
            assert (x @ x).dtype is torch.float16
        with torch.autocast("cuda", enabled=False):
            assert (x @ x).dtype is torch.float32
    assert not torch.is_autocast_enabled()


def test_steps_are_those_without_scaling() -> None:
    torch.manual_seed(0)
    w = torch.nn.Linear(4, 1).cuda()
    other = torch.nn.Linear(4, 1).cuda()
    other.load_state_dict(w.state_dict())
    scaler = torch.amp.GradScaler("cuda", init_scale=4.0, growth_interval=2)
    first, second = (torch.optim.SGD(m.parameters(), lr=0.1) for m in (w, other))
    x = torch.randn(8, 4, device="cuda")
    for _ in range(3):
        for model, optimizer, scale in ((w, first, scaler), (other, second, None)):
            optimizer.zero_grad()
            loss = model(x).square().mean()
            if scale is None:
                loss.backward()
                optimizer.step()
            else:
                scale.scale(loss).backward()
                scale.step(optimizer)
                scale.update()
    torch.testing.assert_close(w.weight, other.weight)
    assert scaler.get_scale() == 8.0
    assert scaler._get_growth_tracker() == 1


def test_infinite_gradients_skip_the_step_and_lower_the_factor() -> None:
    w = torch.ones(2, device="cuda", requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1.0)
    scaler = torch.amp.GradScaler("cuda", init_scale=8.0)
    scaler.scale((w * float("inf")).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [1, 1]
    assert scaler.get_scale() == 4.0
    with pytest.warns(FutureWarning, match=r"torch\.amp\.GradScaler\('cuda'"):
        assert cuda.amp.GradScaler().is_enabled()


@pytest.mark.skipif(cuda.device_count() < 2, reason="there is one GPU")
def test_gradients_on_several_devices() -> None:
    a = torch.ones(1, device="cuda:0", requires_grad=True)
    b = torch.ones(1, device="cuda:1", requires_grad=True)
    optimizer = torch.optim.SGD([a, b], lr=1.0)
    scaler = torch.amp.GradScaler("cuda", init_scale=2.0)
    scaler.scale(a * 3 + b.to("cuda:0") * 5).sum().backward()
    scaler.unscale_(optimizer)
    found = scaler._found_inf_per_device(optimizer)
    assert {str(place): flag.item() for place, flag in found.items()} == {"cuda:0": 0, "cuda:1": 0}
    scaler.step(optimizer)
    scaler.update()
    assert (a.item(), b.item()) == (-2, -4)
