"""LinearCrossEntropyLoss: a linear layer and cross entropy in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import functional as F
from .linear import Linear
from .module import Module


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How PyTorch may compute the loss in chunks to save memory; the result is the same.

    Raises:
        ValueError: An unknown acc_policy.

    Source: torch.nn.LinearCrossEntropyOptions
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        policies = ("auto", "accurate", "compact")
        if self.acc_policy not in policies:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}; expected one of {policies}")


class LinearCrossEntropyLoss(Module):
    """The cross entropy of a linear layer's outputs.

    Args:
        in_features, num_classes: Of the layer.
        out_features: More sizes of the outputs, for targets of several dimensions.
        bias: Has the layer a bias?
        reduction, weight, ignore_index, label_smoothing, options: As for
            nn.functional.linear_cross_entropy.

    Raises:
        RuntimeError: The weight has another shape than (num_classes,).

    Source: torch.nn.LinearCrossEntropyLoss
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            got = ", ".join(map(str, weight.shape))
            raise RuntimeError(
                f"expected weight shape to be ({num_classes},), got ({got}{',' * (weight.ndim == 1)}): "
                "one number a class"
            )
        super().__init__()
        self.in_features, self.num_classes, self.out_features = (
            in_features,
            num_classes,
            out_features,
        )
        rows = num_classes
        for size in out_features:
            rows *= size
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)
        self.register_buffer("weight", weight)
        self.reduction, self.ignore_index = reduction, ignore_index
        self.label_smoothing, self.options = label_smoothing, options

    def forward(self, input: Any, target: Any) -> Any:
        sizes = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*sizes, self.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(*sizes),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
