"""Products of matrices on a GPU, by cuBLAS."""
