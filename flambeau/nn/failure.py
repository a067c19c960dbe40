"""Where in a model an exception came from: the note that a module's call adds to it.

    RuntimeError: linear(): mat1 and mat2 shapes cannot be multiplied (2x16 and 20x4)
    in encoder.blocks.0.2: Linear(in_features=20, out_features=4, bias=True), input float32 [2, 16]

The innermost module says what it is and was given; each module around it puts its own name for it in
front. So there is one note, whose path begins at the module that the program called.
"""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor

_CONTROL_FLOW = (StopIteration, StopAsyncIteration)
_LONGEST = 100  # characters of a description


class Origin(str):
    """The note, as text, with what is needed to lengthen its path."""

    __slots__ = ("call", "path", "root")

    root: Any
    path: str
    call: str

    @classmethod
    def of(cls, root: Any, path: str, call: str) -> Origin:
        made = cls(f"in {path}: {call}" if path else f"in {call}")
        made.root, made.path, made.call = root, path, call
        return made

    def seen_from(self, module: Any) -> Origin:
        """The same with a path that begins at `module`, if that knows the one where it begins now."""
        name = None if module is self.root else _name_in(module, self.root)
        if name is None:
            return self
        return Origin.of(module, f"{name}.{self.path}" if self.path else name, self.call)

    def __reduce__(self) -> tuple:
        return str, (str(self),)


def note_call(error: Exception, module: Any, args: tuple, kwargs: dict) -> None:
    """Let the exception say that it left a call of `module`. What goes wrong here must not hide it."""
    if isinstance(error, _CONTROL_FLOW):
        return
    try:
        notes = getattr(error, "__notes__", ())
        at = next((i for i, note in enumerate(notes) if isinstance(note, Origin)), None)
        if at is None:
            error.add_note(Origin.of(module, "", f"{_described(module)}{_given(args, kwargs)}"))
        else:
            notes[at] = notes[at].seen_from(module)  # type: ignore[index]
    except Exception:
        pass


def _name_in(module: Any, inner: Any) -> str | None:
    return next((name for name, other in module.named_modules() if other is inner), None)


def _described(module: Any) -> str:
    """A module without those in it: ``Linear(in_features=20, out_features=4, bias=True)``."""
    name = module._get_name()
    options = module.extra_repr()
    return f"{name}({_short(options)})" if options and not module._modules else name


def _given(args: tuple, kwargs: dict) -> str:
    given = [*map(_shown, args), *(f"{name}={_shown(value)}" for name, value in kwargs.items())]
    if not given:
        return ""
    return f", input{'s' * (len(given) > 1)} {', '.join(given)}"


def _shown(value: Any) -> str:
    """Of an argument what a shape error is about: ``float32 [2, 16]``, ``(float32 [3], None)``."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value._array.shape)}"
    if isinstance(value, (list, tuple)):
        items = [_shown(item) for item in value[:4]] + ["..."] * (len(value) > 4)
        return f"({', '.join(items)})" if isinstance(value, tuple) else f"[{', '.join(items)}]"
    if value is None or isinstance(value, (bool, int, float, str)):
        return _short(repr(value))
    return type(value).__name__


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
