"""Fractional max pooling layers."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module


class _Fractional(Module):
    """Max pooling whose windows lie at random distances (Graham, 2015)."""

    dims: int

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:
        super().__init__()
        self.kernel_size = self._each(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else self._each(output_size)
        self.output_ratio = None if output_ratio is None else self._each(output_ratio)
        name = type(self).__name__
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"{name} requires specifying either an output size, or a pooling ratio"
            )
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def _each(self, value: Any) -> tuple:
        return tuple(value) if isinstance(value, (tuple, list)) else (value,) * self.dims

    def forward(self, input: Any) -> Any:
        pool = getattr(F, f"fractional_max_pool{self.dims}d")
        return pool(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


_DOC = """Max pooling whose windows lie at random distances, over {n} dimensions (Graham, 2015).

    Args:
        kernel_size: Of the windows.
        output_size, output_ratio: Of the result, or its ratio to the input's.
        return_indices: Give the places of the maxima too.

    Raises:
        ValueError: Neither or both of size and ratio are given.

    Source: torch.nn.FractionalMaxPool{n}d
    """


def _layer(n: int) -> Any:
    body = {"__module__": "flambeau.nn", "__doc__": _DOC.format(n=n), "dims": n}
    return type(f"FractionalMaxPool{n}d", (_Fractional,), body)


FractionalMaxPool2d, FractionalMaxPool3d = _layer(2), _layer(3)
