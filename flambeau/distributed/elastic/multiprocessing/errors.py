"""Telling a launcher why a process has failed.

Source: torch.distributed.elastic.multiprocessing.errors
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any

from ...lifeline import write_down


def record(fn: Callable[..., Any], error_handler: Any = None) -> Callable[..., Any]:
    """Let a function, the program's main one, leave its traceback for the launcher when it raises.

    Source: torch.distributed.elastic.multiprocessing.errors.record
    """

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return fn(*args, **kwargs)
        except SystemExit:
            raise
        except Exception as error:
            write_down(error, "".join(traceback.format_exception(error)))
            raise

    return wrapped


class ChildFailedError(Exception):
    """A process that a launcher has started has failed.

    Source: torch.distributed.elastic.multiprocessing.errors.ChildFailedError
    """
