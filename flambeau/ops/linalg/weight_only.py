"""Products with weights of eight and four bits: numbers stay floats, weights are widened where they are used."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ...autograd.mode import mode
from ...core.dtype import bfloat16, float16, float32, int8, int32, uint8
from ...core.kind import kind_of
from ...core.tensor import Tensor, wrap
from ...dispatch.registry import public
from ...kernels import enabled
from ...kernels.loops.convert import converted
from ...kernels.matmul import int4_pack, weight_only
from .matmul import linear

_FLOATS = (float32, bfloat16, float16)
_GROUPS = (32, 64, 128, 256)


def _check(name: str, holds: bool, expected: str) -> None:
    if not holds:
        raise RuntimeError(f"{name}_cpu : expect {expected}")


def _facts(x: Tensor) -> tuple[Any, tuple[int, ...]]:
    return x._kind.dtype, x._array.shape


def _check_rows(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    _check(name, dtype in _FLOATS, "A to be either 32-bit or 16-bit float tensor.")
    _check(name, len(shape) == 2, "A to be 2D tensor.")


@lru_cache(1024)
def _fits_int8(
    dtype: Any, shape: tuple[int, ...], w_dtype: Any, w_shape: tuple[int, ...], s_dtype: Any,
    s_shape: tuple[int, ...],
) -> None:  # fmt: skip
    """Raises where the operands of `_weight_int8pack_mm` do not fit; what fits is remembered."""
    name = "_weight_int8pack_mm"
    _check_rows(name, dtype, shape)
    _check(name, w_dtype is int8, "B to be int8 tensor.")
    _check(name, len(w_shape) == 2 and w_shape[1] == shape[1], f"B.size(1) == {shape[1]}")
    n = w_shape[0]
    _check(name, s_shape == (n,), f"scales to be 1d tensor with size {n}")
    if s_dtype is not dtype:
        raise RuntimeError(f"expected scalar type {dtype.legacy} but found {s_dtype.legacy}")


@lru_cache(1024)
def _fits_int4(
    dtype: Any, shape: tuple[int, ...], w_dtype: Any, w_shape: tuple[int, ...], group: int, s_dtype: Any,
    s_shape: tuple[int, ...],
) -> None:  # fmt: skip
    """The same of `_weight_int4pack_mm_for_cpu`."""
    name = "_weight_int4pack_mm"
    _check_rows(name, dtype, shape)
    _check(name, w_dtype is uint8, "B to be uint8 tensor.")
    k = shape[1]
    _check(name, len(w_shape) == 2 and w_shape[1] * 2 == k, f"B.size(1) == {k // 2}")
    if group not in _GROUPS:
        raise RuntimeError(f"{name}_cpu: expect qGroupSize to be 32, 64, 128 or 256, got {group}")
    if k % group:
        raise RuntimeError(
            f"{name}_cpu: expect K to be divisible by qGroupSize, got K:{k}, qGroupSize:{group}"
        )
    size = k // group, w_shape[0], 2
    fits = s_shape == size and s_dtype is dtype
    _check(name, fits, f"qScaleAndZeros to be 3d tensor with sizes {list(size)}, of the dtype of A")


@public("_weight_int8pack_mm", tensors="input mat2 scales")
def _weight_int8pack_mm(input: Tensor, mat2: Tensor, scales: Tensor) -> Tensor:
    """``input @ (mat2 * scales[:, None]).T``: weights of eight bits with a scale for each output.

    Args:
        input: Of float32, bfloat16 or float16.
        mat2: The weight, of int8.
        scales: What 1 stands for in each row of the weight, of the type of `input`.

    Shape:
        (M, K), (N, K) and (N,) give (M, N), of the type of `input`.

    Raises:
        RuntimeError: A dtype or a size does not fit.

    Source: torch._weight_int8pack_mm

    Example:
        >>> import flambeau as torch
        >>> weight = torch.tensor([[1, 2], [3, 4]], dtype=torch.int8)
        >>> torch._weight_int8pack_mm(torch.ones(1, 2), weight, torch.tensor([1.0, 0.5]))
        tensor([[3.0000, 3.5000]])
    """
    _fits_int8(*_facts(input), *_facts(mat2), *_facts(scales))
    if not mat2.is_contiguous():
        raise RuntimeError("_weight_int8pack_mm_cpu : expect B to be contiguous.")
    if not _is_plain(input, mat2, scales):
        return linear(input, (mat2.float() * scales.float()[:, None]).to(input.dtype))  # type: ignore[attr-defined]
    found = weight_only.by_int8(_wide(input), mat2._array, _wide(scales))
    return _rounded(found, input)


def _wide(x: Tensor) -> Any:
    return _in(x._array, float32)


def _rounded(array: Any, like: Tensor) -> Tensor:
    """A result of float32 as a tensor of the type of an operand."""
    return wrap(_in(array, like._kind.dtype), like._kind)


def _in(array: Any, dtype: Any) -> Any:
    """NumPy's array in another type."""
    if array.dtype is dtype.numpy:
        return array
    found = converted(array, dtype.numpy) if enabled() else None
    return array.astype(dtype.numpy) if found is None else found


