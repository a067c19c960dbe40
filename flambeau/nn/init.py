"""First values of parameters. The functions fill a tensor in place and give it back."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.mode import no_grad
from ..core.tensor import Tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """How much a nonlinearity shrinks the spread of its input.

    Raises:
        ValueError: An unknown name, or a slope that is no number.

    Source: torch.nn.init.calculate_gain
    """
    if nonlinearity in (
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
    ):
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def _fans(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


_calculate_fan_in_and_fan_out = _fans


def _draw(tensor: Tensor, name: str, *args: Any) -> Tensor:
    with no_grad():
        return getattr(tensor, name)(*args)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform in [a, b).

    Source: torch.nn.init.uniform_
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)  # type: ignore[attr-defined]


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with the given mean and standard deviation.

    Source: torch.nn.init.normal_
    """
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)  # type: ignore[attr-defined]


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Normal, confined to [a, b] by inverting the distribution function.

    Source: torch.nn.init.trunc_normal_
    """

    def below(x: float) -> float:
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    low, high = below((a - mean) / std), below((b - mean) / std)
    with no_grad():
        tensor.uniform_(2 * low - 1, 2 * high - 1, generator=generator)  # type: ignore[attr-defined]
        tensor.erfinv_()  # type: ignore[attr-defined]
        tensor.mul_(std * math.sqrt(2.0))  # type: ignore[attr-defined]
        tensor.add_(mean)  # type: ignore[attr-defined]
        return tensor.clamp_(min=a, max=b)  # type: ignore[attr-defined]


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element `val`.

    Source: torch.nn.init.constant_
    """
    return _draw(tensor, "fill_", val)


def ones_(tensor: Tensor) -> Tensor:
    """Ones.

    Source: torch.nn.init.ones_
    """
    return _draw(tensor, "fill_", 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros.

    Source: torch.nn.init.zeros_
    """
    return _draw(tensor, "fill_", 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix.

    Source: torch.nn.init.eye_
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    from .. import eye  # type: ignore[attr-defined]

    with no_grad():
        return tensor.copy_(eye(*tensor.shape, dtype=tensor.dtype))  # type: ignore[attr-defined]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform within gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010).

    Source: torch.nn.init.xavier_uniform_
    """
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010).

    Source: torch.nn.init.xavier_normal_
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_fans(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan = _fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Uniform with the spread that keeps a rectified network's (He et al., 2015).

    Source: torch.nn.init.kaiming_uniform_
    """
    if 0 in tensor.shape:
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Normal with the spread that keeps a rectified network's (He et al., 2015).

    Source: torch.nn.init.kaiming_normal_
    """
    if 0 in tensor.shape:
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)
