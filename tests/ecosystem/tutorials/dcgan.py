"""A generator and a discriminator that train against each other."""

import torch
import torch.nn as nn

torch.manual_seed(999)


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


G = nn.Sequential(
    nn.ConvTranspose2d(10, 16, 4, 1, 0, bias=False),
    nn.BatchNorm2d(16),
    nn.ReLU(True),
    nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False),
    nn.BatchNorm2d(8),
    nn.ReLU(True),
    nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False),
    nn.Tanh(),
)
D = nn.Sequential(
    nn.Conv2d(1, 8, 4, 2, 1, bias=False),
    nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(8, 16, 4, 2, 1, bias=False),
    nn.BatchNorm2d(16),
    nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(16, 1, 4, 1, 0, bias=False),
    nn.Sigmoid(),
)
G.apply(weights_init)
D.apply(weights_init)
print(G)
crit = nn.BCELoss()
od = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
og = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
real = torch.rand(16, 1, 16, 16) * 2 - 1
for i in range(6):
    D.zero_grad()
    out = D(real).view(-1)
    label = torch.full((16,), 1.0)
    e1 = crit(out, label)
    e1.backward()
    noise = torch.randn(16, 10, 1, 1)
    fake = G(noise)
    label.fill_(0.0)
    e2 = crit(D(fake.detach()).view(-1), label)
    e2.backward()
    od.step()
    G.zero_grad()
    label.fill_(1.0)
    e3 = crit(D(fake).view(-1), label)
    e3.backward()
    og.step()
    print(
        f"[{i}/6]\tLoss_D: {(e1 + e2).item():.4f}\tLoss_G: {e3.item():.4f}\t"
        f"D(x): {out.mean().item():.4f}"
    )
