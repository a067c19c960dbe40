"""`distributed.tensor` by the name that it had first.

Source: torch.distributed._tensor
"""

from .tensor import *  # noqa: F403
from .tensor import __all__ as __all__
