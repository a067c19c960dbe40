"""Recurrent layers with weights of signed bytes."""

from __future__ import annotations

from typing import Any

from ......core.dtype import dtype as DType
from ......core.dtype import float16
from ......core.quantized_dtype import qint8
from ......core.tensor import Tensor
from ......nn import Module
from ......ops.create.full import zeros
from ......ops.join.cat import cat, stack
from ......ops.nn.rnn import all_gates
from .linear import PackedWeight, quantized_weight


class RNNBase(Module):
    """What the layers share: their weights, one direction of one layer after the other."""

    cells: int

    def __init__(self, mod: Any, qconfig: Any, dtype: DType):
        super().__init__()
        for name in (
            "input_size",
            "hidden_size",
            "num_layers",
            "bias",
            "batch_first",
            "dropout",
            "bidirectional",
        ):
            setattr(self, name, getattr(mod, name))
        if getattr(mod, "proj_size", 0):
            raise NotImplementedError("a dynamic LSTM has no projections: proj_size must be 0")
        self.dtype = dtype
        self._parts = []
        for layer in range(self.num_layers):
            for suffix in ("", "_reverse") if self.bidirectional else ("",):
                named: Any = {
                    f"{kind}_{place}": getattr(mod, f"{kind}_{place}_l{layer}{suffix}", None)
                    for kind in ("weight", "bias")
                    for place in ("ih", "hh")
                }
                weights = [
                    quantized_weight(named[f"weight_{p}"], qconfig, dtype) for p in ("ih", "hh")
                ]
                biases = [
                    None if named[f"bias_{p}"] is None else named[f"bias_{p}"].detach()
                    for p in ("ih", "hh")
                ]
                self._parts.append(_Part(*weights, *biases))

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer for a float one, by its `qconfig` if it has one."""
        qconfig = getattr(mod, "qconfig", None)
        return cls(mod, qconfig, qint8 if qconfig is None else qconfig.weight().dtype)

    def _walked(self, input: Tensor, given: tuple[Tensor, ...] | None) -> tuple[Any, Any]:
        """The outputs of the last layer, and the last states, one tensor for each kind of state."""
        x = input.detach()  # type: ignore[attr-defined]
        if x.ndim not in (2, 3):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {x.ndim}D instead"
            )
        single = x.ndim == 2
        if single:
            x = x.unsqueeze(1)
        elif self.batch_first:
            x = x.transpose(0, 1)
        ways = 2 if self.bidirectional else 1
        if given is None:
            empty = zeros(self.num_layers * ways, x.shape[1], self.hidden_size)
            given = (empty,) * self.cells
        elif single:
            given = tuple(state.unsqueeze(1) for state in given)
        last: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            outputs = []
            for way in range(ways):
                i = layer * ways + way
                steps, states = self._direction(
                    x, self._parts[i], tuple(s[i] for s in given), way == 1
                )
                outputs.append(steps)
                last.append(states)
            x = cat(outputs, -1) if ways == 2 else outputs[0]
        states = [stack(list(each)) for each in zip(*last)]
        if single:
            return x.squeeze(1), [state.squeeze(1) for state in states]
        return x.transpose(0, 1) if self.batch_first else x, states

    def _direction(self, x: Tensor, part: _Part, state: tuple, back: bool) -> tuple[Tensor, tuple]:
        rows = part.ih.linear(x, part.bias_ih)
        found = []
        for t in range(x.shape[0] - 1, -1, -1) if back else range(x.shape[0]):
            state = self._step(rows[t], part.hh.linear(state[0], part.bias_hh), state)
            found.append(state[0])
        return stack(found[::-1] if back else found), state

    def _step(self, x: Tensor, h: Tensor, state: tuple) -> tuple:
        raise NotImplementedError

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        for i, part in enumerate(self._parts):
            destination[f"{prefix}_all_weight_values.{i}.param"] = part.values()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: list[str],
        unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        for i in range(len(self._parts)):
            key = f"{prefix}_all_weight_values.{i}.param"
            if key in state_dict:
                self._parts[i] = _Part(*state_dict[key])
            elif strict:
                missing_keys.append(key)

    def _get_name(self) -> str:
        return f"DynamicQuantized{type(self).__name__}"

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        for name, value in usual.items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        return text if self.dtype is not float16 else f"{text}, dtype={self.dtype}"


class _Part:
    """The weights of one direction of one layer."""

    def __init__(self, ih: Tensor, hh: Tensor, bias_ih: Tensor | None, bias_hh: Tensor | None):
        self.ih, self.hh = PackedWeight(ih), PackedWeight(hh)
        self.bias_ih, self.bias_hh = bias_ih, bias_hh

    def values(self) -> tuple:
        """What is saved of it."""
        return self.ih.weight, self.hh.weight, self.bias_ih, self.bias_hh


class LSTM(RNNBase):
    """An LSTM whose products are of bytes; see `nn.LSTM` for arguments and shapes.

    Source: torch.ao.nn.quantized.dynamic.LSTM
    """

    cells = 2

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple:
        output, (h, c) = self._walked(input, hx)
        return output, (h, c)

    def _step(self, x: Tensor, h: Tensor, state: tuple) -> tuple:
        return all_gates(x, h, state[1], "LSTM")


class GRU(RNNBase):
    """A GRU whose products are of bytes; see `nn.GRU` for arguments and shapes.

    Source: torch.ao.nn.quantized.dynamic.GRU
    """

    cells = 1

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, (h,) = self._walked(input, None if hx is None else (hx,))
        return output, h

    def _step(self, x: Tensor, h: Tensor, state: tuple) -> tuple:
        return all_gates(x, h, state[0], "GRU")[:1]
