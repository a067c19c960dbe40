"""A character-level LSTM that learns one sentence by heart, and writes it."""

from __future__ import annotations

import flambeau as torch
from flambeau import nn

TEXT = "the quick brown fox jumps over the lazy dog. " * 8


class CharRNN(nn.Module):
    """Embedding, LSTM, and a score for each character."""

    def __init__(self, characters: int, hidden: int = 48) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, 16)
        self.rnn = nn.LSTM(16, hidden, batch_first=True)
        self.head = nn.Linear(hidden, characters)

    def forward(self, x, state=None):
        y, state = self.rnn(self.embedding(x), state)
        return self.head(y), state


def main(steps: int = 150) -> list[float]:
    """Train; return the losses."""
    torch.manual_seed(0)
    alphabet = sorted(set(TEXT))
    data = torch.tensor([alphabet.index(c) for c in TEXT])
    model = CharRNN(len(alphabet))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(steps):
        starts = torch.randint(len(data) - 33, (8,))
        x = torch.stack([data[i : i + 32] for i in starts])
        y = torch.stack([data[i + 1 : i + 33] for i in starts])
        scores, _ = model(x)
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())

    x, state, written = data[None, :1], None, []
    with torch.no_grad():
        for _ in range(45):
            scores, state = model(x, state)
            x = scores[:, -1:].argmax(-1)
            written.append(alphabet[x.item()])
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}: {''.join(written)!r}")
    return losses


if __name__ == "__main__":
    main()
