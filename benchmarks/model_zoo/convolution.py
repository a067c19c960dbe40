"""Convolutional networks of the CIFAR family, and a U-Net."""

from __future__ import annotations

from typing import Any

from .registry import Step, inference, integers, model, normal, training


def classifying(T: Any, net: Any, x: Any, classes: int = 10) -> Step:
    """The training step of a classifier, with momentum."""
    y = integers(T, classes, x.shape[0], seed=1)
    optimizer = T.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    return training(optimizer, lambda: T.nn.functional.cross_entropy(net(x), y))


@model("CIFAR CNN, training")
def cifar_cnn(T: Any) -> Step:
    """Stacked 3 x 3 convolutions between poolings, as in VGG."""
    nn, layers, width = T.nn, [], 3
    for size in (32, 32, 0, 64, 64, 0, 128, 128, 0):
        if size:
            layers += [nn.Conv2d(width, size, 3, padding=1), nn.BatchNorm2d(size), nn.ReLU()]
            width = size
        else:
            layers.append(nn.MaxPool2d(2))
    head = [nn.Flatten(), nn.Linear(128 * 16, 128), nn.ReLU(), nn.Linear(128, 10)]
    return classifying(T, nn.Sequential(*layers, *head), normal(T, 16, 3, 32, 32))


@model("LeNet, training")
def lenet(T: Any) -> Step:
    """A small network without normalisation, at a batch of 64."""
    nn = T.nn
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip
    return classifying(T, net, normal(T, 64, 1, 28, 28))


def resnet18(T: Any) -> Any:
    """ResNet-18 with a first convolution for images of 32 by 32."""
    nn, F = T.nn, T.nn.functional

    class Block(nn.Module):
        def __init__(self, before: int, width: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.shortcut = nn.Sequential()
            if stride != 1 or before != width:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
                )

        def forward(self, x: Any) -> Any:
            y = F.relu(self.bn1(self.conv1(x)))
            return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))

    layers: list[Any] = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    before = 64
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(before, width, stride), Block(width, width, 1)]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


@model("ResNet-18, training")
def resnet_training(T: Any) -> Step:
    return classifying(T, resnet18(T), normal(T, 4, 3, 32, 32))


@model("ResNet-18, inference")
def resnet_inference(T: Any) -> Step:
    net, x = resnet18(T).eval(), normal(T, 8, 3, 32, 32)
    return inference(T, lambda: net(x))


@model("MobileNet, training")
def mobilenet(T: Any) -> Step:
    """Inverted residuals: wide 1 x 1, depthwise 3 x 3, narrow 1 x 1."""
    nn = T.nn

    class Inverted(nn.Module):
        def __init__(self, before: int, width: int, stride: int, wider: int) -> None:
            super().__init__()
            hidden = before * wider
            self.residual = stride == 1 and before == width
            self.layers = nn.Sequential(
                nn.Conv2d(before, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(inplace=True),
                nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden),
                nn.ReLU6(inplace=True), nn.Conv2d(hidden, width, 1, bias=False), nn.BatchNorm2d(width),
            )  # fmt: skip

        def forward(self, x: Any) -> Any:
            return x + self.layers(x) if self.residual else self.layers(x)

    layers: list[Any] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6()]
    before = 16
    for width, stride in ((16, 1), (24, 2), (24, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
        layers.append(Inverted(before, width, stride, 4))
        before = width
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.0), nn.Linear(64, 10)]
    return classifying(T, nn.Sequential(*layers, *head), normal(T, 16, 3, 32, 32))


def unet(T: Any, width: int) -> Any:
    """Two levels down and up again, with what is skipped joined on the way."""
    nn = T.nn

    def twice(before: int, after: int) -> Any:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
        )  # fmt: skip

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            w = width
            self.pool = nn.MaxPool2d(2)
            self.down = nn.ModuleList([twice(3, w), twice(w, 2 * w), twice(2 * w, 4 * w)])
            self.bottom = twice(4 * w, 8 * w)
            self.grow = nn.ModuleList(
                [nn.ConvTranspose2d(2 * n, n, 2, stride=2) for n in (4 * w, 2 * w, w)]
            )
            self.up = nn.ModuleList([twice(2 * n, n) for n in (4 * w, 2 * w, w)])
            self.head = nn.Conv2d(w, 2, 1)

        def forward(self, x: Any) -> Any:
            skipped = []
            for layer in self.down:
                x = layer(x)
                skipped.append(x)
                x = self.pool(x)
            x = self.bottom(x)
            for grow, layer in zip(self.grow, self.up):
                x = layer(T.cat([skipped.pop(), grow(x)], 1))
            return self.head(x)

    return UNet()


@model("U-Net, inference")
def unet_inference(T: Any) -> Step:
    net, x = unet(T, 32).eval(), normal(T, 1, 3, 128, 128)
    return inference(T, lambda: net(x))


@model("U-Net, training")
def unet_training(T: Any) -> Step:
    net, x, y = unet(T, 16), normal(T, 2, 3, 96, 96), integers(T, 2, 2, 96, 96)
    optimizer = T.optim.Adam(net.parameters(), lr=1e-4)
    return training(optimizer, lambda: T.nn.functional.cross_entropy(net(x), y))


@model("TCN, training")
def tcn(T: Any) -> Step:
    """Causal dilated convolutions of one dimension with residuals, weights normalised."""
    nn, F = T.nn, T.nn.functional
    weight_norm = nn.utils.parametrizations.weight_norm

    class Block(nn.Module):
        def __init__(self, before: int, width: int, dilation: int) -> None:
            super().__init__()
            self.before = 2 * dilation
            self.conv1 = weight_norm(nn.Conv1d(before, width, 3, dilation=dilation))
            self.conv2 = weight_norm(nn.Conv1d(width, width, 3, dilation=dilation))
            self.skip = nn.Conv1d(before, width, 1) if before != width else nn.Identity()

        def forward(self, x: Any) -> Any:
            y = F.relu(self.conv1(F.pad(x, (self.before, 0))))
            y = F.relu(self.conv2(F.pad(y, (self.before, 0))))
            return F.relu(y + self.skip(x))

    blocks = [Block(n, 48, 2**i) for i, n in enumerate((1, 48, 48, 48, 48, 48))]
    body, head = nn.Sequential(*blocks), nn.Linear(48, 10)
    net, x, y = nn.ModuleList([body, head]), normal(T, 16, 1, 256), integers(T, 10, 16)
    optimizer = T.optim.Adam(net.parameters(), lr=1e-3)
    return training(optimizer, lambda: F.cross_entropy(head(body(x)[..., -1]), y))
