"""Weights of convolutions in another memory format: the same numbers, laid out anew."""

from __future__ import annotations

import flambeau as torch
from flambeau import nn


def test_only_the_convolutions_asked_for_change() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ConvTranspose2d(3, 2, 3), nn.Conv3d(2, 2, 2))
    before = [p.detach().clone() for p in net.parameters()]
    held = net[0].weight
    assert nn.utils.convert_conv2d_weight_memory_format(net, torch.channels_last) is net
    assert net[0].weight is held
    assert net[0].weight.stride() == (18, 1, 6, 2)
    assert net[1].weight.is_contiguous(memory_format=torch.channels_last)
    assert net[2].weight.is_contiguous()
    nn.utils.convert_conv3d_weight_memory_format(net, torch.channels_last_3d)
    assert net[2].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters()))


def test_conv_tbc_against_recorded_numbers() -> None:
    x, w = torch.arange(12.0).reshape(3, 2, 2), torch.arange(8.0).reshape(2, 2, 2)
    y = torch.conv_tbc(x, w, torch.ones(2), 1)
    assert y.tolist() == [
        [[7.0, 8.0], [27.0, 32.0]],
        [[49.0, 59.0], [73.0, 91.0]],
        [[97.0, 123.0], [121.0, 155.0]],
        [[19.0, 36.0], [23.0, 44.0]],
    ]
