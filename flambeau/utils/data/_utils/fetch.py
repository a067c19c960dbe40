"""torch.utils.data._utils.fetch: what makes batches of a dataset."""

from ..fetch import Fetcher as _MapDatasetFetcher
from ..fetch import IterableFetcher as _IterableDatasetFetcher

_BaseDatasetFetcher = _MapDatasetFetcher
__all__ = ["_BaseDatasetFetcher", "_IterableDatasetFetcher", "_MapDatasetFetcher"]
