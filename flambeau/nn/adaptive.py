"""AdaptiveLogSoftmaxWithLoss: a softmax over many classes, the rare ones in clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import Tensor, cat, zeros  # type: ignore[attr-defined]
from . import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module


class ASMoutput(NamedTuple):
    """The log probability of each target, and the loss."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Frequent classes by themselves, rarer ones in clusters with smaller projections (Grave, 2017).

    Args:
        in_features, n_classes: Of the input, and in all.
        cutoffs: Where the clusters begin; classes are sorted by how frequent they are.
        div_value: How much smaller the next cluster's projection is.
        head_bias: Does the head have a bias?

    Raises:
        ValueError: The cutoffs are no increasing sequence within the classes.

    Source: torch.nn.AdaptiveLogSoftmaxWithLoss
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        ends = list(cutoffs)
        if not ends:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            ends != sorted(ends)
            or min(ends) <= 0
            or max(ends) > n_classes - 1
            or len(set(ends)) != len(ends)
            or any(int(c) != c for c in ends)
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, "
                "where each value is between 1 and n_classes-1"
            )
        where = {"device": device, "dtype": dtype}
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, [*ends, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, **where)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            inner = int(in_features // (div_value ** (i + 1)))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, inner, bias=False, **where),
                    Linear(inner, size, bias=False, **where),
                )
            )

    def reset_parameters(self) -> None:
        """Draw new values."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> ASMoutput:
        """The log probabilities of the targets (N), and minus their mean."""
        batched = target_.ndim > 0
        if batched and input_.shape[0] != target_.shape[0]:
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        if target_.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input_.ndim != (2 if batched else 1):
            kind = "1D target tensor expects 2D" if batched else "0D target tensor expects 1D"
            raise RuntimeError(f"{kind} input tensors, but found inputs with size {input_.shape}.")
        input, target = (
            (input_, target_) if batched else (input_.unsqueeze(0), target_.unsqueeze(0))
        )
        classes = target.tolist()
        if any(not 0 <= c < self.n_classes for c in classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{min(classes)}, {max(classes)}] were found. "
            )
        output = self._of_targets(input, target)
        loss = (-output).mean()
        return ASMoutput(output if batched else output.squeeze(0), loss)

    def _of_targets(self, input: Tensor, target: Tensor) -> Tensor:
        head = F.log_softmax(self.head(input), 1)
        output = zeros(target.shape[0], dtype=head.dtype, device=head.device)
        low = 0
        for i, high in enumerate(self.cutoffs):
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel():
                own = head.index_select(0, rows)
                if i == 0:
                    part = own.gather(1, target.index_select(0, rows).unsqueeze(1)).squeeze(1)
                else:
                    inside = F.log_softmax(self.tail[i - 1](input.index_select(0, rows)), 1)
                    place = (target.index_select(0, rows) - low).unsqueeze(1)
                    cluster = own[:, self.shortlist_size + i - 1]
                    part = cluster + inside.gather(1, place).squeeze(1)
                output = output.index_put((rows,), part)
            low = high
        return output

    def log_prob(self, input: Tensor) -> Tensor:
        """The log probabilities of all classes: (N, n_classes)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            cluster = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(tail(input), 1) + cluster)
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each input."""
        return self.log_prob(input).argmax(1)
