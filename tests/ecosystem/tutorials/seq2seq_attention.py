"""Sequences to sequences: a decoder that attends to an encoder."""

import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(3)
random.seed(3)
SOS, EOS, V, H = 0, 1, 12, 24


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(V, H)
        self.g = nn.GRU(H, H, batch_first=True, bidirectional=True)

    def forward(self, x, n):
        o, h = self.g(pack_padded_sequence(self.e(x), n, batch_first=True, enforce_sorted=False))
        o, _ = pad_packed_sequence(o, batch_first=True)
        return o[..., :H] + o[..., H:], (h[0] + h[1]).unsqueeze(0)


class Attn(nn.Module):
    def __init__(self):
        super().__init__()
        self.W = nn.Linear(H, H)
        self.U = nn.Linear(H, H)
        self.v = nn.Linear(H, 1)

    def forward(self, q, k):
        s = self.v(torch.tanh(self.W(q) + self.U(k))).squeeze(2).unsqueeze(1)
        w = F.softmax(s, dim=-1)
        return torch.bmm(w, k), w


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(V, H)
        self.a = Attn()
        self.g = nn.GRU(2 * H, H, batch_first=True)
        self.o = nn.Linear(H, V)

    def forward(self, enc, h, target):
        x = torch.full((enc.size(0), 1), SOS, dtype=torch.long)
        outs = []
        for t in range(target.size(1)):
            c, w = self.a(h.permute(1, 0, 2), enc)
            o, h = self.g(torch.cat((self.e(x), c), dim=2), h)
            outs.append(self.o(o))
            x = target[:, t].unsqueeze(1) if random.random() < 0.5 else outs[-1].argmax(-1).detach()
        return F.log_softmax(torch.cat(outs, 1), -1), w


e, d = Encoder(), Decoder()
opt = torch.optim.Adam([*e.parameters(), *d.parameters()], 0.01)
crit = nn.NLLLoss(ignore_index=-1)
for step in range(31):
    seqs = [
        torch.tensor([random.randrange(2, V) for _ in range(random.randint(3, 6))])
        for _ in range(16)
    ]
    x = pad_sequence(seqs, batch_first=True)
    y = pad_sequence([s.flip(0) for s in seqs], batch_first=True, padding_value=-1)
    enc, h = e(x, torch.tensor([len(s) for s in seqs]))
    out, w = d(enc, h, y.clamp(min=0))
    loss = crit(out.reshape(-1, V), y.reshape(-1))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 10 == 0:
        print(step, f"{loss.item():.4f}", tuple(w.shape))
