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
        lambda x: torch.equal(x, x),
        lambda x: torch.ones(2, 2).copy_(x),
        lambda x: x.nonzero(),
        lambda x: torch.where(x > 0),
        lambda x: x[x > 0],
        lambda x: x.masked_select(x > 0),
        lambda x: x.unique(),
        lambda x: torch.bincount(x[0].long(), minlength=3),
        lambda x: torch.nn.Linear(2, 2, device="meta").to("cpu"),
    ],
)
def test_what_needs_elements_refuses(use) -> None:
    with pytest.raises(NotImplementedError, match=r"no data|depends on elements"):
        use(torch.empty(2, 2, device="meta"))


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x.item(),
        lambda x: bool(x > 0),
        lambda x: float(x),
        lambda x: int(x),
        lambda x: torch.allclose(x, x),
        lambda x: [0, 1][x.long()],
        lambda x: 1 in x,
    ],
)
def test_no_number_comes_of_a_meta_tensor(use) -> None:
    with pytest.raises(RuntimeError, match=r"item\(\) cannot be called on meta tensors"):
        use(torch.empty((), device="meta"))


def test_tensors_of_two_devices_do_not_mix() -> None:
    x = torch.empty(2, 2, device="meta")
    with pytest.raises(RuntimeError, match="two devices"):
        x + torch.ones(2, 2)
    assert (x + torch.ones(())).is_meta  # a number may come from anywhere


def test_a_model_before_it_has_memory() -> None:
    with torch.device("meta"):
        model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    assert all(p.is_meta for p in model.parameters())
    state = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict()
    with pytest.warns(UserWarning, match="assign=True"):
        model.load_state_dict(state)
    assert model[0].weight.is_meta
    model.load_state_dict(state, assign=True)
    assert model(torch.ones(4, 2)).shape == (4, 3)
    made = torch.nn.Linear(2, 3, device="meta").to_empty(device="cpu")
    assert made.weight.device.type == "cpu"
    assert torch.nn.utils.skip_init(torch.nn.Linear, 2, 3).weight.device.type == "cpu"


def test_parameters_that_go_to_meta_as_they_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register = torch.nn.Module.register_parameter

    def registered(module, name, param) -> None:
        register(module, name, param)
        if param is not None:
            module._parameters[name] = torch.nn.Parameter(
                param.to("meta"), requires_grad=param.requires_grad
            )

    monkeypatch.setattr(torch.nn.Module, "register_parameter", registered)
    model = torch.nn.TransformerEncoderLayer(8, 2)
    assert all(p.is_meta for p in model.parameters())


def block(device: str) -> torch.nn.Module:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False, device=device),
        nn.BatchNorm2d(8, device=device),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(8, 8, 3, padding=1, groups=4, device=device),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(8, 10, device=device),
    )


def transformer(device: str) -> torch.nn.Module:
    layer = torch.nn.TransformerEncoderLayer(16, 4, 32, device=device)
    return torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (block, (4, 3, 32, 32)),
        (transformer, (5, 3, 16)),
        (lambda device: torch.nn.LSTM(5, 7, 2, device=device), (4, 3, 5)),
        (lambda device: torch.nn.GRU(5, 7, bidirectional=True, device=device), (4, 3, 5)),
    ],
)
def test_models_have_the_same_shapes(make, shape) -> None:
    found = []
    for device in ("cpu", "meta"):
        model, x = make(device), torch.empty(shape, device=device).fill_(0.5).requires_grad_()
        result = model(x)
        y = result[0] if isinstance(result, tuple) else result
        y.sum().backward()
        assert y.device.type == x.grad.device.type == device
        grads = [p.grad for p in model.parameters()]
        found.append([(t.shape, t.dtype, t.stride()) for t in (y, x.grad, *grads)])
        torch.optim.Adam(model.parameters()).step()
    assert found[0] == found[1]


def test_sizes_that_no_memory_holds() -> None:
    wide = torch.nn.Linear(1_000_000, 1_000_000, device="meta")
    x = torch.randn(1000, 1_000_000, device="meta", requires_grad=True)
    y = torch.nn.functional.dropout(wide(x)).sort().values.softmax(1).tril()
    y.sum().backward()
    assert wide.weight.grad.shape == (1_000_000, 1_000_000)


def test_random_numbers_on_meta_take_none_from_the_generator() -> None:
    torch.manual_seed(0)
    torch.rand(3, device="meta").normal_()
    got = torch.rand(1)
    torch.manual_seed(0)
    assert got.item() == torch.rand(1).item()


def test_views_and_writes() -> None:
    x = torch.zeros(3, 4, device="meta")
    y = x[1:, ::2]
    assert (y.shape, y.stride(), y.storage_offset(), y._base is x) == ((2, 2), (4, 2), 4, True)
    y.add_(1)
    assert x._version == 1
    x[:, torch.tensor([0, 2])] = 5.0
    with pytest.raises(RuntimeError):
        x[0] = torch.zeros(3, device="meta")
    w = torch.zeros(3, requires_grad=True, device="meta")
    z = w * 2
    z[0].mul_(3)
    z.sum().backward()
    assert w.grad.is_meta
    assert w.grad.shape == (3,)


def test_device_contexts() -> None:
    from flambeau.utils._device import DeviceContext, set_device

    with DeviceContext("meta") as context:
        assert torch.zeros(2).is_meta
        assert context.device == torch.device("meta")
    assert set_device("meta")(lambda: torch.zeros(2).is_meta)()
    assert not torch.zeros(2).is_meta


def test_numbers_without_elements_are_shown():
    """As PyTorch 2.14.1 shows them; a number of the CPU is formatted as a number."""
    assert f"{torch.ones((), device='meta')}" == "tensor(..., device='meta', size=())"
    assert f"{torch.tensor(2.5):.1f}" == "2.5"


def test_windows_of_a_dimension() -> None:
    assert torch.ones(3, 4, device="meta").unfold(1, 2, 1).shape == (3, 3, 2)
