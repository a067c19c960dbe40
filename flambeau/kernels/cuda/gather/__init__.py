"""Reading and writing at index arrays on the GPU: what `kernels.gather` is on the CPU."""
