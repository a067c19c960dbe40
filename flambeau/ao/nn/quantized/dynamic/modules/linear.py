"""Linear layers with a weight of signed bytes."""

from __future__ import annotations

from typing import Any

from ......core.dtype import dtype as DType
from ......core.dtype import float16, float32
from ......core.quantized_dtype import qint8
from ......core.tensor import Tensor, wrap
from ......kernels.matmul import int8
from ......nn import Module
from ......nn import functional as F
from ......ops.create.full import zeros
from ......quantized import QuantizedTensor, quantize_per_tensor
from .....quantization.qconfig import default_dynamic_qconfig


class PackedWeight:
    """A weight as products want it: bytes with their steps, or half numbers.

    Args:
        weight: A quantised tensor (out, in) of qint8 around 0, or a tensor of float16.

    Raises:
        NotImplementedError: It is quantised otherwise.
    """

    def __init__(self, weight: Tensor):
        self.weight = weight
        self.packed: int8.Packed | None = None
        if isinstance(weight, QuantizedTensor):
            kind, scale, zero, axis = weight._quantized
            if kind is not qint8 or zero.any() or axis not in (None, 0):
                raise NotImplementedError(
                    "a dynamic layer wants a weight of torch.qint8 with zero points of 0 and one scale, or one for "
                    f"each output; got {kind}, zero points {zero.tolist()} and axis {axis}"
                )
            self.packed = int8.Packed(weight._array, scale)

    def linear(self, input: Tensor, bias: Tensor | None) -> Tensor:
        """``input @ weight.T + bias``; nothing is recorded."""
        if input._kind.dtype is not float32:
            raise RuntimeError(
                f"expected scalar type Float but found {input.dtype.legacy}: a dynamic layer quantises float32 "
                "numbers; convert the input with .float()"
            )
        if self.packed is None:
            shift = None if bias is None else bias.detach()  # type: ignore[attr-defined]
            return F.linear(input.detach(), self.weight.float(), shift)  # type: ignore[attr-defined]
        (n, k), x = self.weight._array.shape, input._array
        if x.shape[-1:] != (k,):
            raise RuntimeError(
                f"The size of the last dimension of the input must be {k}, in_features; got {list(x.shape)}"
            )
        rows = x if x.ndim == 2 else x.reshape(-1, k)
        y = int8.linear(rows, self.packed, None if bias is None else bias._array)
        return wrap(y if x.ndim == 2 else y.reshape(*x.shape[:-1], n), input._kind)


def quantized_weight(weight: Tensor, qconfig: Any, dtype: DType) -> Tensor:
    """A float weight as a layer of this dtype keeps it."""
    weight = weight.detach().float()  # type: ignore[attr-defined]
    if dtype is float16:
        return weight.half()  # type: ignore[attr-defined]
    if dtype is not qint8:
        raise RuntimeError(
            f"Unsupported dtype specified for dynamic quantized Linear: {dtype}; there are torch.qint8 and torch.float16"
        )
    observer = (qconfig or default_dynamic_qconfig).weight()
    observer(weight)
    return observer.quantized(weight)


class LinearPackedParams(Module):
    """A weight and a bias under the names that PyTorch saves them by."""

    _version = 3

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: DType):
        super().__init__()
        self.dtype = dtype
        self.set_weight_bias(weight, bias)

    def set_weight_bias(self, weight: Tensor, bias: Tensor | None) -> None:
        """Put others in their place."""
        self._packed, self._bias = PackedWeight(weight), bias

    def _weight_bias(self) -> tuple[Tensor, Tensor | None]:
        return self._packed.weight, self._bias

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        destination[prefix + "dtype"] = self.dtype
        destination[prefix + "_packed_params"] = self._weight_bias()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: list[str],
        unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        self.dtype = state_dict.get(prefix + "dtype", self.dtype)
        found = state_dict.get(prefix + "_packed_params")
        if found is not None:
            self.set_weight_bias(*found)
        elif strict:
            missing_keys.append(prefix + "_packed_params")

    def extra_repr(self) -> str:
        return repr(self._weight_bias())


class Linear(Module):
    """y = x @ weight.T + bias, with a weight of signed bytes; each row of x is quantised as it comes.

    A row's range (with 0 in it) is cut into 255 steps, so a result does not depend on the other rows. Nothing is
    recorded for backward.

    Args:
        in_features, out_features: Sizes of the last dimension.
        bias_: Add a bias?
        dtype: torch.qint8, or torch.float16 for a weight of half numbers.

    Shape: (..., in_features) gives (..., out_features), float32.

    Source: torch.ao.nn.quantized.dynamic.Linear

    Example:
        >>> import flambeau as torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2))
        >>> torch.ao.quantization.quantize_dynamic(model)[0](torch.ones(4, 3)).shape
        torch.Size([4, 2])
    """

    _version = 5

    def __init__(
        self, in_features: int, out_features: int, bias_: bool = True, dtype: DType = qint8
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.scale, self.zero_point = 1.0, 0
        weight = zeros(out_features, in_features)
        weight = quantize_per_tensor(weight, 1.0, 0, qint8) if dtype is qint8 else weight.half()
        self._packed_params = LinearPackedParams(
            weight, zeros(out_features) if bias_ else None, dtype
        )

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Linear:
        """The layer for a float one, by its `qconfig` if it has one."""
        qconfig = getattr(mod, "qconfig", None)
        dtype = qconfig.weight().dtype if qconfig is not None else qint8
        made = cls(mod.in_features, mod.out_features, mod.bias is not None, dtype)
        bias = None if mod.bias is None else mod.bias.detach().float()
        made.set_weight_bias(quantized_weight(mod.weight, qconfig, dtype), bias)
        return made

    def forward(self, x: Tensor) -> Tensor:
        return self._packed_params._packed.linear(x, self._packed_params._bias)

    def weight(self) -> Tensor:
        """The quantised weight."""
        return self._packed_params._weight_bias()[0]

    def bias(self) -> Tensor | None:
        """The bias, or None."""
        return self._packed_params._weight_bias()[1]

    def _weight_bias(self) -> tuple[Tensor, Tensor | None]:
        return self._packed_params._weight_bias()

    def set_weight_bias(self, w: Tensor, b: Tensor | None) -> None:
        """Put another weight and bias in their place."""
        self._packed_params.set_weight_bias(w, b)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        from ......ops.create.data import tensor

        destination[prefix + "scale"] = tensor(self.scale)
        destination[prefix + "zero_point"] = tensor(self.zero_point)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: list[str],
        unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        """The scale and zero point say nothing of a dynamic layer; they are in saved files."""

    def _get_name(self) -> str:
        return "DynamicQuantizedLinear"

    def __repr__(self) -> str:
        return f"{self._get_name()}({self.extra_repr()})"  # without the packed weight

    def extra_repr(self) -> str:
        text = f"in_features={self.in_features}, out_features={self.out_features}, dtype={self._packed_params.dtype}"
        weight = self.weight()
        return (
            f"{text}, qscheme={weight.qscheme()}" if isinstance(weight, QuantizedTensor) else text
        )
