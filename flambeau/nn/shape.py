"""Layers that move or resize: Identity, Flatten, shuffles, folding, upsampling."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from . import functional as F
from .module import Module
from .table import FunctionLayer, layer


class Identity(Module):
    """Gives its input; takes any arguments.

    Source: torch.nn.Identity
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Flatten(Module):
    """Joins dimensions; by default all but the first.

    Source: torch.nn.Flatten
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)  # type: ignore[attr-defined]

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits one dimension into several.

    Raises:
        TypeError: The sizes are no tuple of ints.

    Source: torch.nn.Unflatten
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError("unflattened_size must be a tuple of ints, or a list of them")
        for i, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, but found element of type "
                    f"{type(size).__name__} at pos {i}"
                )
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)  # type: ignore[attr-defined]

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


PixelShuffle = layer(
    "PixelShuffle",
    "pixel_shuffle",
    "Channels become pixels: (C r r, H, W) becomes (C, H r, W r).",
    required="upscale_factor",
)
PixelUnshuffle = layer(
    "PixelUnshuffle", "pixel_unshuffle", "The inverse of PixelShuffle.", required="downscale_factor"
)
ChannelShuffle = layer(
    "ChannelShuffle", "channel_shuffle", "Channels of groups, interleaved.", required="groups"
)
_SLIDING = "kernel_size={kernel_size}, dilation={dilation}, padding={padding}, stride={stride}"
Fold = layer(
    "Fold",
    "fold",
    "Columns of blocks summed into an image.",
    "output_size={output_size}, " + _SLIDING,
    "output_size kernel_size",
    dilation=1,
    padding=0,
    stride=1,
)
Unfold = layer(
    "Unfold",
    "unfold",
    "The blocks that a window sees, as columns.",
    _SLIDING,
    "kernel_size",
    dilation=1,
    padding=0,
    stride=1,
)
CosineSimilarity = layer(
    "CosineSimilarity", "cosine_similarity", "The cosine of the angle.", "", dim=1, eps=1e-8
)


class _PairwiseDistance(FunctionLayer):
    def check(self) -> None:
        self.norm = self.__dict__.pop("p")

    def arguments(self) -> dict[str, Any]:
        return {"p": self.norm, "eps": self.eps, "keepdim": self.keepdim}


PairwiseDistance = layer(
    "PairwiseDistance",
    "pairwise_distance",
    "The p-norm of the difference.",
    "",
    base=_PairwiseDistance,
    p=2.0,
    eps=1e-6,
    keepdim=False,
)


class Upsample(Module):
    """Resizes the last dimensions.

    Args:
        size: The sizes wanted, or
        scale_factor: by how much they grow.
        mode, align_corners, recompute_scale_factor: As for nn.functional.interpolate.

    Source: torch.nn.Upsample
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode, self.align_corners = mode, align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample with mode "nearest".

    Source: torch.nn.UpsamplingNearest2d
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample with mode "bilinear" and aligned corners.

    Source: torch.nn.UpsamplingBilinear2d
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
