"""A causal transformer with tied weights that learns to count."""

from __future__ import annotations

import flambeau as torch
from flambeau import nn

WORDS, WIDTH, LENGTH = 16, 32, 24


class LanguageModel(nn.Module):
    """Each position sees the ones before it; scores are products with the embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.word = nn.Embedding(WORDS, WIDTH)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 64, 0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, WORDS, bias=False)
        nn.init.normal_(self.word.weight, std=0.1)
        self.head.weight = self.word.weight

    def forward(self, x):
        length = x.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        hidden = self.word(x) + self.place[:length]
        return self.head(self.layers(hidden, mask=mask, is_causal=True))


def main(steps: int = 150) -> list[float]:
    """Train on runs that count up by 1, 2 or 3; return the losses."""
    torch.manual_seed(0)
    model = LanguageModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    losses = []
    for _ in range(steps):
        first, stride = torch.randint(WORDS, (16, 1)), torch.randint(1, 4, (16, 1))
        runs = (first + stride * torch.arange(LENGTH + 1)) % WORDS
        scores = model(runs[:, :-1])
        loss = nn.functional.cross_entropy(scores.mT, runs[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    return losses


if __name__ == "__main__":
    main()
