"""Random numbers, with PyTorch's bits: the generator, and how each distribution draws from it."""
