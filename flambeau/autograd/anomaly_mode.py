"""Anomaly detection: which line and module made the first NaN, forward and backward.

While it is on, a watcher notes the user's stack with each recorded node and looks for NaN in the
results, and each backward runs with hooks on every node that look for NaN in the gradients.
Ordinary recording and ordinary backward contain none of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._caller import warn
from ..core.tensor import Tensor
from .engine import reachable
from .location import Recorded
from .mode import arrange, mode
from .node import Node, RemovableHandle


class Anomaly:
    """The detection of one thread.

    Attributes:
        check_nan: Look for NaN? Otherwise only lines are noted, for other errors of backward.
        first: The first NaN of the forward pass: the node's name and where it was recorded.
    """

    def __init__(self, check_nan: bool) -> None:
        self.check_nan = check_nan
        self.first: tuple[str, Recorded] | None = None

    def watch(self, node: Node, results: Sequence[Any]) -> None:
        """Note where a node was recorded, and the first result with a NaN."""
        recorded = node.note("recorded", Recorded())
        if self.check_nan and self.first is None and any(map(has_nan, results)):
            self.first = node.name(), recorded
            recorded.warn(f"The forward pass {self.forward()}")

    def forward(self) -> str:
        name, recorded = self.first or ("", "")
        return f"met its first NaN in the result of {_operation(name)}, at {recorded}."

    def session(self, roots: Sequence[Any]) -> Session:
        """Start watching a backward pass."""
        return Session(self, roots)


class Session:
    """One backward pass that is watched."""

    def __init__(self, anomaly: Anomaly, roots: Sequence[Any]) -> None:
        self.anomaly = anomaly
        self.current: Node | None = None
        self.handles: list[RemovableHandle] = []
        for node in reachable(roots):
            if node.edges:
                self._attach(node)

    def _attach(self, node: Node) -> None:
        def enter(grad_outputs: Any) -> None:
            self.current = node

        def leave(grad_inputs: tuple, grad_outputs: Any) -> None:
            if self.anomaly.check_nan:
                self.check(node, grad_inputs)

        self.handles += [node.register_prehook(enter), node.register_hook(leave)]

    def check(self, node: Node, grads: tuple) -> None:
        """Raises RuntimeError if a gradient that leaves the node has a NaN."""
        for i, grad in enumerate(grads):
            if has_nan(grad):
                text = f"Function '{node.name()}' returned nan values in its {i}th output. {_where(node)}"
                if self.anomaly.first is not None:
                    text += f" Before that, the forward pass {self.anomaly.forward()}"
                raise RuntimeError(text)

    def explain(self, error: Exception) -> None:
        """Say where the operation was recorded in whose backward an error came up."""
        node = self.current
        if node is None:
            return
        if not str(error).startswith("Function '"):
            error.add_note(f"Backward was in {node.name()}. {_where(node)}")
        recorded = (node.notes or {}).get("recorded")
        stack = (
            f"Traceback of forward call that caused the error:\n{recorded.stack()}"
            if recorded is not None
            else "No forward pass information available. Enable detect anomaly during forward pass for "
            "more information."
        )
        warn(f"Error detected in {node.name()}. {stack}")

    def finish(self) -> None:
        for handle in self.handles:
            handle.remove()


def _where(node: Node) -> str:
    recorded = (node.notes or {}).get("recorded")
    if recorded is None:
        return (
            "Its line is not known: run the forward pass under torch.autograd.detect_anomaly() too."
        )
    return f"The operation was recorded at {recorded}."


def _operation(name: str) -> str:
    """The operation of a node: "log" for LogBackward0."""
    return name.removesuffix("0").removesuffix("Backward").lower() or name


def has_nan(value: Any) -> bool:
    """Is it a tensor with a NaN?"""
    if not isinstance(value, Tensor) or value._kind.dtype.category < 2:
        return False
    return bool(value._kind.xp.isnan(value._array).any())


class set_detect_anomaly:
    """Turns anomaly detection on or off, at once as a function or for the duration of a `with`.

    Args:
        mode: True to detect.
        check_nan: Raise where backward makes a NaN.

    Source: torch.autograd.set_detect_anomaly
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = _switch(Anomaly(check_nan) if mode else None)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        _switch(self.before)


class detect_anomaly:
    """Context manager: backward raises at its first NaN and names the line and module of the operation.

    Errors of backward of any other kind say where the operation was recorded, too, and a warning
    tells of the first NaN in the forward pass. Everything runs several times more slowly.

    Args:
        check_nan: Look for NaN.

    Source: torch.autograd.detect_anomaly

    Example:
        >>> import warnings
        >>> import flambeau as torch
        >>> warnings.simplefilter("ignore")
        >>> x = torch.tensor([0.0], requires_grad=True)
        >>> with torch.autograd.detect_anomaly():
        ...     y = (x.sqrt() * 0).sum()
        ...     try:
        ...         y.backward()
        ...     except RuntimeError as error:
        ...         print(str(error)[:66])
        Function 'SqrtBackward0' returned nan values in its 0th output. Th
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self.before: Anomaly | None = None
        warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be "
            "enabled for debugging."
        )

    def __enter__(self) -> None:
        self.before = _switch(Anomaly(self.check_nan))

    def __exit__(self, *exception: object) -> None:
        _switch(self.before)


def _switch(anomaly: Anomaly | None) -> Anomaly | None:
    before, mode.anomaly = mode.anomaly, anomaly
    arrange()
    return before


def is_anomaly_enabled() -> bool:
    """True where anomaly detection is on.

    Source: torch.is_anomaly_enabled
    """
    return mode.anomaly is not None


def is_anomaly_check_nan_enabled() -> bool:
    """True where anomaly detection is on and looks for NaN.

    Source: torch.is_anomaly_check_nan_enabled
    """
    return mode.anomaly is not None and mode.anomaly.check_nan


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Turn anomaly detection on or off: `set_detect_anomaly` as a function.

    Source: torch.set_anomaly_enabled
    """
    _switch(Anomaly(check_nan) if enabled else None)
