"""Train a classifier on scikit-learn's handwritten digits: 1,797 real scans of 8 x 8 pixels.

    python examples/digits.py [--epochs 40] [--out digits-results]

Writes the learning curve and some predictions as PNG files, and the trained weights, which it loads
again to check them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from tqdm import tqdm

import flambeau as torch
from flambeau import nn
from flambeau.utils.data import DataLoader, TensorDataset, random_split


class Classifier(nn.Module):
    """Two hidden layers over the 64 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 128),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


def load() -> tuple[TensorDataset, torch.Tensor, torch.Tensor]:
    """All scans with pixels in [0, 1], and their digits."""
    digits = load_digits()
    images = torch.from_numpy(digits.data).float() / 16
    labels = torch.from_numpy(digits.target).long()
    return TensorDataset(images, labels), images, labels


def accuracy(model: Classifier, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The fraction of digits that the model names right."""
    model.eval()
    with torch.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()


def draw_curve(losses: list[float], scores: list[float], path: Path) -> None:
    figure, left = plt.subplots(figsize=(6, 4))
    right = left.twinx()
    left.plot(losses, color="tab:red", label="training loss")
    right.plot(scores, color="tab:blue", label="validation accuracy")
    left.set_xlabel("epoch")
    left.set_ylabel("training loss", color="tab:red")
    right.set_ylabel("validation accuracy", color="tab:blue")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_predictions(
    model: Classifier, images: torch.Tensor, labels: torch.Tensor, path: Path
) -> None:
    guesses = model(images[:24]).argmax(1)
    figure, axes = plt.subplots(3, 8, figsize=(8, 3.6))
    for axis, image, guess, label in zip(
        axes.flat, images, guesses.tolist(), labels.tolist(), strict=False
    ):
        axis.imshow(image.reshape(8, 8).numpy(), cmap="gray_r")
        axis.set_title(f"{guess}", color="green" if guess == label else "red", fontsize=10)
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("digits-results"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(0)
    data, images, labels = load()
    held_back = len(data) // 5
    training, validation = random_split(data, [len(data) - held_back, held_back])
    chosen = torch.tensor(validation.indices)
    images, labels = images[chosen], labels[chosen]

    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    loader = DataLoader(training, batch_size=64, shuffle=True)
    losses, scores = [], []
    progress = tqdm(range(options.epochs), desc="digits", unit="epoch")
    for _ in progress:
        model.train()
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        losses.append(total / len(training))
        scores.append(accuracy(model, images, labels))
        progress.set_postfix(loss=f"{losses[-1]:.4f}", accuracy=f"{scores[-1]:.2%}")

    draw_curve(losses, scores, options.out / "learning-curve.png")
    draw_predictions(model, images, labels, options.out / "predictions.png")
    checkpoint = options.out / "digits.pt"
    torch.save(model.state_dict(), checkpoint)
    restored = Classifier()
    restored.load_state_dict(torch.load(checkpoint))
    if accuracy(restored, images, labels) != scores[-1]:
        raise SystemExit(f"{checkpoint} does not give the model that was saved")
    print(
        f"validation accuracy {scores[-1]:.2%} on {held_back} held-back digits; see {options.out}/"
    )


if __name__ == "__main__":
    main()
