"""Functions that only move elements: NumPy's, exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from flambeau.formula.dimensions import broadcast_arrays


def cut(x: Any, dim: int, start: Any, end: Any, step: int = 1) -> Any:
    index = [slice(None)] * x.ndim
    index[dim] = slice(start, end, step)
    return x[tuple(index)]


def written(part: Callable) -> Callable:
    """A copy of the input whose part is another tensor."""

    def reference(x: Any, source: Any, *args: Any) -> Any:
        y = x.copy()
        part(y, *args)[...] = source
        return y

    return reference


def diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    y = np.diagonal(x, offset, dim1, dim2)
    y.flags.writeable = x.flags.writeable
    return y


def select(x: Any, dim: int, index: int) -> Any:
    return x[(slice(None),) * (dim % max(x.ndim, 1)) + (index,)]


def split(x: Any, size: Any, dim: int = 0) -> Any:
    n = x.shape[dim]
    if isinstance(size, tuple):
        ends = np.cumsum(size)[:-1]
        return list(np.split(x, ends, dim))
    return [cut(x, dim, i, i + size) for i in range(0, n, size)] or [x]


def unfold(x: Any, dim: int, size: int, step: int) -> Any:
    if not size:
        return None
    windows = sliding_window_view(x, size, dim)
    return cut(windows, dim % x.ndim, None, None, step)


def as_strided(x: Any, size: Any, stride: Any, offset: Any = None) -> Any:
    return None  # what lies around the operand is not seen here


def triangle(function: Callable) -> Callable:
    return lambda x, diagonal=0: function(x, diagonal)


def pad(x: Any, widths: Any, mode: str = "constant", value: Any = None) -> Any:
    if min(widths, default=0) < 0:
        return None
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2) + list(zip(widths[-2::-2], widths[::-2]))
    if mode == "constant":
        return np.pad(x, pairs, constant_values=0 if value is None else value)
    return np.pad(x, pairs, {"replicate": "edge", "circular": "wrap"}.get(mode, mode))


def cat(parts: Any, dim: int = 0) -> Any:
    if len({p.dtype for p in parts}) > 1:
        return None
    return np.concatenate(parts, dim)


def repeat_interleave(x: Any, repeats: Any, dim: Any = None) -> Any:
    return np.repeat(x, repeats, dim)


def roll(x: Any, shifts: Any, dims: Any = None) -> Any:
    return np.roll(x, shifts, dims) if x.ndim else x


def pixel_shuffle(x: Any, r: int) -> Any:
    n, c, h, w = x.shape
    parts = x.reshape(n, c // (r * r), r, r, h, w)
    return parts.transpose(0, 1, 4, 2, 5, 3).reshape(n, c // (r * r), h * r, w * r)


def pixel_unshuffle(x: Any, r: int) -> Any:
    n, c, h, w = x.shape
    parts = x.reshape(n, c, h // r, r, w // r, r)
    return parts.transpose(0, 1, 3, 5, 2, 4).reshape(n, c * r * r, h // r, w // r)


def channel_shuffle(x: Any, groups: int) -> Any:
    n, c, *rest = x.shape
    return x.reshape(n, groups, c // groups, *rest).swapaxes(1, 2).reshape(x.shape)


def view_as_complex(x: Any) -> Any:
    return x[..., 0] + 1j * x[..., 1]


def squeeze(x: Any, dim: Any = None) -> Any:
    if dim is None:
        return x.squeeze()
    dims = dim if isinstance(dim, tuple) else (dim,)
    return x.squeeze(tuple(d for d in dims if x.ndim and x.shape[d] == 1))


F = "nn.functional."
REFERENCES: dict[str, Callable[..., Any]] = {
    "alias_copy detach_copy clone Tensor.detach Tensor.contiguous": lambda x: x,
    "reshape view_copy": lambda x, shape: x.reshape(shape),
    "Tensor.view_as Tensor.reshape_as": lambda x, y: x.reshape(y.shape),
    "Tensor.expand expand_copy broadcast_to": np.broadcast_to,
    "Tensor.expand_as": lambda x, y: np.broadcast_to(x, y.shape), "permute permute_copy": np.transpose,
    "movedim moveaxis": np.moveaxis,
    "transpose transpose_copy swapaxes swapdims": lambda x, a, b: x.swapaxes(a, b) if x.ndim else x,
    "t t_copy": np.transpose, "unsqueeze unsqueeze_copy": np.expand_dims, "squeeze": squeeze,
    "unbind unbind_copy": lambda x, dim=0: [select(x, dim, i) for i in range(x.shape[dim])],
    "narrow narrow_copy": lambda x, dim, start, n: cut(x, dim, start, start + n),
    "select select_copy": select, "slice_copy": cut,
    "slice_scatter": written(cut), "select_scatter": written(select),
    "diagonal diagonal_copy": diagonal, "diagonal_scatter": written(diagonal),
    "unfold_copy Tensor.unfold": unfold,
    "split_with_sizes split_with_sizes_copy unsafe_split_with_sizes split split_copy unsafe_split": split,
    "cat concat concatenate": cat, "stack": lambda parts, dim=0: np.stack(parts, dim),
    "hstack": np.hstack, "vstack row_stack": np.vstack, "dstack": np.dstack,
    "tile": np.tile, "Tensor.repeat": np.tile, "roll": roll,
    "flip": np.flip, "fliplr": np.fliplr, "flipud": np.flipud,
    "rot90": lambda x, k=1, dims=(0, 1): np.rot90(x, k, dims), "tril": triangle(np.tril),
    "triu": triangle(np.triu), f"{F}pad": pad, "repeat_interleave": repeat_interleave,
    f"pixel_shuffle {F}pixel_shuffle": pixel_shuffle,
    f"pixel_unshuffle {F}pixel_unshuffle": pixel_unshuffle,
    f"channel_shuffle native_channel_shuffle {F}channel_shuffle": channel_shuffle,
    "view_as_complex view_as_complex_copy": view_as_complex,
    "view_as_real view_as_real_copy": lambda x: np.stack([x.real, x.imag], -1),
    "real": lambda x: x.real, "imag": lambda x: x.imag,
    "ravel": np.ravel, "diagflat": np.diagflat, "kron": np.kron,
    "broadcast_tensors": lambda *parts: broadcast_arrays(*parts),
}  # fmt: skip
