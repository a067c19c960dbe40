"""Functions of functions: torch.func."""

from .batched import debug_unwrap
from .call import (
    functional_call,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
from .functional import functionalize
from .jacobian import hessian, jacfwd, jacrev
from .pattern import rearrange
from .transform import grad, grad_and_value, jvp, linearize, vjp
from .vectorize import vmap

__all__ = [
    "debug_unwrap",
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "rearrange",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]
