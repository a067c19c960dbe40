"""Linear algebra of device arrays by NVIDIA's libraries, where NumPy has none that CuPy would have too."""
