"""Normalisation of channels: batch, instance, group and local response normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...autograd.mode import no_grad
from ...core.tensor import Tensor, wrap
from ...dispatch.decided import decided
from ...dispatch.formula.formula_operation import Operand as operand
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.formula.rowwise import rowwise
from ...dispatch.registry import public
from ...formula import primitive as p
from ...formula.expression import Expression
from ..elementwise.division import div
from ..elementwise.power import square
from ..join.padding import pad
from ..reduction.softmax import layer_norm_
from ..reduction.variance import var_mean_
from .moments import by_statistics, channels_last, group_standardized, standardized
from .normalized import (
    BATCH,
    GROUP,
    is_small,
    moved,
    normalizing,
    normalizing_by,
    small_batch_norm,
    small_by_statistics,
    small_group_norm,
)


@rowwise(label="NativeBatchNorm", reduced="weight bias", unsupported="bool int complex")
def batch_norm_(
    x: Expression,
    weight: operand = None,  # type: ignore[assignment]
    bias: operand = None,  # type: ignore[assignment]
    eps: float = 1e-5,
) -> Expression:
    """A row less its mean, by its standard deviation, times weight plus bias, one of each a row."""
    y = layer_norm_.formula(x, None, None, eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _channels(value: Tensor | None, ndim: int) -> Tensor | None:
    """A vector of channels, shaped to broadcast over the other dimensions."""
    return None if value is None else value.reshape((1, -1) + (1,) * (ndim - 2))  # type: ignore[attr-defined]


def _check_channels(input: Tensor, **values: Tensor | None) -> None:
    """Raises RuntimeError where a vector has another length than there are channels."""
    channels = input.shape[1] if input.ndim > 1 else 0
    for name, value in values.items():
        if value is not None and value._array.size != channels:
            raise RuntimeError(
                f"{name} should contain {channels} elements not {value._array.size}: one for "
                f"each channel of an input of shape {list(input.shape)}"
            )


def _check_dims(name: str, input: Tensor) -> None:
    """Raises IndexError where there is no dimension of channels."""
    if input.ndim < 2:
        raise IndexError(
            "Dimension out of range (expected to be in range of [-1, 0], but got 1): "
            f"{name} takes (N, C, ...), channels in dimension 1; unsqueeze the input"
        )


def _is_nothing(input: Tensor) -> bool:
    """Has it no elements, and no channels either?"""
    return not input._array.size and (input.ndim < 2 or not input._array.shape[1])


@pointwise(method=False, inplace=False, namespace="")
def blended(x: Expression, y: Expression, share: float = 0.0, factor: float = 1.0) -> Expression:
    """(1 - share) x + share factor y: running statistics and a batch's."""
    return (1 - share) * x + share * (factor * y)


def _update(
    running: Tensor | None, statistic: Tensor, momentum: float, factor: float = 1.0
) -> None:
    """running = (1 - momentum) running + momentum factor statistic, in place."""
    if running is not None:
        with no_grad():
            if statistic._kind is not running._kind:
                statistic = statistic.to(running.dtype)  # type: ignore[attr-defined]
            blended.operation.write((running, statistic), (), (float(momentum), float(factor)))


def _update_both(
    running_mean: Tensor | None,
    running_var: Tensor | None,
    mean: Tensor,
    deviation: Tensor,
    count: int,
    momentum: float,
) -> None:
    """The running statistics by those of groups of `count` elements, (N, C, 1), averaged over N."""
    if running_mean is None and running_var is None:
        return
    with no_grad():
        channels, means = mean._array.shape[1], []
        for part in (mean, square(deviation)):
            if len(part._array) > 1:
                part = part.detach().mean(0)  # type: ignore[attr-defined]
            means.append(wrap(part._array.reshape(channels), part._kind))
        _update(running_mean, means[0], momentum)
        _update(running_var, means[1], momentum, count / (count - 1))


def _move_both(
    running_mean: Tensor | None,
    running_var: Tensor | None,
    mean: Tensor,
    var: Tensor,
    count: int,
    momentum: float,
) -> None:
    """The same, by a batch's own mean and variance of each channel."""
    if (
        running_mean is not None
        and running_var is not None
        and running_mean._node is None is running_var._node
        and running_mean._base is None is running_var._base
        and moved(running_mean, running_var, mean, var, float(momentum), count)
    ):
        return
    _update(running_mean, mean, momentum)
    _update(running_var, var, momentum, count / (count - 1))


def _is_plain(input: Tensor, *values: Tensor | None) -> bool:
    """Does `standardized` serve these: arrays of NumPy of one kind, not empty?"""
    kind = input._kind
    return (
        kind.dtype.name in ("float32", "float64")
        and kind.xp is np
        and input._array.size > 0
        and all(value is None or value._kind is kind for value in values)
    )


def _in_rows(input: Tensor, *values: Tensor | None) -> bool:
    """Do besides the elements of a channel lie in rows? Else kernels that walk across memory serve."""
    array = input._array
    return (
        array.ndim > 2
        and array.size > array.shape[0] * array.shape[1]
        and _is_plain(input, *values)
        and not channels_last(array)
    )


