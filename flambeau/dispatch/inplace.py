"""In-place forms of operations that have a rule.

Those that write at some places of a tensor give a `Write`: what is to be written where, all checked that can be
checked without looking at every index. Its two forms, into a copy and into the tensor itself, run the one
definition (`Operation.into`), so that the in-place form costs what is written and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy import copyto, ndarray

from .._source import Source
from ..autograd.mode import mode
from ..core import tensor as handle
from ..core.error import two_devices
from ..core.promotion import check_cast
from ..core.tensor import UNVERSIONED, Tensor, wrap
from ..core.twin import around
from ..kernels.gather.plan import snapshot
from .arguments import arguments, written
from .registry import method, public
from .write import check_writable, finish_write, store, write_out


def write_result(
    target: Tensor, function: Callable[[Tensor], Tensor], operands: Sequence[Any] = ()
) -> Tensor:
    """Run `function` on the target and write what it gives into the target, as its history.

    The function sees a copy where it is recorded, so that what it saves are the values before.

    Raises:
        RuntimeError: The result has another shape, or a dtype that the target's cannot hold.
    """
    usual = _written_plainly(target, function, operands)
    if usual is not None:
        return usual
    check_writable(target, (target, *operands))
    before = target
    if mode.recording and any(x._node is not None for x in (target, *operands)):
        before = wrap(target._array.copy(), target._kind)
        before._node = target._node
    result = function(before)
    if result._array.shape != target._array.shape:
        raise RuntimeError(
            f"output with shape {list(target._array.shape)} doesn't match the broadcast shape "
            f"{list(result._array.shape)}"
        )
    check_cast(result.dtype, target.dtype)
    if target._kind.device is not result._kind.device:
        raise two_devices((target._kind.device, result._kind.device))
    store(target, result._array)
    finish_write(target, result._node)
    return target


def _written_plainly(
    target: Tensor, function: Callable[[Tensor], Tensor], operands: Sequence[Any]
) -> Tensor | None:
    """The target, where nothing of it is unusual: memory in order, no histories, a result like the target."""
    array, base = target._array, target._base
    if array.__class__ is not ndarray or not array.flags.carray or target._cell[0] is UNVERSIONED:
        return None
    if mode.recording:
        if target._node is not None or (base is not None and base._node is not None):
            return None
        for x in operands:
            if x._node is not None:
                return None
    result = function(target)
    values = result._array
    if result._kind is not target._kind or values.shape != array.shape or result._node is not None:
        return None
    copyto(array, values)
    finish_write(target, None)
    return target


def inplace_form(function: Callable) -> Callable:
    """Decorator: give a public function of (input, ...) its in-place method, and say which it is of."""
    name = f"{function.__name__}_"

    def form(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        operands = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
        return write_result(self, lambda x: function(x, *args, **kwargs), operands)

    form.__name__ = form.__qualname__ = name
    form.__doc__ = f"The in-place form of `{function.__name__}`."
    method()(form)
    return function


class Write:
    """An operation that writes values at a key of a tensor, on its operands.

    Attributes:
        operation: An `Operation` that is defined by its writing, of two operands, the key and options.
        input: The tensor that it is about.
        target: The same, or of one without dimensions a view that has one.
        values: The other operand.
        key: Where: index arrays, or a mask. They may be the user's; a recorded operation keeps copies.
        options: What follows the key.
        explain: Raises the error for an index that is wrong, in PyTorch's words.
    """

    __slots__ = ("explain", "input", "key", "operation", "options", "target", "values")

    def __init__(
        self,
        operation: Any,
        input: Tensor,
        target: Tensor,
        values: Tensor,
        key: Any,
        options: tuple = (),
        explain: Callable[[], Any] | None = None,
    ):
        self.operation, self.input, self.target, self.values = operation, input, target, values
        self.key, self.options, self.explain = key, options, explain

    def made(self) -> Tensor:
        """The result as a new tensor."""
        key = self._kept_key() if self._recorded() else self.key
        try:
            result = self.operation(self.target, self.values, key, *self.options)
        except IndexError as error:
            raise self._explained(error) from None
        return result if self.target is self.input else result.reshape(self.input._array.shape)

    def into(self) -> Tensor:
        """The input, written to.

        Raises:
            RuntimeError: The memory must not be written to.
        """
        recorded = self._recorded()
        key = self._kept_key() if recorded else self.key
        try:
            self.operation.into(self.target, (self.values,), (key, *self.options), recorded)
        except IndexError as error:
            raise self._explained(error) from None
        return self.input

    def written(self, out: Tensor | None, name: str) -> Tensor:
        """The result, in `out` if there is one."""
        if out is None:
            return self.made()
        if out is self.input and not self._recorded():
            return self.into()
        return write_out(out, self.made(), name, (self.input, self.values))

    def _recorded(self) -> bool:
        nodes = self.target._node, self.values._node
        return bool(mode.recording) and nodes != (None, None)

    def _kept_key(self) -> Any:
        with around((self.input,)):
            return snapshot(self.key) if isinstance(self.key, tuple) else self.key.copy()

    def _explained(self, error: IndexError) -> Exception:
        """The error in PyTorch's words; the kernel's where the index is right again."""
        if self.explain is not None:
            try:
                self.explain()
            except (IndexError, RuntimeError) as said:
                return said
        return error


def writing(
    out: bool = False, few: Callable[..., bool] | None = None
) -> Callable[[Callable[..., Write]], Callable[..., Tensor]]:
    """Decorator: of a function that gives a `Write`, the public function and method, and the in-place method.

    Args:
        out: Do the first two take ``out=``?
        few: Given all arguments by position, does what the in-place method does; False, and nothing done, for all but
            the calls that it is made for. The function does it to a copy.
    """

    def make(plan: Callable[..., Write]) -> Callable[..., Tensor]:
        name, found = plan.__name__, arguments(plan)
        code = plan.__code__  # type: ignore[attr-defined]
        names, positional = list(found), code.co_argcount
        source = Source(name, plan=plan)
        given = written(found, source)
        if positional < len(names) or out:
            given.insert(positional, "*")
        passed = ", ".join(n if i < positional else f"{n}={n}" for i, n in enumerate(names))
        with source.block(f"def {name}({', '.join([*given, *(['out=None'] if out else [])])}):"):
            if few is not None:
                source.scope.update(few=few, copied=copied)
                source(f"""
                    made = {"None if out is not None else " * out}copied({names[0]})
                    if made is not None and few({", ".join(["made", *names[1:]])}):
                        made._cell[0] = 0
                        return made
                    """)
            source(f"return plan({passed}).{f'written(out, {name!r})' if out else 'made()'}")
        function = _like(plan, source.function(name), out)
        source = Source(f"{name}_", **source.scope)
        if given[-1] == "*":
            given.pop()
        with source.block(f"def {name}_({', '.join(given)}):"):
            if few is not None:
                source(f"if few({', '.join(names)}): return {names[0]}")
            source(f"return plan({passed}).into()")
        form = _like(plan, source.function(f"{name}_"), False)
        form.__doc__ = f"The in-place form of `{name}`."
        method()(form)
        return public(method=True)(function)

    return make


_FEW = 1 << 12
"""Elements of which a copy costs next to nothing."""


def copied(x: Any) -> Tensor | None:
    """A new tensor of the same few elements; None where there are more, or where they have a history."""
    array = getattr(x, "_array", None)
    if array.__class__ is not ndarray or array.size > _FEW:
        return None
    if x._node is not None and mode.recording:
        return None
    return handle.make(array.copy(), x._kind, None, [0], None)


def _like(plan: Callable, function: Callable, out: bool) -> Callable:
    """A function that was written for another, with what is said of that."""
    function.__doc__, function.__module__ = plan.__doc__, plan.__module__
    hints = {**plan.__annotations__, "return": "Tensor"}
    function.__annotations__ = {**hints, "out": "Tensor | None"} if out else hints
    return function
