"""Functions of functions: torch.func."""

from .call import functional_call, stack_module_state
from .jacobian import hessian, jacfwd, jacrev
from .transform import grad, grad_and_value, jvp, linearize, vjp
from .vectorize import vmap

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]
