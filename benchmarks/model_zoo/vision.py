"""Networks of images without much convolution: ViT, MLP-Mixer, ConvNeXt's block, points."""

from __future__ import annotations

from typing import Any

from .convolution import classifying
from .registry import Step, model, normal


@model("ViT, training")
def vit(T: Any) -> Step:
    """Patches of 4 by 4, a class token, nn.TransformerEncoder."""
    nn, width = T.nn, 128

    class ViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = nn.Conv2d(3, width, 4, 4)
            self.token = nn.Parameter(T.zeros(1, 1, width))
            self.place = nn.Parameter(T.randn(1, 65, width) * 0.02)
            layer = nn.TransformerEncoderLayer(
                width, 4, 256, 0.0, "gelu", batch_first=True, norm_first=True
            )
            self.body = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = T.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
            return self.head(self.norm(self.body(x)[:, 0]))

    return classifying(T, ViT(), normal(T, 8, 3, 32, 32))


@model("MLP-Mixer, training")
def mixer(T: Any) -> Step:
    nn, width, places = T.nn, 96, 64

    def mlp(size: int, hidden: int) -> Any:
        return nn.Sequential(nn.Linear(size, hidden), nn.GELU(), nn.Linear(hidden, size))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.across, self.along = mlp(places, 128), mlp(width, 256)

        def forward(self, x: Any) -> Any:
            x = x + self.across(self.norm1(x).transpose(1, 2)).transpose(1, 2)
            return x + self.along(self.norm2(x))

    class Mixer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch, self.blocks = (
                nn.Conv2d(3, width, 4, 4),
                nn.Sequential(*[Block() for _ in range(3)]),
            )
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            x = self.blocks(self.patch(x).flatten(2).transpose(1, 2))
            return self.head(self.norm(x).mean(1))

    return classifying(T, Mixer(), normal(T, 16, 3, 32, 32))


@model("ConvNeXt, training")
def convnext(T: Any) -> Step:
    """Depthwise 7 x 7, a norm over channels, two dense layers."""
    nn, width = T.nn, 48

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(width, width, 7, padding=3, groups=width)
            self.norm = nn.LayerNorm(width)
            self.grow, self.shrink = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.scale = nn.Parameter(T.full((width,), 0.1))

        def forward(self, x: Any) -> Any:
            y = self.norm(self.conv(x).permute(0, 2, 3, 1))
            y = self.scale * self.shrink(nn.functional.gelu(self.grow(y)))
            return x + y.permute(0, 3, 1, 2)

    net = nn.Sequential(
        nn.Conv2d(3, width, 2, 2), *[Block() for _ in range(3)], nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, 10),
    )  # fmt: skip
    return classifying(T, net, normal(T, 8, 3, 32, 32))


@model("PointNet, training")
def pointnet(T: Any) -> Step:
    """Convolutions of one place over points, and the largest of each channel."""
    nn = T.nn

    class PointNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers, before = [], 3
            for width in (64, 64, 128, 256):
                layers += [nn.Conv1d(before, width, 1), nn.BatchNorm1d(width), nn.ReLU()]
                before = width
            self.points = nn.Sequential(*layers)
            self.head = nn.Sequential(nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))

        def forward(self, x: Any) -> Any:
            return self.head(self.points(x).max(2)[0])

    return classifying(T, PointNet(), normal(T, 16, 3, 256))
