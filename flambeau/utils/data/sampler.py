"""Samplers: in which order a loader takes the samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ...core.device import CPU
from ...core.device import device as Device

T_co = TypeVar("T_co", covariant=True)


def place_of(generator: Any) -> Device:
    """Where orders are drawn: on a generator's device, else on the CPU, whatever the default device is."""
    return CPU if generator is None else generator.device


class Sampler(Generic[T_co]):
    """Base class: write ``__iter__``, which gives indices.

    Source: torch.utils.data.Sampler
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError("a Sampler gives indices: write __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ...

    Source: torch.utils.data.SequentialSampler
    """

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """A random order, or draws with replacement.

    Source: torch.utils.data.RandomSampler
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        if num_samples is None and not len(data_source):
            num_samples = 0
        if num_samples is not None and (not isinstance(num_samples, int) or num_samples <= 0):
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={num_samples}"
            )
        self.data_source, self.replacement = data_source, replacement
        self._num_samples, self.generator = num_samples, generator

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        from ... import Generator, empty, randint, randperm  # type: ignore[attr-defined]

        n, generator = len(self.data_source), self.generator
        if generator is None:
            generator = Generator()
            seed = empty((), dtype=_int64(), device=CPU).random_()
            generator.manual_seed(int(seed.item()))
        options = {"generator": generator, "device": place_of(generator)}
        # a given generator is as far on afterwards as PyTorch's: what remains is drawn even where it is nothing
        if self.replacement:
            for count in (*[32] * (self.num_samples // 32), self.num_samples % 32):
                yield from randint(0, n, (count,), dtype=_int64(), **options).tolist()
            return
        for count in (*[n] * (self.num_samples // n), self.num_samples % n):
            if count or self.generator is not None:
                yield from randperm(n, **options).tolist()[:count]

    def __len__(self) -> int:
        return self.num_samples


def _int64() -> Any:
    from ...core.dtype import int64

    return int64


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    Source: torch.utils.data.SubsetRandomSampler
    """

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        from ... import randperm  # type: ignore[attr-defined]

        place = place_of(self.generator)
        order = randperm(len(self.indices), generator=self.generator, device=place).tolist()
        return (self.indices[i] for i in order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with probabilities in proportion to weights.

    Args:
        weights: Of each sample.
        num_samples: How many to draw.
        replacement: May one be drawn twice?
        generator: For the draws.

    Raises:
        ValueError: The weights are no sequence of numbers, or another option is out of range.

    Source: torch.utils.data.WeightedRandomSampler
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ) -> None:
        from ... import as_tensor, float64  # type: ignore[attr-defined]

        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={num_samples}"
            )
        if not isinstance(replacement, bool):
            raise ValueError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        table = as_tensor(weights, dtype=float64, device=getattr(weights, "device", CPU))
        if table.ndim != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(table.shape)}"
            )
        self.weights, self.num_samples = table, num_samples
        self.replacement, self.generator = replacement, generator

    def __iter__(self) -> Iterator[int]:
        from ... import multinomial  # type: ignore[attr-defined]

        generator = self.generator
        weights = self.weights if generator is None else self.weights.to(generator.device)
        drawn = multinomial(weights, self.num_samples, self.replacement, generator=generator)
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices of another sampler.

    Source: torch.utils.data.BatchSampler
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(
                f"batch_size should be a positive integer value, but got batch_size={batch_size}"
            )
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
