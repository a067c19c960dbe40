"""One step of a recurrent layer, and the cells that are just that."""

from __future__ import annotations

import math
from typing import Any

from .. import Tensor, empty, zeros  # type: ignore[attr-defined]
from ..ops.nn.recurrent import CELLS
from . import init
from .module import Module
from .parameter import Parameter


class RNNCellBase(Module):
    """What the cells share."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows, where = num_chunks * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty((rows, input_size), **where))
        self.weight_hh = Parameter(empty((rows, hidden_size), **where))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, **where)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values: uniform within 1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        shown = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            shown += f", bias={self.bias}"
        if self.__dict__.get("nonlinearity", "tanh") != "tanh":
            shown += f", nonlinearity={self.nonlinearity}"
        return shown

    def _next(self, mode: str, input: Tensor, hx: Any) -> tuple[Any, ...]:
        states = tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
        single = False
        if not self._fits(input, states):
            input, states, single = self._checked(mode, input, states)
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        made = CELLS[mode](input, states if mode == "LSTM" else states[0], *weights)
        made = made if mode == "LSTM" else (made,)
        return tuple(state.squeeze(0) for state in made) if single else made

    def _fits(self, input: Tensor, states: tuple[Any, ...]) -> bool:
        """Are these a batch and its states, as nearly all are?"""
        try:
            rows, columns = input._array.shape
            wanted = rows, self.hidden_size
            for state in states:
                if state._array.shape != wanted:
                    return False
            return columns == self.input_size  # type: ignore[no-any-return]
        except (AttributeError, ValueError):
            return False

    def _checked(
        self, mode: str, input: Tensor, states: tuple[Any, ...]
    ) -> tuple[Tensor, tuple[Any, ...], bool]:
        """A batch and its states, and whether the input was one row.

        Raises:
            ValueError, RuntimeError: The shapes do not fit.
        """
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        if states == (None,):
            where = {"dtype": input.dtype, "device": input.device}
            lead, count = input.shape[:-1], 2 if mode == "LSTM" else 1
            states = tuple(zeros(*lead, self.hidden_size, **where) for _ in range(count))
        for state in states:
            if state.ndim not in (1, 2):
                raise ValueError(
                    f"{name}: Expected hidden to be 1D or 2D, got {state.ndim}D instead"
                )
        single = input.ndim == 1
        if single:
            input, states = input.unsqueeze(0), tuple(state.unsqueeze(0) for state in states)
        self._check_sizes(input, states)
        return input, states, single

    def _check_sizes(self, input: Tensor, states: tuple[Any, ...]) -> None:
        if input.shape[1] != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.shape[1]} expected {self.input_size}"
            )
        for i, state in enumerate(states):
            if state.shape[0] != input.shape[0]:
                raise RuntimeError(
                    f"Input batch size {input.shape[0]} doesn't match hidden{i} batch size "
                    f"{state.shape[0]}"
                )
            if state.shape[1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{i} has inconsistent hidden_size: got {state.shape[1]}, expected "
                    f"{self.hidden_size}"
                )


class RNNCell(RNNCellBase):
    """One step of an RNN.

    Args:
        input_size, hidden_size: Features of the input and of the state.
        bias: Have biases?
        nonlinearity: "tanh" or "relu".

    Source: torch.nn.RNNCell
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._next(f"RNN_{self.nonlinearity.upper()}", input, hx)[0]


class LSTMCell(RNNCellBase):
    """One step of an LSTM.

    Args:
        input_size, hidden_size: Features of the input and of the state.
        bias: Have biases?

    Source: torch.nn.LSTMCell
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        h, c = self._next("LSTM", input, hx)
        return h, c


class GRUCell(RNNCellBase):
    """One step of a GRU.

    Args:
        input_size, hidden_size: Features of the input and of the state.
        bias: Have biases?

    Source: torch.nn.GRUCell
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._next("GRU", input, hx)[0]
