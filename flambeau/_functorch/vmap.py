"""PyTorch's name of `func.vectorize`, the same module: packages replace its functions to map over classes of theirs.

Source: torch._functorch.vmap
"""

import sys

from ..func import vectorize

sys.modules[__name__] = vectorize
