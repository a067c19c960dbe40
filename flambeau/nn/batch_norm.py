"""Normalisation layers over a batch, with running statistics: BatchNorm, InstanceNorm."""

from __future__ import annotations

from typing import Any

from .. import Tensor, int64, ones, tensor, zeros  # type: ignore[attr-defined]
from .._caller import warn
from . import functional as F
from .normalization import _Affine
from .parameter import is_lazy


class _NormBase(_Affine):
    """A normalisation that keeps a running mean and variance of each channel."""

    _version = 2
    dims: tuple[int, ...]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        track = track_running_stats
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track
        self._add("weight", affine, num_features, device, dtype)
        self._add("bias", affine and bias, num_features, device, dtype)
        where = {"device": device, "dtype": dtype}
        self.register_buffer("running_mean", zeros(num_features, **where) if track else None)
        self.register_buffer("running_var", ones(num_features, **where) if track else None)
        count = tensor(0, dtype=int64, device=device) if track else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, nothing counted."""
        if self.track_running_stats:
            self.running_mean.zero_()  # type: ignore[union-attr]
            self.running_var.fill_(1)  # type: ignore[union-attr]
            self.num_batches_tracked.zero_()  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        """Weight one, bias zero, and the running statistics as at first."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self.dims:
            wanted = " or ".join(f"{n}D" for n in self.dims)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")

    def extra_repr(self) -> str:
        has_bias = is_lazy(self.bias) or self.bias is not None
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}"
            f", bias={has_bias}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    """Each channel less its mean over the batch, by its standard deviation."""

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        share = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)  # type: ignore[attr-defined]
            if self.momentum is None:  # the mean of all batches so far
                share = 1.0 / float(self.num_batches_tracked)
        own = self.training or (self.running_mean is None and self.running_var is None)
        kept = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if kept else None,
            self.running_var if kept else None,
            self.weight,
            self.bias,
            own,
            share,
            self.eps,
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        if (local_metadata.get("version") or 1) < 2 and self.track_running_stats:
            # Saved before batches were counted.
            state_dict.setdefault(f"{prefix}num_batches_tracked", self._count())
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def _count(self) -> Tensor:
        kept = self.num_batches_tracked
        return tensor(0, dtype=int64) if kept is None else kept


class _InstanceNorm(_NormBase):
    """Each channel of each sample less its mean, by its standard deviation (Ulyanov et al., 2016)."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        lone = min(self.dims)
        channels = input.ndim - lone
        if input.shape[channels] != self.num_features:
            message = (
                f"expected input's size at dim={channels} to match num_features "
                f"({self.num_features}), but got: {input.shape[channels]}."
            )
            if self.affine:
                raise ValueError(message)
            warn(
                f"input's size at dim={channels} does not match num_features: it is not used "
                "because affine=False"
            )
        batch = input.unsqueeze(0) if input.ndim == lone else input
        result = F.instance_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return result.squeeze(0) if input.ndim == lone else result


_DOC = """{what}

    Args:
        num_features: The number of channels.
        eps: Added to the variance.
        momentum: What share a batch has of the running statistics{none}.
        affine, bias: Have a weight, and a bias, a channel?
        track_running_stats: Keep running statistics, and use them in evaluation mode?

    Shape: {shape}.

    Raises:
        ValueError: The input has another number of dimensions.

    Source: torch.nn.{name}
    """
_SHAPES = {1: "(N, C, L)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}


def _layer(kind: str, base: type, n: int) -> Any:
    name = f"{kind}{n}d"
    batch = base is _BatchNorm
    shape = _SHAPES[n] + (" or (N, C)" if batch and n == 1 else "" if batch else ", or without N")
    doc = _DOC.format(
        what=base.__doc__,
        none="; None: all batches have the same" if batch else "",
        shape=shape,
        name=name,
    )
    dims = (2, 3) if batch and n == 1 else (n + 2,) if batch else (n + 1, n + 2)
    return type(name, (base,), {"__module__": "flambeau.nn", "__doc__": doc, "dims": dims})


class SyncBatchNorm(_BatchNorm):
    """BatchNorm whose means are over the batches of all processes of a group; of one process, over its own.

    Args:
        num_features: The number of channels.
        eps: Added to the variance.
        momentum: What share a batch has of the running statistics; None: all batches have the same.
        affine, bias: Have a weight, and a bias, a channel?
        track_running_stats: Keep running statistics, and use them in evaluation mode?
        process_group: Whose processes; None for all.

    Shape: (N, C) or (N, C, ...).

    Raises:
        ValueError: The input has fewer than two dimensions, or all processes together have one value a channel.

    Source: torch.nn.SyncBatchNorm

    Example:
        >>> import flambeau as torch
        >>> model = torch.nn.Sequential(torch.nn.BatchNorm2d(3))
        >>> torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
        Sequential(
          (0): SyncBatchNorm(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
        )
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def forward(self, input: Tensor) -> Tensor:
        """Normalised by the means and variances of all processes in training, where there are several."""
        together = SyncBatchNorm._together
        if together is None or not (self.training or self.running_mean is None):
            return super().forward(input)
        self._check_input_dim(input)
        result: Tensor | None = together(self, input)
        return super().forward(input) if result is None else result

    _together: Any = None
    """What normalises over several processes; `distributed` sets it when a process joins some."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"expected at least 2D input (got {input.ndim}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Any, process_group: Any = None) -> Any:
        """A module with all its BatchNorm layers replaced by SyncBatchNorm, which take over their tensors.

        Source: torch.nn.SyncBatchNorm.convert_sync_batchnorm
        """
        made = module
        if isinstance(module, _BatchNorm):
            made = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            made.weight, made.bias = module.weight, module.bias
            made.running_mean, made.running_var = module.running_mean, module.running_var
            made.num_batches_tracked = module.num_batches_tracked
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made


BatchNorm1d, BatchNorm2d, BatchNorm3d = (_layer("BatchNorm", _BatchNorm, n) for n in (1, 2, 3))
InstanceNorm1d, InstanceNorm2d, InstanceNorm3d = (
    _layer("InstanceNorm", _InstanceNorm, n) for n in (1, 2, 3)
)
