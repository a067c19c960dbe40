"""DistributedSampler: each process takes its own share of a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ...core.device import CPU
from .sampler import Sampler


class DistributedSampler(Sampler[int]):
    """Every num_replicas-th index, beginning with rank, of an order that all processes share.

    Args:
        dataset: What has a length.
        num_replicas, rank: How many processes there are, and which this one is; None asks the group of all.
        shuffle: A random order, another one each epoch (see `set_epoch`).
        seed: Of the order; the same in all processes.
        drop_last: Leave out what does not divide evenly, instead of taking some twice.

    Raises:
        ValueError: The rank is not below num_replicas; or they are not given, and there is no group to ask.

    Source: torch.utils.data.DistributedSampler
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            from ... import distributed
        if num_replicas is None:
            num_replicas = distributed.get_world_size()
        if rank is None:
            rank = distributed.get_rank()
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.epoch, self.drop_last, self.shuffle, self.seed = 0, drop_last, shuffle, seed
        share = len(dataset) / num_replicas
        self.num_samples = math.floor(share) if drop_last else math.ceil(share)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        from ... import Generator, randperm  # type: ignore[attr-defined]

        count = len(self.dataset)
        indices = list(range(count))
        if self.shuffle:
            generator = Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = randperm(count, generator=generator, device=CPU).tolist()
        missing = self.total_size - count
        if missing > 0:
            indices += (indices * math.ceil(missing / count))[:missing]
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Another order for another epoch."""
        self.epoch = epoch
