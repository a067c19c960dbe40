"""What is recorded: the thread's gradient mode, and the context managers that change it.

Recording serves both kinds of differentiation. Forward mode computes the tangents of a result when its
node is shown to the watchers, so inside of a level operations are recorded under `no_grad` too, as
`TANGENTS` only: their nodes are dropped again once the tangents are known (see `forward`).
"""

from __future__ import annotations

from _thread import _local as local  # `threading` loads late
from collections.abc import Callable
from typing import Any

from . import inference

TANGENTS = 2
"""The value of `mode.recording` where operations are recorded for their tangents alone."""


class Mode(local):
    """This thread's state. Operations read `recording` when an input requires grad.

    Attributes:
        recording: Are operations recorded? False, True or TANGENTS.
        levels: The levels of forward-mode differentiation whose tangents are computed, outermost first.
        masked: The levels in force but for `_set_fwd_grad_enabled(False)`; None where nothing masks them.
        dual: The level of `forward_ad.dual_level`, if one is open.
        follow: What computes tangents, the first of the watchers; None where no level is open.
        inference: Inside inference_mode?
        watchers: Called with each new node and its results, of which those that are tensors count
            (saved-tensor hooks, anomaly detection); usually empty.
        anomaly: What `detect_anomaly` set up in this thread; None where it is off.
        task: The backward that runs: its number, its roots, and the nodes it may visit (None: all).
        endings: What is called when the outermost backward has ended (`queue_callback`); None where nothing is.
        packers: The saved-tensor hooks in force, as pairs of pack and unpack, innermost last.
        unpackable: Why saved-tensor hooks are not allowed here; None where they are.
    """

    recording: bool | int = True
    inference = False
    levels: tuple[Any, ...] = ()
    masked: tuple[Any, ...] | None = None
    dual: Any = None
    follow: Callable[..., None] | None = None
    watchers: tuple[Callable[[Any, Any], None], ...] = ()
    anomaly: Any = None
    task: tuple[int, Any, Any] | None = None
    endings: list[Callable[[], None]] | None = None
    packers: tuple[tuple[Callable, Callable], ...] = ()
    unpackable: str | None = None


mode = Mode()


def recording(value: bool) -> bool | int:
    """What `mode.recording` is where gradients are wanted, or not."""
    if mode.inference:
        return False
    return value or (TANGENTS if mode.levels else False)


def arrange() -> None:
    """Tell recording whom it has to call."""
    watchers = [] if mode.follow is None else [mode.follow]
    if mode.anomaly is not None:
        watchers.append(mode.anomaly.watch)
    if mode.packers:
        pack, unpack = mode.packers[-1]
        watchers.append(lambda node, results: node.pack(pack, unpack))
    mode.watchers = tuple(watchers)


def is_grad_enabled() -> bool:
    """True where operations on tensors that require grad are recorded.

    Source: torch.is_grad_enabled

    Example:
        >>> import flambeau as torch
        >>> with torch.no_grad():
        ...     torch.is_grad_enabled()
        False
    """
    return mode.recording is True


def is_inference_mode_enabled() -> bool:
    """True inside `inference_mode`.

    Source: torch.is_inference_mode_enabled
    """
    return mode.inference


class _Switch:
    """A context manager that is also a decorator, of functions and of generator functions."""

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        raise NotImplementedError

    def clone(self) -> _Switch:
        """A fresh one for each call of a decorated function."""
        return type(self)()

    def __call__(self, function: Callable) -> Callable:
        # functools and inspect load when something is decorated, not with the library
        import functools
        import inspect

        if inspect.isclass(function):
            raise TypeError(
                f"{type(self).__name__} decorates functions, not the class "
                f"{function.__name__}: decorate its __init__ or methods instead"
            )
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return wrapped

    def _wrap_generator(self, function: Callable) -> Callable:
        """The mode holds while the generator runs and not while its user does."""
        import functools

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            send: Callable = generator.send
            value: Any = None
            while True:
                try:
                    with self.clone():
                        item = send(value)
                except StopIteration as stop:
                    return stop.value
                try:
                    value, send = (yield item), generator.send
                except GeneratorExit:
                    with self.clone():
                        generator.close()
                    raise
                except BaseException as error:
                    value, send = error, generator.throw

        return wrapped


class _Recording(_Switch):
    """Sets `mode.recording` and puts back what was."""

    value = False
    before: Any = None
    """What was in force when it was entered, and what this was then: it may be entered again inside itself."""

    def __enter__(self) -> None:
        self.before = mode.recording, self.before
        if mode.levels:
            mode.recording = recording(self.value)
        else:
            mode.recording = self.value and not mode.inference

    def __exit__(self, *exception: object) -> None:
        mode.recording, self.before = self.before


class no_grad(_Recording):
    """Context manager and decorator: operations are not recorded.

    Source: torch.no_grad

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.no_grad():
        ...     (x * 2).requires_grad
        False
    """

    def __new__(cls, function: Callable | None = None) -> Any:
        made = super().__new__(cls)
        return made if function is None else made(function)


class enable_grad(no_grad):
    """Context manager and decorator: operations are recorded, also inside `no_grad`.

    Source: torch.enable_grad

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.no_grad(), torch.enable_grad():
        ...     (x * 2).requires_grad
        True
    """

    value = True


class set_grad_enabled(_Recording):
    """Turns recording on or off, at once as a function or for the duration of a `with`.

    Args:
        mode: True to record.

    Source: torch.set_grad_enabled

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.set_grad_enabled(False):
        ...     (x * 2).requires_grad
        False
    """

    def __init__(self, mode: bool) -> None:
        self.value = bool(mode)
        self._apply()

    def _apply(self) -> None:
        self.outer = mode.recording
        mode.recording = recording(self.value)

    def __enter__(self) -> None:
        self.before = self.outer, self.before
        mode.recording = recording(self.value)

    def __call__(self, function: Callable) -> Callable:
        mode.recording = self.outer  # used as a decorator, it changes nothing now
        return super().__call__(function)

    def clone(self) -> _Switch:
        return set_grad_enabled(self.value)


class inference_mode(_Switch):
    """Context manager and decorator: nothing is recorded, and results can never take part in recording.

    Args:
        mode: False makes the block an ordinary one.

    Source: torch.inference_mode

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.inference_mode():
        ...     (x * 2).requires_grad
        False
    """

    def __new__(cls, mode: bool | Callable = True) -> Any:
        made = super().__new__(cls)
        if callable(mode):
            made.__init__(True)
            return made(mode)
        return made

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self.before: list[tuple[bool | int, bool]] = []

    def __enter__(self) -> None:
        self.before.append((mode.recording, mode.inference))
        mode.recording, mode.inference = not self.mode, self.mode
        if self.mode:
            inference.begin(mode)

    def __exit__(self, *exception: object) -> None:
        mode.recording, mode.inference = self.before.pop()
        if self.mode:
            inference.end()

    def clone(self) -> _Switch:
        return inference_mode(self.mode)
