"""What `torch.save` and `torch.load` do unless they are told otherwise.

Source: torch.utils.serialization.config

Example:
    >>> import flambeau as torch
    >>> torch.utils.serialization.config.load.mmap
    False
"""

from ...serialization.option import load, save

__all__ = ["load", "save"]
