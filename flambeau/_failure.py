"""An exception on its way to another process or thread."""

from __future__ import annotations

import pickle
import sys
import traceback
from multiprocessing import reduction
from typing import Any


class Failure:
    """The exception that is being handled, as far as it can travel: its class, and its traceback as text.

    Args:
        where: Where it happened, for the message.
        of: The exception as `sys.exc_info` gives it; by default the one being handled.
    """

    def __init__(self, where: str, of: Any = None) -> None:
        kind, value, trace = sys.exc_info() if of is None else of
        self.name = "?" if kind is None else kind.__name__
        self.where = where
        self.text = "".join(traceback.format_exception(kind, value, trace))
        try:
            self.kind = bytes(reduction.ForkingPickler.dumps(kind))
        except Exception:  # a class within a function
            self.kind = b""

    def reraise(self) -> None:
        """Raise an exception of the same class, or, where that cannot be made here, a RuntimeError.

        Its message has the worker's traceback.
        """
        message = f"Caught {self.name} {self.where}.\nOriginal {self.text}"
        try:
            error = self._error(message)
        except Exception:  # no such class here, or its constructor wants other arguments
            error = RuntimeError(message)
        raise error from None

    def _error(self, message: str) -> Exception:
        kind = pickle.loads(self.kind)
        if issubclass(
            kind, StopIteration
        ):  # it would end the loop as if there were no more batches
            return RuntimeError(message)
        if kind is KeyError:
            return KeyError(_Plain(message))
        error = kind(message)
        return error if isinstance(error, Exception) else RuntimeError(message)


class _Plain(str):
    """A string that KeyError shows as it is, line breaks and all."""

    def __repr__(self) -> str:
        return str(self)
