"""Random numbers on the GPU: curand's generator, drawn from in PyTorch's order, so that a seed gives its numbers."""