def _fixed(
    input: Tensor,
    mean: Tensor | None,
    var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    """By statistics that are given.

    Raises:
        RuntimeError: They are not, or they want a gradient.
    """
    for name, value in (("running_mean", mean), ("running_var", var)):
        if value is None:
            raise RuntimeError(
                f"{name} must be defined in evaluation mode: pass it, or training=True to use the batch's"
            )
        if value._node is not None:
            raise RuntimeError(
                f"The function 'native_batch_norm' is not differentiable with respect to argument '{name}'. "
                "This input cannot have requires_grad True: detach() it"
            )
    _check_dims("batch_norm", input)
    if is_small(input, mean, var, weight, bias):
        return small_by_statistics(input, weight, bias, mean, var, float(eps))[0]  # type: ignore[no-any-return]
    if _in_rows(input, mean, var, weight, bias):
        return by_statistics(input, weight, bias, mean, var, float(eps))
    ndim = input.ndim
    shaped = [_channels(v, ndim) for v in (mean, var, weight, bias)]
    return rescaled(input, *shaped, eps=float(eps))


@pointwise(label="NativeBatchNorm", method=False, inplace=False, namespace="")
def rescaled(
    x: Expression,
    mean: Expression,
    var: Expression,
    weight: operand = None,  # type: ignore[assignment]
    bias: operand = None,  # type: ignore[assignment]
    eps: float = 1e-5,
) -> Expression:
    """x less a mean, by a standard deviation, times weight plus bias."""
    scale = p.rsqrt(var + eps)
    y = (x - mean) * (scale if weight is None else scale * weight)
    return y if bias is None else y + bias


@public("nn.functional.batch_norm")
@decided
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Each channel (dimension 1) less its mean, by its standard deviation, times weight plus bias.

    Args:
        input: (N, C, ...).
        running_mean, running_var: (C); used in evaluation, updated in training where given.
        weight, bias: (C).
        training: Take the batch's own mean and variance.
        momentum: How much of the batch's statistics enters the running ones.
        eps: Added to the variance.

    Raises:
        ValueError: In training, with one value a channel.
        RuntimeError: In evaluation, without running statistics; or a vector has the wrong length.
        IndexError: There is no dimension of channels.

    Source: torch.nn.functional.batch_norm; Ioffe and Szegedy (2015)
    """
    if _is_nothing(input):
        return lambda input, *rest: input.clone()
    _check_channels(
        input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not training:
        return _by_running_statistics(input, running_mean, running_var, weight, bias, float(eps))
    _check_dims("batch_norm", input)
    if input._array.size == input.shape[1]:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}"
        )
    if not is_small(input, weight, bias):
        return lambda x, mean, var, weight, bias: _of_batch(
            x, mean, var, weight, bias, momentum, eps
        )
    channels = input._array.shape[1]
    count, spare = input._array.size // channels, float(eps)
    normalize = normalizing(small_batch_norm, input, BATCH, channels, spare)

    def run(
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
    ) -> Tensor:
        y, mean, var = normalize(input, weight, bias)
        if running_mean is not None or running_var is not None:
            _move_both(running_mean, running_var, mean, var, count, momentum)
        return y  # type: ignore[no-any-return]

    return run


def _by_running_statistics(
    input: Tensor, mean: Tensor | None, var: Tensor | None, weight: Any, bias: Any, eps: float
) -> Callable[..., Tensor]:
    """What computes for operands like these in evaluation."""

    def general(
        input: Tensor, mean: Tensor | None, var: Tensor | None, weight: Any, bias: Any
    ) -> Tensor:
        return _fixed(input, mean, var, weight, bias, eps)

    if mean is None or var is None or not is_small(input, mean, var, weight, bias):
        return general
    given = normalizing_by(input, eps)

    def run(input: Tensor, mean: Tensor, var: Tensor, weight: Any, bias: Any) -> Tensor:
        if mean._node is not None or var._node is not None:
            return general(input, mean, var, weight, bias)
        return given(input, weight, bias, mean, var)  # type: ignore[no-any-return]

    return run


def _of_batch(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
) -> Tensor:
    """By the batch's own statistics, which enter the running ones."""
    ndim, count = input.ndim, input._array.size // input._array.shape[1]
    if _in_rows(input, weight, bias):
        y, mean, _, deviation = standardized(
            input, weight, bias, 0, input._array.shape[1], float(eps)
        )
        _update_both(running_mean, running_var, mean, deviation, count, momentum)
        return y
    dims = (0, *range(2, ndim))
    if input._array.size and (running_mean is not None or running_var is not None):
        var, mean = var_mean_(input.detach(), dim=dims, parameters=(1.0,))
        _update(running_mean, mean, momentum)
        _update(running_var, var, momentum)
    return batch_norm_(
        input, _channels(weight, ndim), _channels(bias, ndim), dim=dims, parameters=(float(eps),)
    )


@public("nn.functional.instance_norm")
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`batch_norm` of each element of the batch for itself.

    Args:
        input: (N, C, ...).
        use_input_stats: Take the input's own mean and variance, not the running ones.
        running_mean, running_var, weight, bias, momentum, eps: As for `batch_norm`.

    Raises:
        ValueError: There is one value a channel.
        IndexError: There is no dimension of channels.

    Source: torch.nn.functional.instance_norm; Ulyanov, Vedaldi and Lempitsky (2016)
    """
    if use_input_stats and math.prod(input._array.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.shape}"
        )
    if _is_nothing(input):
        return input.clone()  # type: ignore[attr-defined]
    _check_dims("instance_norm", input)
    _check_channels(
        input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not use_input_stats:
        return _fixed(input, running_mean, running_var, weight, bias, eps)
    ndim = input.ndim
    if is_small(input, weight, bias) and running_mean is None and running_var is None:
        channels = input._array.shape[1]
        return small_batch_norm(input, weight, bias, GROUP, channels, float(eps))[0]  # type: ignore[no-any-return]
    if _in_rows(input, weight, bias):
        y, mean, _, deviation = standardized(
            input, weight, bias, 2, input._array.shape[1], float(eps)
        )
        count = input._array.size // mean._array.size
        _update_both(running_mean, running_var, mean, deviation, count, momentum)
        return y
    dims = tuple(range(2, ndim))
    if input._array.size and (running_mean is not None or running_var is not None):
        var, mean = var_mean_(input.detach(), dim=dims, parameters=(1.0,))
        _update(running_mean, mean.mean(0), momentum)
        _update(running_var, var.mean(0), momentum)
    return batch_norm_(
        input, _channels(weight, ndim), _channels(bias, ndim), dim=dims, parameters=(float(eps),)
    )


@public("group_norm", "nn.functional.group_norm")
@decided("input weight bias")
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Any:
    """Groups of channels less their mean, by their standard deviation, times weight plus bias.

    Args:
        input: (N, C, ...).
        num_groups: How many groups the channels form.
        weight, bias: (C).
        eps: Added to the variance.

    Raises:
        RuntimeError: The channels cannot be divided so.

    Source: torch.nn.functional.group_norm; Wu and He (2018)
    """
    if input.ndim < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.ndim}"
        )
    shape = input.shape
    if num_groups <= 0 or shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(shape)} and num_groups={num_groups}"
        )
    _check_channels(input, weight=weight, bias=bias)
    if not input._array.size:
        return lambda input, *rest: input.clone()
    spare = float(eps)
    if is_small(input, weight, bias):
        normalize = normalizing(small_group_norm, input, GROUP, num_groups, spare)
        return lambda *given: normalize(*given)[0]
    return lambda x, weight, bias: _of_groups(x, weight, bias, num_groups, spare)


def _of_groups(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, num_groups: int, eps: float
) -> Tensor:
    shape = input.shape
    if input._array.size > shape[0] * shape[1] and _is_plain(input, weight, bias):
        return group_standardized(input, weight, bias, 2, num_groups, float(eps))[0]
    groups = input.reshape(shape[0], num_groups, -1)  # type: ignore[attr-defined]
    result = layer_norm_(groups, None, None, dim=-1, parameters=(float(eps),)).reshape(shape)
    if weight is not None:
        result = result * _channels(weight, input.ndim)
    return result if bias is None else result + _channels(bias, input.ndim)


@public("nn.functional.local_response_norm")
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """input / (k + alpha times the mean square of `size` neighbouring channels) ^ beta.

    Args:
        input: (N, C, ...), three dimensions or more.
        size: How many channels, zeros beyond the first and last included.
        alpha, beta, k: As in the formula.

    Raises:
        ValueError: There are fewer than three dimensions.

    Source: torch.nn.functional.local_response_norm; Krizhevsky, Sutskever and Hinton (2012)
    """
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    if not input._array.size:
        return input
    squares = input * input  # type: ignore[operator]
    channels = input.shape[1]
    around = (0, 0) * (input.ndim - 2) + (size // 2, (size - 1) // 2)
    padded = pad(squares, around)
    total = padded.narrow(1, 0, channels)  # type: ignore[attr-defined]
    for i in range(1, size):
        total = total + padded.narrow(1, i, channels)  # type: ignore[attr-defined]
    if input.dtype.category < 2:  # the mean of integers is an integer
        total = div(total, size, rounding_mode="trunc") * size  # type: ignore[operator]
    return input / (total * (alpha / size) + k) ** beta


@public("batch_norm")
def plain_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """`nn.functional.batch_norm` with its arguments in another order.

    Args:
        cudnn_enabled: A permission to use cuDNN, which is not used.

    Source: torch.batch_norm
    """
    return batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@public("instance_norm")
def plain_instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """`nn.functional.instance_norm` with its arguments in another order.

    Args:
        cudnn_enabled: A permission to use cuDNN, which is not used.

    Source: torch.instance_norm
    """
    return instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )
