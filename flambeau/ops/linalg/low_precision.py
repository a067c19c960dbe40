"""Products of matrices of eight bits: integers, and floats with scales."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...autograd.mode import no_grad
from ...core.dtype import float32, float64, int8, int32, uint8
from ...core.tensor import Tensor, wrap
from ...dispatch.registry import public
from ...dispatch.write import write_out
from ...kernels.matmul import int8 as int8_kernels

_EXACT = 1 << 24
"""Whole numbers up to here are exact in float32."""


def _check_matrices(name: str, x: tuple[int, ...], y: tuple[int, ...]) -> None:
    """Raises where matrices of these shapes do not fit."""
    for which, given in (("self", x), ("mat2", y)):
        if len(given) != 2:
            raise RuntimeError(
                f"{name}: Expected {which} to be of dimension 2 but got {len(given)}"
            )
    if x[1] != y[0]:
        raise RuntimeError(
            f"{name}: self.size(1) needs to match mat2.size(0) but got {x[1]} and {y[0]}"
        )


@lru_cache(1024)
def _fits(dtype: Any, shape: tuple[int, ...], other: Any, others: tuple[int, ...]) -> None:
    """Raises where the operands of `_int_mm` do not fit; what fits is remembered."""
    if dtype not in (int8, uint8):
        raise RuntimeError(
            f"_int_mm: Expected self dtype to be int8 or uint8 but got {dtype.legacy}"
        )
    if other is not int8:
        raise RuntimeError(f"_int_mm: Expected mat2 dtype to be int8 but got {other.legacy}")
    _check_matrices("_int_mm", shape, others)


@public("_int_mm", tensors="input mat2")
def _int_mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of two matrices of bytes, exact, as int32.

    Args:
        input: Of int8 or uint8.
        mat2: Of int8.
        out: Write there.

    Shape:
        (M, K) and (K, N) give (M, N).

    Raises:
        RuntimeError: A dtype or a size does not fit.

    Source: torch._int_mm
    """
    x, y = input._array, mat2._array
    _fits(input._kind.dtype, x.shape, mat2._kind.dtype, y.shape)
    found = int8_kernels.product(x, y)
    if found is NotImplemented:
        wide = float32 if input.shape[1] * 255 * 128 <= _EXACT else float64
        result = (input.to(wide) @ mat2.to(wide)).to(int32)  # type: ignore[attr-defined]
    else:
        result = wrap(found, input._kind.with_dtype(int32))
    return result if out is None else write_out(out, result, "_int_mm")


@public("_scaled_mm", tensors="input mat2 scale_a scale_b")
def _scaled_mm(
    input: Tensor,
    mat2: Tensor,
    scale_a: Tensor,
    scale_b: Tensor,
    bias: Tensor | None = None,
    scale_result: Tensor | None = None,
    out_dtype: Any = None,
    use_fast_accum: bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The product of two matrices of float8 whose elements stand for themselves times a scale.

    Sums are of float32, whatever `use_fast_accum` says, which allows for less elsewhere.

    Args:
        input, mat2: Of dtypes of float8.
        scale_a, scale_b: What the elements are multiplied by, float32: one number each, or one a row (M, 1) and one a
            column (1, N).
        bias: Added to each row.
        scale_result: Multiplies a result of float8.
        out_dtype: Default: that of `input`.
        out: Write there.

    Shape:
        (M, K) and (K, N) give (M, N).

    Raises:
        ValueError: A dtype or the sizes of the scales do not fit.

    Source: torch._scaled_mm
    """
    _check_matrices("_scaled_mm", tuple(input.shape), tuple(mat2.shape))
    m, n = input.shape[0], mat2.shape[1]
    single = scale_a.numel() == scale_b.numel() == 1
    rows = tuple(scale_a.shape) == (m, 1) and tuple(scale_b.shape) == (1, n)
    floats = scale_a.dtype is float32 and scale_b.dtype is float32
    if not (input.dtype.is_alone and mat2.dtype.is_alone and floats and (single or rows)):
        raise ValueError(
            "Invalid scaling configuration: the matrices should be float8 and the scales float32, single "
            f"numbers or of sizes {[m, 1]} and {[1, n]}; got {input.dtype} with {scale_a.dtype} of "
            f"{list(scale_a.shape)}, and {mat2.dtype} with {scale_b.dtype} of {list(scale_b.shape)}"
        )
    if single:
        scale_a, scale_b = scale_a.reshape(()), scale_b.reshape(())  # type: ignore[attr-defined]
    dtype = out_dtype or input.dtype
    with no_grad():
        result = (input.float() @ mat2.float()) * scale_a * scale_b  # type: ignore[attr-defined]
        if bias is not None:
            result = result + bias.float()  # type: ignore[attr-defined]
        if scale_result is not None and dtype.is_alone:
            result = result * scale_result
        result = result.to(dtype)
    return result if out is None else write_out(out, result, "_scaled_mm")
