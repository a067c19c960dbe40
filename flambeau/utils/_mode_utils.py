"""Source: torch.utils._mode_utils."""

from ..core.handler import DisableTorchDispatch as no_dispatch

__all__ = ["no_dispatch"]
