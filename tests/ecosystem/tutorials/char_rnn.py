"""A recurrent network that learns to write one character after the other."""

import torch
import torch.nn as nn

text = "hello world, this is a small text for a small network. " * 4
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
torch.manual_seed(0)


class RNN(nn.Module):
    def __init__(self, n, h, cell):
        super().__init__()
        self.emb = nn.Embedding(n, 16)
        self.rnn = getattr(nn, cell)(16, h, num_layers=2, batch_first=True, dropout=0.1)
        self.out = nn.Linear(h, n)

    def forward(self, x, s=None):
        y, s = self.rnn(self.emb(x), s)
        return self.out(y), s


ids = torch.tensor([stoi[c] for c in text], dtype=torch.long)
for cell in ("RNN", "GRU", "LSTM"):
    m = RNN(len(chars), 32, cell)
    opt = torch.optim.RMSprop(m.parameters(), 3e-3)
    s = None
    for i in range(0, 200, 20):
        x = ids[i : i + 20][None]
        y = ids[i + 1 : i + 21][None]
        out, s = m(x, s)
        s = tuple(t.detach() for t in s) if isinstance(s, tuple) else s.detach()
        loss = nn.functional.cross_entropy(out.transpose(1, 2), y)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(m.parameters(), 1.0)
        opt.step()
    print(cell, f"{loss.item():.4f}")
    m.eval()
    with torch.no_grad():
        x = ids[:1][None]
        s = None
        r = []
        for _ in range(10):
            o, s = m(x, s)
            x = o[:, -1].argmax(-1, keepdim=True)
            r.append(chars[x.item()])
    print(repr("".join(r)))
