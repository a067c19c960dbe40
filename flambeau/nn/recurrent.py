"""Recurrent layers: RNN, LSTM and GRU, over sequences that may be packed."""

from __future__ import annotations

import math
from typing import Any

from .. import Tensor, empty, zeros  # type: ignore[attr-defined]
from .._caller import warn
from ..ops.nn.recurrent import NETWORKS
from ..ops.nn.rnn import GATES
from . import init
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence


class RNNBase(Module):
    """What all recurrent layers share.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size, hidden_size: Features of the input and of the state.
        num_layers: Layers on top of each other.
        bias: Have biases?
        batch_first: (batch, time, features) instead of (time, batch, features).
        dropout: Between layers.
        bidirectional: A second pass from the end to the beginning.
        proj_size: Project the LSTM's state to this size; 0 for no projection.

    Raises:
        ValueError, TypeError: An option is out of range.

    Source: torch.nn.RNNBase
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode, self.input_size, self.hidden_size = mode, input_size, hidden_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional = float(dropout), bidirectional
        self.proj_size = proj_size
        self._check_options(dropout)
        out = proj_size or hidden_size
        rows = GATES[mode] * hidden_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for direction in range(self._directions):
                width = input_size if layer == 0 else out * self._directions
                shapes = {"weight_ih": (rows, width), "weight_hh": (rows, out)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}  # type: ignore[dict-item]
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                end = f"_l{layer}{'_reverse' if direction else ''}"
                for name, shape in shapes.items():
                    value = empty(shape, device=device, dtype=dtype)
                    setattr(self, name + end, Parameter(value))
                self._all_weights.append([name + end for name in shapes])
        self.reset_parameters()

    def _check_options(self, dropout: Any) -> None:
        if (
            isinstance(dropout, bool)
            or not isinstance(dropout, (int, float))
            or not 0 <= dropout <= 1
        ):
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element "
                "being zeroed"
            )
        if dropout > 0 and self.num_layers == 1:
            warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
                f"expects num_layers greater than 1, but got dropout={dropout} and num_layers=1"
            )
        for name, kind in (
            ("input_size", int),
            ("hidden_size", int),
            ("bias", bool),
            ("batch_first", bool),
        ):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(
                    f"{name} should be of type {kind.__name__}, got: {type(value).__name__}"
                )
        for name in ("input_size", "hidden_size"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ValueError(
                "proj_size should be a positive integer or zero to disable projections"
            )
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in GATES:
            raise ValueError("Unrecognized RNN mode: " + self.mode)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing to do: only cuDNN wants its weights in one piece."""

    def reset_parameters(self) -> None:
        """Draw new values: uniform within 1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # ----------------------------------------------------------------------------------- forward

    def forward(self, input: Any, hx: Any = None) -> Any:
        """All states of the last layer, and the last states of all layers.

        Args:
            input: (time, batch, features), without batch, or a PackedSequence.
            hx: The first states (layers * directions, batch, hidden_size); for an LSTM with the cells.

        Raises:
            RuntimeError, ValueError: The shapes do not fit.
        """
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.ndim not in (2, 3):
            raise ValueError(
                f"{self._get_name()}: Expected input to be 2D or 3D, got {input.ndim}D instead"
            )
        batched = input.ndim == 3
        x = input if batched else input.unsqueeze(0 if self.batch_first else 1)
        if self.batch_first:
            x = x.transpose(0, 1)
        states = self._first_states(x, hx, batched)
        output, last = self._run(x, states, None)
        if self.batch_first:
            output = output.transpose(0, 1)
        if not batched:
            output = output.squeeze(0 if self.batch_first else 1)
            last = [state.squeeze(1) for state in last]
        return output, tuple(last) if self.mode == "LSTM" else last[0]

    def _forward_packed(self, packed: PackedSequence, hx: Any) -> Any:
        sizes = packed.batch_sizes.tolist()
        data = packed.data
        states = self._first_states(data.unsqueeze(0).expand(1, *data.shape), None, True, sizes[0])
        if hx is not None:
            given = hx if self.mode == "LSTM" else (hx,)
            order = packed.sorted_indices
            states = [s if order is None else s.index_select(1, order) for s in given]
        output, last = self._run(data, states, packed.batch_sizes)
        order = packed.unsorted_indices
        if order is not None:
            last = [state.index_select(1, order) for state in last]
        result = PackedSequence(
            output, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices
        )
        return result, tuple(last) if self.mode == "LSTM" else last[0]

    def _first_states(
        self, x: Tensor, hx: Any, batched: bool, batch: int | None = None
    ) -> list[Any]:
        weight = self.all_weights[0][0]
        if x.dtype is not weight.dtype:
            raise ValueError(
                f"RNN input dtype ({x.dtype}) does not match weight dtype ({weight.dtype}). Convert "
                f"input: input.to({weight.dtype}), or convert model: model.to({x.dtype})"
            )
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{x.shape[-1]}"
            )
        count, batch = self.num_layers * self._directions, x.shape[1] if batch is None else batch
        sizes = [self.proj_size or self.hidden_size]
        sizes += [self.hidden_size] if self.mode == "LSTM" else []
        if hx is None:
            where = {"dtype": x.dtype, "device": x.device}
            return [zeros(count, batch, size, **where) for size in sizes]
        given = list(hx) if self.mode == "LSTM" else [hx]
        states = []
        for state, size in zip(given, sizes):
            if state.ndim != (3 if batched else 2):
                kind = "3-D" if batched else "2-D"
                raise RuntimeError(
                    f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, hx should also be {kind} "
                    f"but got {state.ndim}-D tensor"
                )
            state = state if batched else state.unsqueeze(1)
            if tuple(state.shape) != (count, batch, size):
                raise RuntimeError(
                    f"Expected hidden size {(count, batch, size)}, got {list(state.shape)}"
                )
            states.append(state)
        return states

    def _run(self, x: Tensor, states: list[Any], sizes: Tensor | None) -> tuple[Tensor, list[Any]]:
        """All layers; x is (time, batch, features), or (sum of sizes, features) if packed."""
        weights = [getattr(self, name) for names in self._all_weights for name in names]
        hx = states if self.mode == "LSTM" else states[0]
        options = (self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        network = NETWORKS[self.mode]
        if sizes is None:
            output, *last = network(x, hx, weights, *options, False)
        else:
            output, *last = network(x, sizes, hx, weights, *options)
        return output, last

    def extra_repr(self) -> str:
        shown = [f"{self.input_size}, {self.hidden_size}"]
        for name, usual in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0.0),
            ("bidirectional", False),
        ):
            value = getattr(self, name)
            if value != usual:
                shown.append(f"{name}={value}")
        return ", ".join(shown)


class RNN(RNNBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    Args:
        input_size, hidden_size, num_layers: Features of the input and of the state; layers.
        nonlinearity: "tanh" or "relu".
        bias, batch_first, dropout, bidirectional: As for RNNBase.

    Raises:
        ValueError: An unknown nonlinearity, or an option is out of range.

    Source: torch.nn.RNN; Elman (1990)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        self.nonlinearity = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )


class LSTM(RNNBase):
    """Long short-term memory: gates decide what a cell keeps, takes in and shows.

    Args:
        input_size, hidden_size, num_layers: Features of the input and of the state; layers.
        bias, batch_first, dropout, bidirectional, proj_size: As for RNNBase.

    Raises:
        ValueError: An option is out of range.

    Source: torch.nn.LSTM; Hochreiter and Schmidhuber (1997)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )


class GRU(RNNBase):
    """Gated recurrent units: gates decide how much of the state is kept (Cho et al., 2014).

    Args:
        input_size, hidden_size, num_layers: Features of the input and of the state; layers.
        bias, batch_first, dropout, bidirectional: As for RNNBase.

    Raises:
        ValueError: An option is out of range.

    Source: torch.nn.GRU
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "GRU",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
