"""torch.optim.adamw: PyTorch's file of AdamW."""

from .adam import AdamW

__all__ = ["AdamW"]
