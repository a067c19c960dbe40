"""Options of `torch.save` and `torch.load`.

Source: torch.utils.serialization
"""

from . import config

__all__ = ["config"]
