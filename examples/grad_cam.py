"""Grad-CAM: which part of an image a classifier looked at, by hooks."""

from __future__ import annotations

import flambeau as torch
from flambeau import nn
from flambeau.nn import functional as F


def spots(n: int):
    """Noise with a bright square: its half of the image is the class. Also where it is."""
    images, places = 0.1 * torch.randn(n, 1, 16, 16), torch.randint(0, 13, (n, 2))
    for image, (row, column) in zip(images, places.tolist(), strict=True):
        image[0, row : row + 4, column : column + 4] += 1
    return images, (places[:, 1] > 6).long(), places


def main(steps: int = 60) -> list[float]:
    """Train, then look; return the losses."""
    torch.manual_seed(0)
    convolution = nn.Conv2d(8, 8, 5, padding=2)
    features = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), convolution, nn.ReLU())
    model = nn.Sequential(features, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(128, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(steps):
        images, classes, _ = spots(32)
        loss = F.cross_entropy(model(images), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    kept = {}
    convolution.register_forward_hook(lambda module, args, y: kept.update(y=y.detach()))
    convolution.register_full_backward_hook(lambda module, inputs, g: kept.update(g=g[0]))
    images, classes, places = spots(1)
    model(images)[0, classes[0]].backward()
    weights = kept["g"].mean((2, 3), keepdim=True)
    heat = F.relu((weights * kept["y"]).sum(1))[0]
    row, column = divmod(heat.argmax().item(), 16)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}; square at {places[0].tolist()}, ", end="")
    print(f"hottest pixel ({row}, {column})")
    return losses


if __name__ == "__main__":
    main()