def _is_plain(input: Tensor, *others: Tensor) -> bool:
    """Are all operands NumPy's, and is nothing recorded of them?"""
    operands = (input, *others)
    if any(x._array.__class__ is not np.ndarray for x in operands):
        return False
    return not mode.recording or all(x._node is None for x in operands)


def _numpy(name: str, x: Tensor) -> Any:
    """The array of a tensor on the CPU.

    Raises:
        NotImplementedError: It is elsewhere.
    """
    if x._array.__class__ is not np.ndarray:
        raise NotImplementedError(
            f"{name}: weights of four bits are packed on the CPU, and this tensor is on {x.device}: call .cpu() first"
        )
    return x._array


@public("_convert_weight_to_int4pack_for_cpu", tensors="input")
def _convert_weight_to_int4pack_for_cpu(input: Tensor, innerKTiles: int) -> Tensor:
    """A weight of four bits as bytes, two numbers each, as `_weight_int4pack_mm_for_cpu` takes it.

    Their order is that of PyTorch for processors with AVX-512, on every processor.

    Args:
        input: Numbers from 0 to 15, of int32.
        innerKTiles: As other devices have it; nothing here depends on it.

    Shape:
        (N, K) gives (N, K / 2), of uint8. N is a multiple of 16, K of 2.

    Raises:
        RuntimeError: The dtype or a size does not fit.

    Source: torch._convert_weight_to_int4pack_for_cpu
    """
    name = "_convert_weight_to_int4pack"
    _check(name, input.dtype is int32, "weight to be kInt.")
    _check(name, input.ndim == 2, "weight to be 2D tensor.")
    _check(name, input.shape[0] % 16 == 0, "N to be dividable by 16")
    _check(name, input.shape[1] % 2 == 0, "K to be dividable by 2")
    return wrap(int4_pack.packed_int4(_numpy(name, input)), kind_of(uint8, input.device))


@public("_weight_int4pack_mm_for_cpu", tensors="input mat2")
def _weight_int4pack_mm_for_cpu(
    input: Tensor, mat2: Tensor, qGroupSize: int, qScaleAndZeros: Tensor
) -> Tensor:
    """``input @ weight.T`` for a weight of four bits with a scale and a zero for each group of inner numbers.

    A weight is ``scale * (number - 8) + zero``.

    Args:
        input: Of float32, bfloat16 or float16.
        mat2: The weight, as `_convert_weight_to_int4pack_for_cpu` gives it.
        qGroupSize: Inner numbers of a group: 32, 64, 128 or 256.
        qScaleAndZeros: Scales and zeros, of the type of `input`.

    Shape:
        (M, K), (N, K / 2) and (K / qGroupSize, N, 2) give (M, N), of the type of `input`.

    Raises:
        RuntimeError: A dtype or a size does not fit.

    Source: torch._weight_int4pack_mm_for_cpu

    Example:
        >>> import flambeau as torch
        >>> weight = torch._convert_weight_to_int4pack_for_cpu(torch.full((16, 32), 9, dtype=torch.int32), 1)
        >>> scales = torch.tensor([0.5, 1.0]).expand(1, 16, 2).contiguous()
        >>> torch._weight_int4pack_mm_for_cpu(torch.ones(1, 32), weight, 32, scales)[0, :2]
        tensor([48., 48.])
    """
    _fits_int4(*_facts(input), *_facts(mat2), qGroupSize, *_facts(qScaleAndZeros))
    if not mat2.is_contiguous():
        raise RuntimeError("_weight_int4pack_mm_cpu : expect B to be contiguous.")
    return _by_int4(input, mat2, qGroupSize, qScaleAndZeros)


def _by_int4(input: Tensor, packed: Tensor, group: int, scales: Tensor) -> Tensor:
    if _is_plain(input, packed, scales):
        found = weight_only.by_int4(_wide(input), packed._array, group, _wide(scales))
        return _rounded(found, input)
    numbers = wrap(int4_pack.unpacked_int4(_numpy("int4", packed)), packed._kind).float() - 8  # type: ignore[attr-defined]
    each: Any = scales.float().repeat_interleave(group, 0)  # type: ignore[attr-defined]
    weight = numbers * each[..., 0].T + each[..., 1].T
    return linear(input, weight.to(input.dtype))


