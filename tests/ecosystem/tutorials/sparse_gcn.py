"""Sparse matrices: a graph convolution, sparse gradients, files."""

import os

import torch
import torch.nn as nn

torch.manual_seed(0)
i = torch.tensor([[0, 1, 1, 2, 3], [1, 0, 2, 1, 3]])
v = torch.tensor([1.0, 1, 0.5, 0.5, 1])
A = torch.sparse_coo_tensor(i, v, (4, 4))
print(A)
print(A.to_dense(), A.coalesce().indices(), A._nnz())
c = A.to_sparse_csr()
print(c)
X = torch.randn(4, 3)
W = nn.Parameter(torch.randn(3, 2))
opt = torch.optim.Adam([W], 0.1)
for _ in range(5):
    out = torch.spmm(A, X @ W)
    loss = (out - 1).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(f"{loss.item():.5f}")
e = nn.Embedding(10, 3, sparse=True)
o = torch.optim.SparseAdam(e.parameters(), 0.1)
e(torch.tensor([1, 2, 1])).sum().backward()
print(e.weight.grad)
o.step()
print(e.weight[1])
print(torch.sparse.sum(A, dim=0), torch.sparse.softmax(A, 1).to_dense())
print(torch.sparse.mm(c, X), (A * 2).to_dense().sum(), A.t().to_dense()[0])
torch.save(A, "a.pt")
print(torch.load("a.pt").is_sparse)

os.remove("a.pt")
