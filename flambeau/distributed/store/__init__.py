"""Stores of keys and values, by which processes find each other before they can exchange messages.

Source: torch.distributed.Store
"""

from .base import Store
from .file import FileStore
from .memory import HashStore
from .prefix import PrefixStore
from .tcp import TCPStore

__all__ = ["FileStore", "HashStore", "PrefixStore", "Store", "TCPStore"]
