"""The gradient modes under torch's module name.

Source: torch.autograd.grad_mode
"""

from .mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]
