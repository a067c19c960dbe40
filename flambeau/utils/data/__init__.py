"""Datasets, samplers and the loader."""

from importlib import import_module
from typing import Any

from .collate import default_collate, default_convert
from .dataloader import DataLoader
from .dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from .distributed import DistributedSampler
from .sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from .worker import get_worker_info

_STEPS = ("DataChunk", "IterDataPipe", "MapDataPipe", "functional_datapipe")


def __getattr__(name: str) -> Any:
    """Data pipes load when they are asked for."""
    if name in _STEPS:
        return getattr(import_module(".datapipes.datapipe", __name__), name)
    if name == "datapipes":
        return import_module(".datapipes", __name__)
    raise AttributeError(f"module 'torch.utils.data' has no attribute '{name}'", name=name)
