"""First values of parameters. The functions fill a tensor in place and give it back."""

from __future__ import annotations

import math
from typing import Any

from .._caller import warn
from ..autograd.mode import no_grad
from ..core.tensor import Tensor


def _no_grad_uniform_(tensor: Any, a: float, b: float, generator: Any = None) -> Tensor:
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def _no_grad_normal_(tensor: Any, mean: float, std: float, generator: Any = None) -> Tensor:
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def _no_grad_fill_(tensor: Any, val: float) -> Tensor:
    with no_grad():
        return tensor.fill_(val)


def _no_grad_zero_(tensor: Any) -> Tensor:
    return _no_grad_fill_(tensor, 0.0)


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


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """The fan that a mode means.

    Raises:
        ValueError: It is neither "fan_in" nor "fan_out".
    """
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _fans(tensor)[mode == "fan_out"]


def _draw(tensor: Tensor, name: str, *args: Any) -> Tensor:
    with no_grad():
        return getattr(tensor, name)(*args)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform in [a, b).

    Source: torch.nn.init.uniform_
    """
    return _no_grad_uniform_(tensor, a, b, generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with the given mean and standard deviation.

    Source: torch.nn.init.normal_
    """
    return _no_grad_normal_(tensor, mean, std, generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Normal, drawn again until it is in [a, b].

    Where that would take long, candidates are uniform, each kept with a chance that goes with its
    density.

    Source: torch.nn.init.trunc_normal_
    """

    def below(x: float) -> float:
        return (1.0 + math.erf((x - mean) / std / math.sqrt(2.0))) / 2.0

    if mean < a - 2 * std or mean > b + 2 * std:
        warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may "
            "be incorrect."
        )
    from .. import empty_like, where  # type: ignore[attr-defined]

    with no_grad():
        if tensor.is_meta:
            return normal_(tensor, mean, std, generator)
        if below(b) - below(a) > 0.3:
            low, high = (float(tensor._kind.numpy.type(bound)) for bound in (a, b))
            drawn = normal_(tensor, mean, std, generator)
            while bool((outside := (drawn < low) | (drawn > high)).any()):
                drawn = where(outside, normal_(empty_like(drawn), mean, std, generator), drawn)
        else:
            drawn = _accepted(tensor, mean, std, a, b, generator)
        return tensor if drawn is tensor else tensor.copy_(drawn)  # type: ignore[attr-defined]


def _accepted(tensor: Any, mean: float, std: float, a: float, b: float, generator: Any) -> Tensor:
    """Uniform candidates, each kept with a chance that goes with its normal density."""
    from .. import empty_like, where  # type: ignore[attr-defined]

    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2

    def refused(candidates: Any) -> Any:
        height = ((candidates - mean) / std) ** 2 * -0.5 - peak
        return uniform_(empty_like(candidates), generator=generator).log() > height  # type: ignore

    drawn = uniform_(tensor, a, b, generator)
    pending = refused(drawn)
    while bool(pending.any()):
        candidates = uniform_(empty_like(tensor), a, b, generator)
        drawn = where(pending, candidates, drawn)
        pending = pending & refused(candidates)
    return drawn


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
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


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


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """A random matrix with orthonormal rows or columns, times gain (Saxe et al., 2013).

    Raises:
        ValueError: There are fewer than two dimensions.

    Source: torch.nn.init.orthogonal_
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    from .. import empty, linalg  # type: ignore[attr-defined]

    with no_grad():
        drawn = normal_(empty((rows, columns), dtype=tensor.dtype), 0, 1, generator)
        if rows < columns:
            drawn = drawn.mT  # type: ignore[attr-defined]
        q, r = linalg.qr(drawn)
        q = q * r.diagonal(0).sign()  # one factorisation of several: the one drawn uniformly
        if rows < columns:
            q = q.mT
        tensor.view_as(q).copy_(q)  # type: ignore[attr-defined]
        return tensor.mul_(gain)  # type: ignore[attr-defined]


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution's weight that passes as many channels on as it can.

    Raises:
        ValueError: It has not 3 to 5 dimensions, or the groups do not divide its first.

    Source: torch.nn.init.dirac_
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = tensor.shape[0] // groups
    center = tuple(size // 2 for size in tensor.shape[2:])
    with no_grad():
        tensor.zero_()  # type: ignore[attr-defined]
        for g in range(groups):
            for d in range(min(per_group, tensor.shape[1])):
                tensor[(g * per_group + d, d, *center)] = 1
    return tensor


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Normal, with a share of each column zero (Martens, 2010).

    Raises:
        ValueError: It is no matrix.

    Source: torch.nn.init.sparse_
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    from .. import randperm  # type: ignore[attr-defined]

    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with no_grad():
        normal_(tensor, 0, std, generator)
        for column in range(columns):
            chosen = randperm(rows)[:zeros]
            tensor[chosen, column] = 0
    return tensor


def _deprecated(name: str) -> Any:
    function = globals()[f"{name}_"]

    def old(*args: Any, **kwargs: Any) -> Tensor:
        warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning)
        return function(*args, **kwargs)

    old.__name__ = old.__qualname__ = name
    old.__doc__ = f"`{name}_` under its old name.\n\n    Source: torch.nn.init.{name}\n    "
    return old


uniform, normal, constant, eye, dirac = map(
    _deprecated, ("uniform", "normal", "constant", "eye", "dirac")
)
xavier_uniform, xavier_normal, kaiming_uniform, kaiming_normal, orthogonal, sparse = map(
    _deprecated,
    (
        "xavier_uniform",
        "xavier_normal",
        "kaiming_uniform",
        "kaiming_normal",
        "orthogonal",
        "sparse",
    ),
)
