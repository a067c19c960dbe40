"""Which in-place methods are functions of the torch namespace too: ``torch.exp_(x)``."""

from __future__ import annotations

from ...core.tensor import Tensor
from ...dispatch.registry import NAMESPACES
from .. import families  # all others are there

families.load("elementwise.special")
_METHODS_ONLY = frozenset(
    [
        "absolute_",
        "bitwise_not_",
        "digamma_",
        "erfinv_",
        "lgamma_",
        "logical_not_",
        "positive_",
        "sgn_",
        "sign_",
    ]
)
"""Of one operand, and in PyTorch a method only."""

_MORE = (
    *("addmv_", "as_strided_", "clamp_", "clamp_max_", "clamp_min_", "clip_", "detach_"),
    *("gcd_", "lcm_", "ldexp_", "xlogy_"),
)
"""Of several operands or no formula, and in PyTorch a function too."""


def _unary(function: object) -> bool:
    operation = getattr(function, "operation", None)
    return operation is not None and len(operation.operands) == 1


FUNCTIONS = frozenset(
    (
        *_MORE,
        *(
            f"{name}_"
            for name, function in NAMESPACES["torch"].items()
            if _unary(function) and f"{name}_" in Tensor.__dict__
        ),
    )
).difference(_METHODS_ONLY, NAMESPACES["torch"])
