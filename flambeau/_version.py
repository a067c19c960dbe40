"""The two version numbers that everything else derives from."""

__version__ = "0.1.0"

TORCH_API = "2.14.1"
"""The PyTorch release whose names, defaults, errors and printing flambeau follows."""
