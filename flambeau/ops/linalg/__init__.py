"""Products of matrices, and linear algebra on NumPy's LAPACK."""
