"""LAPACK and BLAS of the library that NumPy brings, called by machine code for stacks of matrices."""
