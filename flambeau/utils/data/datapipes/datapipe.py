"""The base classes of data pipes, and their methods, which are other data pipes.

Source: torch.utils.data.datapipes.datapipe
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, TypeVar

from ..dataset import Dataset, IterableDataset

T_co = TypeVar("T_co", covariant=True)


class _Chained:
    """What both kinds share: the steps that were registered, as methods."""

    functions: ClassVar[dict[str, Callable]]

    def __getattr__(self, name: str) -> Any:
        step = type(self).functions.get(name)
        if step is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return functools.partial(step, self)

    @classmethod
    def register_function(cls, function_name: str, function: Callable) -> None:
        """Make a function of a data pipe a method of all."""
        cls.functions[function_name] = function

    @classmethod
    def register_datapipe_as_function(
        cls, function_name: str, cls_to_register: type, enable_df_api_tracing: bool = False
    ) -> None:
        """Make a class of data pipes a method of all: it is called with the pipe as its first argument.

        Raises:
            Exception: There is such a method already.
        """
        if function_name in cls.functions:
            raise Exception(
                f"Unable to add DataPipe function name {function_name} as it is already taken"
            )
        cls.functions[function_name] = cls_to_register

    def __repr__(self) -> str:
        return type(self).__qualname__

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *type(self).functions]


class IterDataPipe(_Chained, IterableDataset[T_co]):
    """A dataset that gives samples in turn: write ``__iter__``.

    An iterator stays usable when another one is made of the same pipe.

    Source: torch.utils.data.IterDataPipe

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(IterableWrapper(range(5)).map(lambda x: x * x).batch(2))
        [[0, 1], [4, 9], [16]]
    """

    functions: ClassVar[dict[str, Callable]] = {}


class MapDataPipe(_Chained, Dataset[T_co]):
    """A dataset that gives samples by index or key: write ``__getitem__`` and ``__len__``.

    Source: torch.utils.data.MapDataPipe
    """

    functions: ClassVar[dict[str, Callable]] = {}


class DataChunk(list):
    """The samples of a batch.

    Source: torch.utils.data.DataChunk
    """

    def __init__(self, items: Iterable[Any]) -> None:
        super().__init__(list(items))
        self.items = self

    def as_str(self, indent: str = "") -> str:
        """All of them as text, indented."""
        return indent + "[" + ", ".join(str(item) for item in self) + "]"

    def raw_iterator(self) -> Iterator[Any]:
        """The samples in turn."""
        return iter(self)


class functional_datapipe:
    """Decorator of a class of data pipes: it becomes a method of all pipes of its kind.

    Args:
        name: The method's name.

    Raises:
        TypeError: It is a class of something else.

    Source: torch.utils.data.functional_datapipe
    """

    def __init__(self, name: str, enable_df_api_tracing: bool = False) -> None:
        self.name = name

    def __call__(self, cls: type) -> type:
        for base in (IterDataPipe, MapDataPipe):
            if isinstance(cls, type) and issubclass(cls, base):
                base.register_datapipe_as_function(self.name, cls)
                return cls
        raise TypeError("`functional_datapipe` can only decorate IterDataPipe or MapDataPipe")
