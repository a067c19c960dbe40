"""Every CUDA kernel that the tests make, assembled for GPUs that need not be here: `python -m benchmarks.ptx`."""
