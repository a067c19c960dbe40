#!/usr/bin/env python3
"""One training step of a small convolutional network: what `compile_time.py` runs on an empty folder of kernels."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(
        str(Path(__file__).resolve().parent.parent)
    )  # of a checkout that is not installed

import flambeau as torch
from flambeau import nn

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Dropout(0.1),
    nn.Linear(32 * 8 * 8, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
images, labels = torch.randn(16, 3, 32, 32), torch.randint(0, 10, (16,))
loss = nn.functional.cross_entropy(model(images), labels)
loss.backward()
optimizer.step()
print(f"loss {loss.item():.6f}")
