"""The sides of comparisons: flambeau with kernels or without, or on a GPU; or PyTorch where it is installed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, MutableMapping
from importlib import import_module
from typing import Any

import numpy as np

from .arguments import DType
from .operand import BFLOAT16, Operand


class Side:
    """A library that speaks PyTorch's interface.

    Attributes:
        module: The package.
        blocks: The memory of the operands of the case that runs, by the id of the operand.
    """

    blocks: MutableMapping[int, np.ndarray]

    def __init__(self, name: str):
        self.module = import_module(name)
        self.blocks = {}
        self.native = name == "flambeau"

    def function(self, path: str) -> Callable:
        found: Any = self.module
        for name in path.split("."):
            found = getattr(found, name)
        return found

    def value(self, item: Any) -> Any:
        """An argument as the library takes it."""
        if isinstance(item, Operand):
            return self.tensor(item)
        if isinstance(item, DType):
            return getattr(self.module, item.name)
        if isinstance(item, (tuple, list)):
            return type(item)(self.value(x) for x in item)
        if isinstance(item, slice):
            return item
        return item

    def tensor(self, operand: Operand) -> Any:
        block = self.blocks.setdefault(id(operand), operand.block.copy())
        array = operand.within(block)
        return self._wrapped(array) if self.native else self._converted(block, operand)

    def _wrapped(self, array: np.ndarray) -> Any:
        from flambeau.core.tensor import wrap

        kind = self.module.zeros((), dtype=getattr(self.module, array.dtype.name))._kind
        return wrap(array, kind)

    def _converted(self, block: np.ndarray, operand: Operand) -> Any:
        if block.dtype == BFLOAT16:
            flat = self.module.from_numpy(block.view(np.int16)).view(self.module.bfloat16)
        else:
            flat = self.module.from_numpy(block)
        if any(s < 0 for s in operand.strides):
            return self._converted(block[:0], operand) if False else self._solid(block, operand)
        return flat.as_strided(operand.shape, operand.strides, operand.offset)

    def _solid(self, block: np.ndarray, operand: Operand) -> Any:
        array = operand.within(block).copy()
        if array.dtype == BFLOAT16:
            return self.module.from_numpy(array.view(np.int16)).view(self.module.bfloat16)
        return self.module.from_numpy(array)

    def array(self, tensor: Any) -> np.ndarray:
        """The elements of a tensor, copied."""
        tensor = tensor.detach().resolve_conj().resolve_neg()
        if tensor.layout is not self.module.strided:
            tensor = tensor.to_dense()
        if self.native:
            return np.array(tensor._array)
        if tensor.dtype == self.module.bfloat16:
            return tensor.contiguous().view(self.module.int16).numpy().view(BFLOAT16).copy()
        return np.array(tensor.numpy())

    def arrays(self, result: Any) -> list[Any]:
        """All tensors of a result as arrays; what is no tensor stays, or is shown."""
        if isinstance(result, self.module.Tensor):
            return [self.array(result)]
        if isinstance(result, (tuple, list)) and type(result).__name__ != "Size":
            return [x for item in result for x in self.arrays(item)]
        if isinstance(result, np.ndarray):
            return [result.copy()]
        if isinstance(result, (bool, int, float, complex, type(None))):
            return [result]
        return [str(result).replace("torch.", "").replace("flambeau.", "")]

    def start(self, seed: int) -> None:
        self.blocks.clear()
        self.module.manual_seed(seed % (1 << 31))
        warnings.simplefilter("ignore")


class Blocks(MutableMapping[int, np.ndarray]):
    """Blocks of memory on a GPU, which are seen as copies."""

    def __init__(self, module: Any):
        self.module = module
        self.tensors: dict[int, Any] = {}

    def __getitem__(self, key: int) -> np.ndarray:
        found = self.tensors[key].cpu()._array
        return np.array(found)

    def __setitem__(self, key: int, block: np.ndarray) -> None:
        kind = self.module.zeros((), device="cpu", dtype=getattr(self.module, block.dtype.name))
        from flambeau.core.tensor import wrap

        self.tensors[key] = wrap(block, kind._kind).cuda()

    def __delitem__(self, key: int) -> None:
        del self.tensors[key]

    def __iter__(self) -> Iterator[int]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


class OnCuda(Side):
    """flambeau, with operands on a GPU or in the simulator, and what names no device made there."""

    blocks: Blocks

    def __init__(self) -> None:
        super().__init__("flambeau")
        self.module.set_default_device("cuda")
        self.blocks = Blocks(self.module)

    def tensor(self, operand: Operand) -> Any:
        from flambeau.core.tensor import wrap

        if id(operand) not in self.blocks.tensors:
            self.blocks[id(operand)] = operand.block
        flat = self.blocks.tensors[id(operand)]
        size = flat._array.itemsize
        strides = tuple(s * size for s in operand.strides)
        lib = flat._kind.xp.lib.stride_tricks
        array = lib.as_strided(flat._array[operand.offset :], operand.shape, strides)
        return wrap(array, flat._kind)

    def array(self, tensor: Any) -> np.ndarray:
        return super().array(tensor.detach().cpu())


def side(name: str) -> Side:
    """The side of a library's name, or "cuda"."""
    return OnCuda() if name == "cuda" else Side(name)
