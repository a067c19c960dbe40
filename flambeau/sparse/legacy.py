"""The old classes of sparse tensors, by which old programs make them: ``torch.sparse.FloatTensor(i, v, size)``."""

from __future__ import annotations

from typing import Any

from ..core.device import CPU
from ..core.kind import kind_of
from ..core.sparse import COO, SparseTensor, sparse_kind
from ..ops.create.constructor import LEGACY
from .constructor import sparse_coo_tensor


class sparsetype(type):
    """The class of the old classes: making one makes a tensor of coordinates.

    Example:
        >>> import flambeau as torch
        >>> torch.sparse.FloatTensor(torch.tensor([[1]]), torch.tensor([2.0]), torch.Size([2])).to_dense()
        tensor([0., 2.])
    """

    dtype: Any
    is_cuda, is_sparse = False, True
    layout = COO

    def __call__(cls, *args: Any) -> Any:
        if len(args) > 1 and not isinstance(args[0], int):
            if args[1].dtype is not cls.dtype:
                raise TypeError(
                    f"{cls.__name__}(): expected values of {cls.dtype}, and got {args[1].dtype}: use "
                    "torch.sparse_coo_tensor(indices, values, size)"
                )
            return sparse_coo_tensor(*args)
        sizes = args if args and isinstance(args[0], int) else (args or ((0,),))[0]
        return sparse_coo_tensor(sizes, dtype=cls.dtype)

    def __instancecheck__(cls, instance: object) -> bool:
        wanted = sparse_kind(kind_of(cls.dtype, CPU), COO)
        return isinstance(instance, SparseTensor) and instance._kind is wanted


globals().update(
    {
        name: sparsetype(name, (), {"dtype": dtype, "__module__": "torch.sparse"})
        for name, dtype in LEGACY.items()
        if name.endswith("Tensor")
    }
)
