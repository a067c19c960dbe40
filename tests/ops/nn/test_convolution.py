"""Convolutions and numbers that are not finite: a weight shows only where the input meets it."""

import math
import re

import pytest

import flambeau as torch

F = torch.nn.functional
KINDS = {  # channels in and out, groups, kernel, stride, padding, dilation, size
    "plain": (2, 3, 1, 3, 1, 1, 1, 6),
    "depthwise": (4, 4, 4, 3, 1, 1, 1, 6),
    "many channels": (16, 16, 1, 3, 1, 1, 1, 8),
    "strided": (5, 20, 1, 3, 2, 1, 1, 7),
    "dilated, with gaps": (2, 2, 1, 3, 2, 0, 2, 7),
    "stride beyond the kernel": (3, 8, 1, 2, 3, 0, 1, 7),
    "strided point": (1, 2, 1, 1, 2, 0, 1, 5),
}


def between(*shape, dtype):
    return torch.sin(torch.arange(math.prod(shape), dtype=dtype)).view(shape) + 1.5


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_transpose_spreads_no_weight(kind, dtype, value):
    channels, results, groups, kernel, stride, padding, dilation, size = kind
    y = between(2, channels, size, size, dtype=dtype)
    weight = between(channels, results // groups, kernel, kernel, dtype=dtype)

    def transposed(w):
        return F.conv_transpose2d(y, w, None, stride, padding, stride - 1, groups, dilation)

    x = torch.zeros(transposed(weight).shape, dtype=dtype, requires_grad=True)

    def gradient(w):
        out = F.conv2d(x, w, None, stride, padding, dilation, groups)
        return torch.autograd.grad(out, x, y)[0]

    for i in (0, weight.numel() - 1):
        other, without = weight.clone(), weight.clone()
        other.view(-1)[i], without.view(-1)[i] = value, 9.0
        for run in (transposed, gradient):
            meets = run(weight) != run(without)
            assert meets.any()
            assert (torch.isfinite(run(other)) == ~meets).all()
            kept, usual = run(other)[~meets], run(weight)[~meets]
            assert torch.allclose(kept, usual, rtol=1e-2 if dtype is torch.bfloat16 else 1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "places"),
    [
        ("Conv1d", (1, 9, 3), "0, 2, 1"),
        ("Conv2d", (1, 9, 9, 3), "0, 3, 1, 2"),
        ("Conv2d", (9, 9, 3), "2, 0, 1"),
        ("Conv3d", (1, 9, 9, 9, 3), "0, 4, 1, 2, 3"),
        ("ConvTranspose2d", (1, 9, 9, 3), "0, 3, 1, 2"),
    ],
)
def test_channels_that_come_last_are_noticed(name, shape, places):
    layer = getattr(torch.nn, name)(3, 8, 3)
    given = "transposed=1" if layer.transposed else "groups=1"
    words = (
        f"Given {given}, weight of size {list(layer.weight.shape)}, expected input{list(shape)} "
    )
    words += "to have 3 channels, but got 9 channels instead"
    with pytest.raises(
        RuntimeError, match=re.escape(f"{words}: channels come before sizes")
    ) as caught:
        layer(torch.ones(shape))
    assert str(caught.value).endswith(f"use input.permute({places})")
    with pytest.raises(RuntimeError, match=r"instead(\n|$)"):
        layer(torch.ones(1, 4, *(9,) * (layer.weight.ndim - 2)))
