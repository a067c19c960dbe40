"""What parameters are gathered as.

Source: torch.distributed.fsdp._fully_shard._fsdp_api
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MixedPrecisionPolicy:
    """The dtypes of what is computed and sent; parameters and states keep theirs.

    Args:
        param_dtype: Of parameters as they are gathered, and of floating-point inputs; None for their own.
        reduce_dtype: Of gradients as they are added up; None for `param_dtype`.
        output_dtype: Of floating-point results; None for their own.
        cast_forward_inputs: Are inputs cast?

    Source: torch.distributed.fsdp.MixedPrecisionPolicy
    """

    param_dtype: Any = None
    reduce_dtype: Any = None
    output_dtype: Any = None
    cast_forward_inputs: bool = True


@dataclass
class OffloadPolicy:
    """Parts stay where they are used.

    Source: torch.distributed.fsdp.OffloadPolicy
    """


@dataclass
class CPUOffloadPolicy(OffloadPolicy):
    """Parts stay in the CPU's memory, which they do here anyway.

    Source: torch.distributed.fsdp.CPUOffloadPolicy
    """

    pin_memory: bool = True
