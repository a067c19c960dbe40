"""A transformer that predicts the next token."""

import math

import torch
import torch.nn as nn
from torch.nn import TransformerEncoder, TransformerEncoderLayer


class PositionalEncoding(nn.Module):
    def __init__(self, d, dropout=0.1, max_len=500):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(max_len, 1, d)
        pe[:, 0, 0::2] = torch.sin(position * div)
        pe[:, 0, 1::2] = torch.cos(position * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return self.dropout(x + self.pe[: x.size(0)])


class LM(nn.Module):
    def __init__(self, n, d=32):
        super().__init__()
        self.d = d
        self.embedding = nn.Embedding(n, d)
        self.pos = PositionalEncoding(d)
        self.encoder = TransformerEncoder(
            TransformerEncoderLayer(d, 4, 64, 0.1), 2, enable_nested_tensor=False
        )
        self.linear = nn.Linear(d, n)
        self.init_weights()

    def init_weights(self):
        self.embedding.weight.data.uniform_(-0.1, 0.1)
        self.linear.bias.data.zero_()
        self.linear.weight.data.uniform_(-0.1, 0.1)

    def forward(self, src):
        mask = nn.Transformer.generate_square_subsequent_mask(len(src))
        return self.linear(self.encoder(self.pos(self.embedding(src) * math.sqrt(self.d)), mask))


torch.manual_seed(0)
data = torch.arange(400).remainder(17).view(50, 8).t().contiguous().t()
m = LM(17)
opt = torch.optim.SGD(m.parameters(), lr=1.0)
sch = torch.optim.lr_scheduler.StepLR(opt, 1.0, gamma=0.95)
m.eval()
for epoch in range(3):
    for i in range(0, 40, 10):
        x, y = data[i : i + 10], data[i + 1 : i + 11].reshape(-1)
        out = m(x).view(-1, 17)
        loss = nn.functional.cross_entropy(out, y)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(m.parameters(), 0.5)
        opt.step()
    sch.step()
    print(
        f"epoch {epoch} lr {sch.get_last_lr()[0]:.3f} loss {loss.item():.4f} ppl {math.exp(loss.item()):.2f}"
    )
print(sum(p.numel() for p in m.parameters()), [n for n, _ in m.named_parameters()][:4])
print(m.encoder.layers[0])
