"""torch.optim._adafactor: PyTorch's file of Adafactor."""

from .adafactor import Adafactor

__all__ = ["Adafactor"]
