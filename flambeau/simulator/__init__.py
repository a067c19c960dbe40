"""A CUDA GPU in NumPy, for machines without one: the part of CuPy's interface that flambeau uses, and an executor of PTX.

It takes CuPy's place when the environment has FLAMBEAU_CUDA_SIMULATOR=1. It is slow, strict, and there to test with: host
arrays and device arrays do not mix, and kernels that a GPU would let pass (addresses outside of arrays, misaligned ones,
barriers that not all threads reach) are errors.
"""
