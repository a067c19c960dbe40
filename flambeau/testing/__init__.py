"""Help for tests: torch.testing."""

from .allclose import assert_allclose
from .comparison import assert_close
from .creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