@public("_dyn_quant_pack_4bit_weight", tensors="weights scales_zeros bias")
def _dyn_quant_pack_4bit_weight(
    weights: Tensor, scales_zeros: Tensor, bias: Tensor | None, block_size: int, in_features: int,
    out_features: int,
) -> Tensor:  # fmt: skip
    """A weight of four bits, its scales and a bias in one tensor, as `_dyn_quant_matmul_4bit` takes it.

    What is where in it depends on the machine, in PyTorch too.

    Args:
        weights: Two numbers in a byte, the first one in its lower half; 8 stands for 0.
        scales_zeros: What 1 stands for in each group of inner numbers, float32 or bfloat16.
        bias: Added to each row, or None.
        block_size: Inner numbers of a group; `in_features` for one group.
        in_features, out_features: Sizes of the weight.

    Shape:
        (out_features, in_features / 2), (out_features, in_features / block_size) and (out_features,) give one dimension.

    Raises:
        RuntimeError: A dtype or a size does not fit.

    Source: torch._dyn_quant_pack_4bit_weight
    """
    name, groups = "_dyn_quant_pack_4bit_weight", _groups(block_size, in_features)
    _check(name, weights.dtype is uint8, "weight to be uint8 tensor.")
    _check(
        name,
        weights.numel() * 2 == out_features * in_features
        and scales_zeros.numel() == out_features * groups,
        f"{out_features * in_features // 2} bytes and {out_features * groups} scales",
    )
    bytes_ = _numpy(name, weights).reshape(out_features, -1)
    numbers = np.full((-(-out_features // 16) * 16, in_features), int4_pack.MIDDLE, np.uint8)
    numbers[:out_features, ::2], numbers[:out_features, 1::2] = bytes_ & 15, bytes_ >> 4
    packed = int4_pack.packed_int4(numbers).reshape(-1)
    held = np.zeros(-(-packed.size // 4) * 4, np.uint8)
    held[: packed.size] = packed
    scales = np.zeros((groups, len(numbers), 2), np.float32)
    scales[:, :out_features, 0] = _numpy(name, scales_zeros).reshape(out_features, groups).T
    shift = [] if bias is None else [_numpy(name, bias).astype(np.float32).reshape(-1)]
    whole = np.concatenate([held.view(np.float32), scales.reshape(-1), *shift])
    return wrap(whole, kind_of(float32, weights.device))


def _groups(block_size: int, in_features: int) -> int:
    name = "dyn_quant_4bit"
    sizes = block_size == in_features or (block_size > 0 and block_size % 32 == 0)
    _check(
        name,
        sizes and in_features % 2 == 0 and in_features % block_size == 0,
        f"block_size to be {in_features}, or a multiple of 32 that divides it, got {block_size}",
    )
    return in_features // block_size


@public("_dyn_quant_matmul_4bit", tensors="inp packed_weights")
def _dyn_quant_matmul_4bit(
    inp: Tensor, packed_weights: Tensor, block_size: int, in_features: int, out_features: int
) -> Tensor:
    """``inp @ weight.T + bias`` for a weight that `_dyn_quant_pack_4bit_weight` packed.

    Rows of `inp` stay floats: PyTorch quantises them to eight bits, which costs it accuracy.

    Args:
        inp: Of float32, or of bfloat16 for one group.
        packed_weights: The weight.
        block_size, in_features, out_features: As it was packed.

    Shape:
        (M, in_features) gives (M, out_features), of the type of `inp`.

    Raises:
        RuntimeError: A dtype or a size does not fit.

    Source: torch._dyn_quant_matmul_4bit
    """
    name, groups = "_dyn_quant_matmul_4bit", _groups(block_size, in_features)
    known = inp.dtype is float32 or (inp.dtype is bfloat16 and groups == 1)
    _check(name, known, "input to be float32 or bfloat16 tensor.")
    _check(name, inp.ndim == 2 and inp.shape[1] == in_features, f"input of {in_features} columns")
    rows = -(-out_features // 16) * 16
    size = -(-rows * in_features // 8)
    whole = packed_weights.detach()  # type: ignore[attr-defined]
    expected = size + groups * rows * 2
    _check(
        name,
        whole.numel() in (expected, expected + out_features),
        "a weight packed for these sizes.",
    )
    bytes_ = whole[:size].contiguous().view(uint8)[: rows * in_features // 2]
    scales = whole[size:expected].view(groups, rows, 2)
    made = _by_int4(inp.float(), bytes_.view(rows, in_features // 2), block_size, scales)  # type: ignore[attr-defined]
    made = made[:, :out_features]  # type: ignore[index]
    if whole.numel() > expected:
        made = made + whole[expected:]
    return made.contiguous().to(inp.dtype)  # type: ignore[attr-defined, no-any-return]
