"""A small residual network: momentum, warm-up, a checkpoint, and going on from it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import flambeau as torch
from flambeau import nn
from flambeau.optim import lr_scheduler


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        same = stride == 1 and inputs == outputs
        self.around = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return nn.functional.relu(self.body(x) + self.around(x))


class Training:
    """A model with all that its training needs."""

    def __init__(self) -> None:
        pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2))
        self.model = nn.Sequential(Block(1, 8), Block(8, 16, 2), *pool)
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.1, 0.9, nesterov=True)
        warm = lr_scheduler.LinearLR(self.optimizer, 0.1, total_iters=5)
        cosine = lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=60)
        self.schedule = lr_scheduler.SequentialLR(self.optimizer, [warm, cosine], [5])

    def step(self) -> float:
        """One batch: are the stripes upright or level?"""
        y = torch.randint(2, (16,))
        rows = torch.randn(16, 1, 12, 1).expand(-1, -1, 12, 12)
        x = torch.where(y.view(-1, 1, 1, 1) == 1, rows, rows.mT) + 0.1 * torch.randn(16, 1, 12, 12)
        loss = nn.functional.cross_entropy(self.model(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.item()

    def parts(self) -> dict:
        """What a checkpoint holds, by name."""
        return {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}


def main(steps: int = 40) -> list[float]:
    """Train, save half way, train on twice; return the losses."""
    torch.manual_seed(0)
    training = Training()
    losses = [training.step() for _ in range(steps // 2)]
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder, "half.pt")
        states = {name: part.state_dict() for name, part in training.parts().items()}
        torch.save({**states, "rng": torch.get_rng_state()}, checkpoint)
        rest = [training.step() for _ in range(steps // 2)]
        loaded = torch.load(checkpoint)
    again = Training()
    for name, part in again.parts().items():
        part.load_state_dict(loaded[name])
    torch.set_rng_state(loaded["rng"])
    if [again.step() for _ in range(steps // 2)] != rest:
        raise SystemExit("training from the checkpoint went another way")
    print(f"loss {losses[0]:.3f} -> {rest[-1]:.3f}, and the same from the checkpoint")
    return losses + rest


if __name__ == "__main__":
    main()
