"""Models that make images: a diffusion step, a DCGAN step, an autoencoder."""

from __future__ import annotations

import math
from typing import Any

from .registry import Step, integers, model, normal, training


@model("diffusion U-Net, training")
def diffusion(T: Any) -> Step:
    """Noise is foretold from an image and a time: group norms, attention at the bottom, an embedded time."""
    nn, F, width, images = T.nn, T.nn.functional, 32, 4

    class Residual(nn.Module):
        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.GroupNorm(8, before), nn.GroupNorm(8, after)
            self.conv1 = nn.Conv2d(before, after, 3, padding=1)
            self.conv2 = nn.Conv2d(after, after, 3, padding=1)
            self.time = nn.Linear(4 * width, after)
            self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

        def forward(self, x: Any, time: Any) -> Any:
            y = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(time))[:, :, None, None]
            return self.skip(x) + self.conv2(F.silu(self.norm2(y)))

    class Attention(nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.norm = nn.GroupNorm(8, size)
            self.qkv, self.out = nn.Conv2d(size, 3 * size, 1), nn.Conv2d(size, size, 1)

        def forward(self, x: Any) -> Any:
            b, c, h, w = x.shape
            q, k, v = self.qkv(self.norm(x)).reshape(b, 3, 4, c // 4, h * w).unbind(1)
            share = T.einsum("bhci,bhcj->bhij", q, k) * (c // 4) ** -0.5
            y = T.einsum("bhij,bhcj->bhci", share.softmax(-1), v)
            return x + self.out(y.reshape(b, c, h, w))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            w = width
            self.embed = nn.Sequential(nn.Linear(w, 4 * w), nn.SiLU(), nn.Linear(4 * w, 4 * w))
            self.enter = nn.Conv2d(3, w, 3, padding=1)
            self.down1, self.down2 = Residual(w, w), Residual(w, 2 * w)
            self.small1 = nn.Conv2d(w, w, 3, stride=2, padding=1)
            self.small2 = nn.Conv2d(2 * w, 2 * w, 3, stride=2, padding=1)
            self.middle, self.attention = Residual(2 * w, 2 * w), Attention(2 * w)
            self.up2, self.up1 = Residual(4 * w, w), Residual(2 * w, w)
            self.norm, self.leave = nn.GroupNorm(8, w), nn.Conv2d(w, 3, 3, padding=1)

        def forward(self, x: Any, time: Any) -> Any:
            speed = T.exp(T.arange(width // 2) * (-math.log(10000) / (width // 2 - 1)))
            angle = time[:, None].float() * speed[None]
            time = self.embed(T.cat([angle.sin(), angle.cos()], -1))
            a = self.down1(self.enter(x), time)
            b = self.down2(self.small1(a), time)
            y = self.attention(self.middle(self.small2(b), time))
            y = self.up2(T.cat([F.interpolate(y, scale_factor=2, mode="nearest"), b], 1), time)
            y = self.up1(T.cat([F.interpolate(y, scale_factor=2, mode="nearest"), a], 1), time)
            return self.leave(F.silu(self.norm(y)))

    net, x, noise = Net(), normal(T, images, 3, 32, 32), normal(T, images, 3, 32, 32, seed=1)
    time = integers(T, 1000, images)
    kept = T.cumprod(1 - T.linspace(1e-4, 0.02, 1000), 0)
    optimizer = T.optim.AdamW(net.parameters(), lr=1e-4)

    def loss() -> Any:
        a = kept[time][:, None, None, None]
        return F.mse_loss(net(a.sqrt() * x + (1 - a).sqrt() * noise, time), noise)

    return training(optimizer, loss)


@model("DCGAN, training")
def dcgan(T: Any) -> Step:
    """A step of the one that judges, and one of the one that makes."""
    nn, F, images, w = T.nn, T.nn.functional, 16, 32
    maker = nn.Sequential(
        nn.ConvTranspose2d(64, 4 * w, 4, 1, 0, bias=False), nn.BatchNorm2d(4 * w), nn.ReLU(True),
        nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * w), nn.ReLU(True),
        nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU(True),
        nn.ConvTranspose2d(w, 3, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    judge = nn.Sequential(
        nn.Conv2d(3, w, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True),
        nn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * w), nn.LeakyReLU(0.2, True),
        nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=False), nn.BatchNorm2d(4 * w), nn.LeakyReLU(0.2, True),
        nn.Conv2d(4 * w, 1, 4, 1, 0, bias=False), nn.Flatten(0),
    )  # fmt: skip
    real, noise = normal(T, images, 3, 32, 32).tanh(), normal(T, images, 64, 1, 1, seed=1)
    yes, no = T.ones(images), T.zeros(images)
    judging = T.optim.Adam(judge.parameters(), lr=2e-4, betas=(0.5, 0.999))
    making = T.optim.Adam(maker.parameters(), lr=2e-4, betas=(0.5, 0.999))
    loss = F.binary_cross_entropy_with_logits

    def step() -> Any:
        made = maker(noise)
        judging.zero_grad()
        told = loss(judge(real), yes) + loss(judge(made.detach()), no)
        told.backward()
        judging.step()
        making.zero_grad()
        fooled = loss(judge(made), yes)
        fooled.backward()
        making.step()
        return told.detach() + fooled.detach()

    return step


@model("variational autoencoder, training")
def autoencoder(T: Any) -> Step:
    """Dense layers, a draw by its mean and deviation, two losses."""
    nn, F = T.nn, T.nn.functional
    enter = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
    mean, log_variance = nn.Linear(400, 20), nn.Linear(400, 20)
    leave = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    net = nn.ModuleList([enter, mean, log_variance, leave])
    x = normal(T, 128, 784).sigmoid()
    optimizer = T.optim.Adam(net.parameters(), lr=1e-3)

    def loss() -> Any:
        y = enter(x)
        m, v = mean(y), log_variance(y)
        z = m + T.randn_like(m) * T.exp(0.5 * v)
        made = T.sigmoid(leave(z))
        apart = -0.5 * T.sum(1 + v - m.pow(2) - v.exp())
        return F.binary_cross_entropy(made, x, reduction="sum") / 128 + apart / 128

    return training(optimizer, loss)


@model("convolutional autoencoder, training")
def convolutional(T: Any) -> Step:
    """Strides down, transposed convolutions up."""
    nn, F = T.nn, T.nn.functional
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 7), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 7), nn.ReLU(), nn.ConvTranspose2d(32, 16, 3, 2, 1, 1), nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 3, 2, 1, 1), nn.Sigmoid(),
    )  # fmt: skip
    x = normal(T, 32, 1, 28, 28).sigmoid()
    optimizer = T.optim.Adam(net.parameters(), lr=1e-3)
    return training(optimizer, lambda: F.mse_loss(net(x), x))
