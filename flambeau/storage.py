"""torch.storage: the classes of storages."""

from .core.storage import TypedStorage, UntypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]
