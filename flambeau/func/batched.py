"""What a mapped function sees: tensors that stand for a sample each, and hold the whole batch.

A `Batched` has the shape, dtype and strides of one sample; its `physical` value has the batch as dimension 0.
While `vmap` runs a function, a `Mapping` is the innermost mode: every call of a public function with a batched
tensor goes to it. It asks the function's rule (see `rule`), which runs the function once on whole batches; a
function without one is run on each sample, and the results are stacked. Mappings nest as modes do: what one hands
on, the next one outside sees.

Derivatives are taken of the physical values, whose samples do not depend on each other: so the gradient of the
sum over a batch holds the gradients of all samples. What a transform inside differentiates is therefore spread
over the batch first (`Mapping.spread`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.handler import entered
from ..core.handler import state as handlers
from ..core.random.default import Snapshot
from ..core.tensor import Tensor, become, wrap
from ..dispatch.registry import NAMESPACES
from ..dispatch.torch_function import guards
from . import rule, rule_layer, rule_shape  # noqa: F401 (the last two add rules)
from .tree import leaves, mapped, rebuild, spread

RANDOM_ERROR = (
    "vmap: called random operation while in randomness error mode. Please either use the "
    "'same' or 'different' randomness flags on vmap or perform the randomness operation out "
    "of vmap"
)
_DYNAMIC = (
    "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over "
    "aten::{}: the results of the samples would have different shapes."
)
_INPLACE = (
    "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in "
    "extra_args that has more elements than `self`. This happened due to `other` being vmapped over but `self` not "
    "being vmapped over in a vmap: {}() would write all samples into one. Please use an out-of-place operator, or "
    "make `self` of a mapped argument (x.new_zeros(...))."
)


class Batched(Tensor):
    """One sample of a batch, as the mapped function sees it.

    Attributes:
        physical: The batch, along dimension 0: a tensor, or a sample of another mapping.
        mapping: The mapping that it is of.
        sample: A plain tensor of one sample, which knows what all have in common.
    """

    physical: Tensor
    mapping: Mapping
    sample: Tensor

    @property
    def _array(self) -> Any:  # type: ignore[override]
        raise AttributeError(  # which formulas take for an operand that handles functions
            "vmap: a function without a guard was called with a sample of a vmap, whose values it cannot read: "
            "please use public functions of torch inside of vmap"
        )

    @property
    def _node(self) -> Any:  # type: ignore[override]
        return self.physical._node

    @_node.setter
    def _node(self, history: Any) -> None:
        self.physical._node = history

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        found = rule.of(func)
        if found is rule.metadata or found is rule.shown:
            return found(args[0].mapping, func, args, kwargs or {})
        raise RuntimeError(
            "a tensor that a mapped function saw was used after its vmap: return it from the function instead"
        )


def like(pattern: Tensor, value: Tensor) -> Tensor:
    """A physical value as what `pattern` is: a sample of the same mappings."""
    if not isinstance(pattern, Batched):
        return value
    return batched(like(pattern.physical, value), pattern.mapping)


def physical(x: Tensor) -> Tensor:
    """The tensor of all samples, of all mappings."""
    while isinstance(x, Batched):
        x = x.physical
    return x


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """The batch that a sample of a vmap stands for, to look at while searching an error: not to compute with.

    Args:
        tensor: A sample, or any tensor, which is given as it is.
        recurse: Unwrap the samples of all mappings, and not the innermost's alone?

    Source: torch.func.debug_unwrap

    Example:
        >>> import flambeau as torch
        >>> def look(x):
        ...     print(tuple(x.shape), tuple(torch.func.debug_unwrap(x).shape))
        ...     return x
        >>> _ = torch.vmap(look)(torch.ones(3, 2))
        (2,) (3, 2)
    """
    if not isinstance(tensor, Batched):
        return tensor
    return physical(tensor) if recurse else tensor.physical


def batched(value: Tensor, mapping: Mapping) -> Tensor:
    """The sample that a value with the batch as dimension 0 stands for."""
    array, kind = (value.sample if isinstance(value, Batched) else value)._array, value._kind
    sample = array[0] if len(array) else kind.xp.zeros(array.shape[1:], kind.numpy)
    if isinstance(sample, np.generic):  # NumPy gives numbers for single elements
        sample = array[:1].reshape(())
    made = become(wrap(sample, kind), Batched)
    made.physical, made.mapping, made.sample = value, mapping, wrap(sample, kind)
    return made


def current() -> Mapping | None:
    """The mapping in force; None outside of `vmap`."""
    mode = handlers.modes[-1] if handlers.modes else None
    return mode if isinstance(mode, Mapping) else None


def lifted(function: Callable, *tensors: Tensor) -> Any:
    """A function of tensors of one batch size, on the physical values of samples; inside of no vmap, itself."""
    mapping = current()
    if mapping is None:
        return function(*tensors)
    values = [mapping.spread(x) for x in tensors]
    with mapping.aside():
        return batched(lifted(function, *values), mapping)


@contextmanager
def unmapped() -> Iterator[None]:
    """No mapping is in force: what is computed is of physical values."""
    before = handlers.modes
    handlers.modes = tuple([mode for mode in before if not isinstance(mode, Mapping)])
    try:
        yield
    finally:
        handlers.modes = before


class Mapping:
    """The mode of one vmap.

    Args:
        size: How many samples there are.
        randomness: "error", "different" or "same".
    """

    def __init__(self, size: int, randomness: str):
        self.size, self.randomness = size, randomness
        self.after: Any = None

    def __enter__(self) -> Mapping:
        guards.enable()
        entered.append(self)
        handlers.modes = (*handlers.modes, self)
        return self

    def __exit__(self, *exception: object) -> None:
        handlers.modes = handlers.modes[:-1]
        entered.remove(self)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is entered outside of this mapping alone is in force."""
        before = handlers.modes
        if self in before:  # not while it answers a call, nor when it is left
            handlers.modes = before[: before.index(self)]
        try:
            yield
        finally:
            handlers.modes = before

    # ------------------------------------------------------------------------------ its tensors

    def has(self, x: Any) -> bool:
        """Is it a sample of this mapping?"""
        return x.__class__ is Batched and x.mapping is self

    def any(self, tree: Any) -> bool:
        return any(map(self.has, leaves(tree)))

    def value(self, x: Any) -> Any:
        """The batch that a sample stands for; what is none as it is."""
        return x.physical if self.has(x) else x

    def spread(self, x: Tensor) -> Tensor:
        """The batch of a sample, or the same for all samples."""
        if self.has(x):
            return x.physical  # type: ignore[attr-defined]
        with self.aside():
            return x.expand((self.size, *x.shape))  # type: ignore[attr-defined]

    def wrap(self, tree: Any) -> Any:
        """Samples of all tensors in a nesting of batches."""
        return mapped(lambda x: batched(x, self) if isinstance(x, Tensor) else x, tree)

    # --------------------------------------------------------------------------------- its calls

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not self.any((args, kwargs)):
            return self.unbatched(func, args, kwargs)
        found = rule.of(func)
        if found is not None:
            result = found(self, func, args, kwargs)
            if result is not NotImplemented:
                return result
        return self.one_by_one(func, args, kwargs)

    def unbatched(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        """A call without samples: only random draws have to do with the mapping."""
        name = func.__name__
        if name not in rule.RANDOM:
            return func(*args, **kwargs)
        if self.randomness == "different" and self.size:
            if name.endswith("_"):
                raise RuntimeError(
                    "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear "
                    "like same randomness. Use an out-of-place function instead."
                )
            results = [func(*args, **kwargs) for _ in range(self.size)]
            return self.stacked(name, results)
        return self.drawn(func, args, kwargs)

    def drawn(self, func: Callable, args: Any, kwargs: Any) -> Any:
        """A call that may draw random numbers.

        Raises:
            RuntimeError: It did, and random draws are errors.
        """
        if self.randomness != "error":
            return func(*args, **kwargs)
        before = Snapshot()
        result = func(*args, **kwargs)
        if not before.is_current():
            before.restore()
            raise RuntimeError(RANDOM_ERROR)
        return result

    def one_by_one(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        """The function on each sample; their results stacked. What is no tensor is the same for all."""
        name = func.__name__
        flat, tree = leaves((args, kwargs)), (args, kwargs)
        if rule.writes(func):
            if not self.has(args[0]):
                raise RuntimeError(_INPLACE.format(name))
            for given, named in self.samples(flat, tree):
                self.run(func, given, named)
            return args[0]
        results = []
        for given, named in self.samples(flat, tree):
            result = self.run(func, given, named)
            if not any(isinstance(x, Tensor) for x in leaves(result)):
                return result
            results.append(result)
        return self.stacked(name, results) if results else self.of_nothing(func, flat, tree)

    def run(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        if func.__name__ not in rule.RANDOM:
            return func(*args, **kwargs)
        if self.randomness == "same":
            before = Snapshot()
            result = func(*args, **kwargs)
            self.after = Snapshot()
            before.restore()
            return result
        return self.drawn(func, args, kwargs)

    def samples(self, flat: Sequence[Any], tree: Any) -> Iterator[Any]:
        """The arguments of each sample."""
        self.after = None
        for i in range(self.size):
            yield rebuild(tree, [x.physical.select(0, i) if self.has(x) else x for x in flat])
        if self.after is not None:  # all drew the same numbers; who draws next draws others
            self.after.restore()

    def stacked(self, name: str, results: list[Any]) -> Any:
        """Samples of the results of all, which are nested alike."""
        columns = zip(*map(leaves, results))
        return rebuild(results[0], [self._column(name, column) for column in columns])

    def _column(self, name: str, column: Sequence[Any]) -> Any:
        first = column[0]
        if not isinstance(first, Tensor):
            return first
        if any(x.shape != first.shape for x in column):
            raise RuntimeError(_DYNAMIC.format(name))
        return batched(NAMESPACES["torch"]["stack"](list(column)), self)

    def of_nothing(self, func: Callable, flat: Sequence[Any], tree: Any) -> Any:
        """An empty batch: the shapes come from a sample of zeros."""
        sample = [x.physical.new_zeros(x.physical.shape[1:]) if self.has(x) else x for x in flat]
        args, kwargs = rebuild(tree, sample)
        result = func(*args, **kwargs)
        return mapped(
            lambda x: batched(x.new_zeros((0, *x.shape)), self) if isinstance(x, Tensor) else x,
            result,
        )

    def by_dims(self, result: Any, dims: Any) -> Any:
        """Samples of values whose batch is the dimension that `dims` says; None: the same for all."""
        places = spread(dims, result, lambda: ValueError("out_dims do not fit the outputs"))
        parts = [
            x if dim is None or not isinstance(x, Tensor) else batched(x.movedim(dim, 0), self)  # type: ignore[attr-defined]
            for x, dim in zip(leaves(result), places)
        ]
        return rebuild(result, parts)

    # ---------------------------------------------------------------------------- what has no guard

    def around(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """A call of a function that is no public one of the registry: `autograd.grad`, `Function.apply`."""
        with self.aside():
            if not self.any((args, kwargs)):
                return function(*args, **kwargs)
            found = rule.AROUND.get(function.__name__)
            if found is not None:
                return found(self, function, args, kwargs)
            return self.one_by_one(function, args, kwargs)
