"""A variational autoencoder."""

import torch
import torch.nn.functional as F
from torch import nn, optim


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 40)
        self.fc21 = nn.Linear(40, 4)
        self.fc22 = nn.Linear(40, 4)
        self.fc3 = nn.Linear(4, 40)
        self.fc4 = nn.Linear(40, 64)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc21(h), self.fc22(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, lv = self.encode(x.view(-1, 64))
        return self.decode(self.reparameterize(mu, lv)), mu, lv


def loss_function(r, x, mu, lv):
    return F.binary_cross_entropy(r, x.view(-1, 64), reduction="sum") - 0.5 * torch.sum(
        1 + lv - mu.pow(2) - lv.exp()
    )


torch.manual_seed(1)
x = torch.rand(128, 1, 8, 8).round()
m = VAE()
o = optim.Adam(m.parameters(), 1e-2)
for e in range(5):
    for b in x.split(32):
        o.zero_grad()
        loss = loss_function(m(b)[0], b, *m(b)[1:])
        loss.backward()
        o.step()
    print(f"====> Epoch: {e} loss: {loss.item() / 32:.3f}")
print(m.decode(torch.zeros(1, 4)).view(8, 8)[0])
