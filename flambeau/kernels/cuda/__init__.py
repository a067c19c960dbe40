"""Kernels for CUDA devices: the same expressions and primitives as those of the CPU, at one lane, as PTX.

`thread.py` writes what one thread does, `ptx.py` makes PTX of it, `driver.py` loads and launches that. Nothing here knows
of tensors; arrays are CuPy's.
"""
