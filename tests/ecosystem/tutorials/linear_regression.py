"""Fit a line to noisy points by gradient descent."""

import torch

torch.manual_seed(1)
x = torch.unsqueeze(torch.linspace(-1, 1, 100), dim=1)
y = 3 * x + 0.5 + 0.1 * torch.randn(x.size())
w = torch.zeros(1, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for step in range(101):
    loss = ((x @ w + b - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.3 * w.grad
        b -= 0.3 * b.grad
        w.grad.zero_()
        b.grad.zero_()
    if step % 25 == 0:
        print(f"step {step:3d} | loss {loss.item():.6f}")
print(f"w = {w.item():.4f}, b = {b.item():.4f}")
