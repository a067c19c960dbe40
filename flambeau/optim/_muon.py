"""torch.optim._muon: PyTorch's file of Muon."""

from .muon import Muon

__all__ = ["Muon"]
