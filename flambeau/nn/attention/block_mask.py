"""Which blocks of an attention matrix hold anything: BlockMask, and the functions that make one."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable
from typing import Any

from ... import (  # type: ignore[attr-defined]
    Tensor,
    arange,
    int8,
    int32,
    isneginf,
    ones,
    where,
    zeros,
)
from ... import bool as bool_  # type: ignore[attr-defined]
from ..._caller import warn
from ..functional import pad
from .score import changed

Mod = Callable[..., Any]
_DEFAULT_SPARSE_BLOCK_SIZE = 128


def noop_mask(batch: Any, head: Any, token_q: Any, token_kv: Any) -> Any:
    """The mask that hides nothing.

    Source: torch.nn.attention.flex_attention.noop_mask
    """
    return batch.new_ones(size=(), dtype=bool_)


def _sliced_mask_mod_error(batch: Any, head: Any, token_q: Any, token_kv: Any) -> Any:
    raise RuntimeError(
        "Cannot use mask_mod from a sliced BlockMask: its indices begin at 0 again. Set .mask_mod to a "
        "function of the slice's own indices"
    )


def _joined(mask_mods: tuple[Mod, ...], name: str, join: Callable, start: bool) -> Mod:
    if not all(callable(item) for item in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def mask(b: Any, h: Any, q_idx: Any, kv_idx: Any) -> Any:
        result = b.new_full((), start, dtype=bool_)
        for item in mask_mods:
            result = join(result, item(b, h, q_idx, kv_idx))
        return result

    mask.__name__ = mask.__qualname__ = name
    return mask


def or_masks(*mask_mods: Mod) -> Mod:
    """A mask_mod that shows what any of these shows.

    Raises:
        RuntimeError: One cannot be called.

    Source: torch.nn.attention.flex_attention.or_masks
    """
    return _joined(mask_mods, "or_mask", lambda a, b: a | b, False)


def and_masks(*mask_mods: Mod) -> Mod:
    """A mask_mod that shows what all of these show.

    Raises:
        RuntimeError: One cannot be called.

    Source: torch.nn.attention.flex_attention.and_masks
    """
    return _joined(mask_mods, "and_mask", lambda a, b: a & b, True)


def indices_of(batch: Any, heads: Any, queries: Any, keys: Any, device: Any) -> tuple[Tensor, ...]:
    """The four indices of scores, in shapes that broadcast; each is given by a number or a range."""
    found = []
    for place, span in enumerate((batch, heads, queries, keys)):
        x = arange(span, device=device) if isinstance(span, int) else span
        found.append(x.reshape(-1, *(1,) * (3 - place)))
    return tuple(found)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _takes_scores(function: Mod) -> bool:
    parameters = inspect.signature(function).parameters.values()
    count = sum(
        x.default is x.empty and x.kind in (x.POSITIONAL_ONLY, x.POSITIONAL_OR_KEYWORD)
        for x in parameters
    )
    if count not in (4, 5):
        raise AssertionError(f"Expected 4 or 5 positional args, got {count}")
    return count == 5


def create_mask(
    mod_fn: Mod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
) -> Tensor:
    """The whole mask (B, H, Q_LEN, KV_LEN) of a mask_mod, or of the scores that a score_mod makes -inf.

    Args:
        mod_fn: A function of (b, h, q_idx, kv_idx), or of (score, b, h, q_idx, kv_idx).
        B, H: None for one that serves all.

    Raises:
        AssertionError: The function takes another number of arguments.

    Source: torch.nn.attention.flex_attention.create_mask

    Example:
        >>> from flambeau.nn.attention.flex_attention import create_mask
        >>> create_mask(lambda b, h, q, kv: q >= kv, 1, 1, 2, 3)
        tensor([[[[ True, False, False],
                  [ True,  True, False]]]])
    """
    shape = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    indices = indices_of(*shape, device)
    scores = zeros(*shape, device=device)
    if _takes_scores(mod_fn):
        return ~isneginf(changed(mod_fn, None, scores, indices))
    seen = changed(None, mod_fn, scores, indices)
    return ~isneginf(seen)


def create_block_mask(
    mask_mod: Mod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
    separate_full_blocks: bool = True,
    compute_dq_write_order: bool = False,
    dq_kv_order: bool = True,
) -> BlockMask:
    """The blocks in which a mask_mod shows anything.

    Args:
        mask_mod: A function of (b, h, q_idx, kv_idx): True where a query sees a key.
        B, H: None for a mask that serves all.
        BLOCK_SIZE: Of queries and keys.
        separate_full_blocks: List blocks in which everything is seen for themselves.

    Raises:
        AssertionError: The function takes another number of arguments.
        NotImplementedError: compute_dq_write_order, which is a matter of a GPU's kernel.

    Source: torch.nn.attention.flex_attention.create_block_mask

    Example:
        >>> from flambeau.nn.attention.flex_attention import create_block_mask
        >>> create_block_mask(lambda b, h, q, kv: q >= kv, None, None, 512, 512).sparsity()
        37.5
    """
    if _takes_scores(mask_mod):
        raise AssertionError(
            f"create-block_mask requires a mask_mod function! Got {getattr(mask_mod, '__name__', mask_mod)}"
        )
    if compute_dq_write_order:
        raise NotImplementedError(
            "compute_dq_write_order=True orders the writes of a GPU's kernel; there are none here"
        )
    if _compile:
        warn("create_block_mask: _compile does nothing any more", DeprecationWarning)
    rows, columns = size = _pair(BLOCK_SIZE)
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    partial, full = _convert_mask_to_block_mask(mask, rows, columns, separate_full_blocks)
    lists = (
        *_dense_to_ordered(partial),
        *((None, None) if full is None else _dense_to_ordered(full)),
    )
    return BlockMask.from_kv_blocks(
        *lists, BLOCK_SIZE=size, mask_mod=mask_mod, seq_lengths=(Q_LEN, KV_LEN)
    )


def _convert_mask_to_block_mask(
    mask: Tensor,
    Q_BLOCK_SIZE: int = _DEFAULT_SPARSE_BLOCK_SIZE,
    KV_BLOCK_SIZE: int = _DEFAULT_SPARSE_BLOCK_SIZE,
    separate_full_blocks: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """A mask of elements as one of blocks in which some are seen, and one of blocks in which all are."""
    if mask.dtype is not bool_:
        raise AssertionError(f"mask.dtype must be torch.bool, got {mask.dtype}")
    mask = mask.reshape((1,) * (4 - mask.ndim) + tuple(mask.shape))
    mask = pad(mask, (0, -mask.shape[-1] % KV_BLOCK_SIZE, 0, -mask.shape[-2] % Q_BLOCK_SIZE))
    rows, columns = mask.shape[-2] // Q_BLOCK_SIZE, mask.shape[-1] // KV_BLOCK_SIZE
    blocks = mask.reshape(*mask.shape[:2], rows, Q_BLOCK_SIZE, columns, KV_BLOCK_SIZE)
    some = blocks.any(-1).any(-2)
    if not separate_full_blocks:
        return some.to(int8), None
    full = blocks.all(-1).all(-2)
    return (some & ~full).to(int8), full.to(int8)


def _dense_to_ordered(dense_mask: Tensor) -> tuple[Tensor, Tensor]:
    """For each row how many blocks there are, and their places, before those of all others."""
    counts = dense_mask.sum(-1)
    places = dense_mask.to(int32).argsort(dim=-1, descending=True, stable=True)
    return counts.to(int32).contiguous(), places.to(int32).contiguous()


def _ordered_to_dense(num_blocks_in_row: Tensor, col_indices: Tensor, num_cols: int) -> Tensor:
    """The opposite of `_dense_to_ordered`, of int32."""
    place = col_indices.device
    listed = arange(col_indices.shape[-1], device=place) < num_blocks_in_row.unsqueeze(-1)
    dense = zeros(*col_indices.shape[:-1], num_cols + 1, dtype=int32, device=place)
    places = where(listed, col_indices.long(), num_cols)  # what is not listed goes beyond the end
    return dense.scatter(-1, places, ones(*places.shape, dtype=int32, device=place))[
        ..., :num_cols
    ].contiguous()


def _transpose_ordered(num_blocks_in_row: Tensor, col_indices: Tensor) -> tuple[Tensor, Tensor]:
    dense = _ordered_to_dense(num_blocks_in_row, col_indices, col_indices.shape[-1])
    return _dense_to_ordered(dense.transpose(-2, -1))


class BlockMask:
    """The blocks of an attention matrix that hold anything, as lists a row of blocks.

    ``kv_indices[b, h, i, :kv_num_blocks[b, h, i]]`` are the blocks of keys that the block i of queries
    sees in part; the pair ``full_kv_...`` lists those that it sees wholly, and the pairs ``q_...`` the same
    from the keys' side.

    Source: torch.nn.attention.flex_attention.BlockMask

    Example:
        >>> from flambeau.nn.attention.flex_attention import create_block_mask
        >>> mask = create_block_mask(lambda b, h, q, kv: q >= kv, None, None, 256, 256)
        >>> mask.shape, mask.to_dense()
        ((1, 1, 256, 256), tensor([[[[1, 0],
                  [1, 1]]]], dtype=torch.int32))
    """

    _TENSOR_ATTRS = (
        *("kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices"),
        *("q_num_blocks", "q_indices", "full_q_num_blocks", "full_q_indices"),
    )
    _CONTEXT_ATTRS = ("seq_lengths", "BLOCK_SIZE", "mask_mod")

    def __init__(
        self,
        seq_lengths: tuple[int, int],
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None,
        full_kv_indices: Tensor | None,
        q_num_blocks: Tensor | None,
        q_indices: Tensor | None,
        full_q_num_blocks: Tensor | None,
        full_q_indices: Tensor | None,
        BLOCK_SIZE: tuple[int, int] = (_DEFAULT_SPARSE_BLOCK_SIZE, _DEFAULT_SPARSE_BLOCK_SIZE),
        mask_mod: Mod = noop_mask,
    ) -> None:
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        for numbers, places, name in (
            (full_kv_num_blocks, full_kv_indices, "full_kv"),
            (full_q_num_blocks, full_q_indices, "full_q"),
        ):
            if (numbers is None) != (places is None):
                raise AssertionError(
                    f"{name}_num_blocks and {name}_indices must be both provided or omitted"
                )
        self.seq_lengths, self.BLOCK_SIZE, self.mask_mod = seq_lengths, BLOCK_SIZE, mask_mod
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None = None,
        full_kv_indices: Tensor | None = None,
        BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
        mask_mod: Mod | None = None,
        seq_lengths: tuple[int, int] | None = None,
        compute_q_blocks: bool = True,
    ) -> BlockMask:
        """A mask from its lists of keys' blocks.

        Raises:
            RuntimeError: kv_indices has fewer than 2 dimensions.
            AssertionError: One of the full lists is given without the other.
        """
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError(
                "full_kv_num_blocks and full_kv_indices must be both provided or omitted"
            )
        size = _pair(BLOCK_SIZE)
        if seq_lengths is None:
            seq_lengths = (kv_indices.shape[-2] * size[0], kv_indices.shape[-1] * size[1])
        turned: list[Any] = [None] * 4
        if compute_q_blocks:
            turned[:2] = _transpose_ordered(kv_num_blocks, kv_indices)
            if full_kv_num_blocks is not None and full_kv_indices is not None:
                turned[2:] = _transpose_ordered(full_kv_num_blocks, full_kv_indices)
        lists: Any = (kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, *turned)
        queries, keys = seq_lengths
        return cls((queries, keys), *lists, BLOCK_SIZE=size, mask_mod=mask_mod or noop_mask)

    def as_tuple(self, flatten: bool = True) -> tuple:
        """All attributes."""
        lists = tuple(getattr(self, name) for name in self._TENSOR_ATTRS)
        if flatten:
            return (*self.seq_lengths, *lists, *self.BLOCK_SIZE, self.mask_mod)
        return (self.seq_lengths, *lists, self.BLOCK_SIZE, self.mask_mod)

    @property
    def shape(self) -> tuple[int, ...]:
        """(batch, heads, queries, keys)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self) -> int:
        """How many scores there are, seen or not."""
        return math.prod(self.shape)

    def sparsity(self) -> float:
        """Which share of the scores, in percent, is never computed."""
        blocks = self.kv_num_blocks.sum().item()
        if self.full_kv_num_blocks is not None:
            blocks += self.full_kv_num_blocks.sum().item()
        return 100 * (1 - blocks * math.prod(self.BLOCK_SIZE) / self.numel())

    def to_dense(self) -> Tensor:
        """1 for each block that holds anything."""
        dense = _ordered_to_dense(self.kv_num_blocks, self.kv_indices, self.kv_indices.shape[-1])
        if self.full_kv_num_blocks is not None and self.full_kv_indices is not None:
            columns = self.full_kv_indices.shape[-1]
            dense |= _ordered_to_dense(self.full_kv_num_blocks, self.full_kv_indices, columns)
        return dense

    def to(self, device: Any) -> BlockMask:
        """The mask on another device."""
        moved: Any = [getattr(self, name) for name in self._TENSOR_ATTRS]
        moved = [None if x is None else x.to(device) for x in moved]
        return type(self)(
            self.seq_lengths, *moved, BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=self.mask_mod
        )

    def __getitem__(self, index: Any) -> BlockMask:
        """The mask of some of the batch, heads and blocks of queries; an int keeps its dimension.

        Its mask_mod is gone, as that would count from 0 again: set another.
        """
        index = index if isinstance(index, tuple) else (index,)
        index = tuple(
            slice(i, i + 1 or None) if isinstance(i, int) and i < n else i
            for i, n in zip(index, self.kv_num_blocks.shape)
        )
        lists: Any = [getattr(self, name) for name in self._TENSOR_ATTRS[:4]]
        lists = [None if x is None else x[index] for x in lists]
        return BlockMask.from_kv_blocks(
            *lists,
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=_sliced_mask_mod_error,
            seq_lengths=self.seq_lengths,
            compute_q_blocks=self.q_indices is not None,
        )

    def _adjust(self, new_q_len: int, new_kv_len: int) -> BlockMask:
        """The mask of the first queries and keys."""
        rows = -(-new_q_len // self.BLOCK_SIZE[0])
        columns = -(-new_kv_len // self.BLOCK_SIZE[1])
        lists: list[Any] = []
        for numbers, places in (
            (self.kv_num_blocks, self.kv_indices),
            (self.full_kv_num_blocks, self.full_kv_indices),
        ):
            if numbers is None or places is None:
                lists += [None, None]
                continue
            dense = _ordered_to_dense(numbers, places, places.shape[-1])
            grown = pad(dense, (0, columns - dense.shape[-1], 0, rows - dense.shape[-2]))
            lists += _dense_to_ordered(grown)
        return BlockMask.from_kv_blocks(
            *lists,
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=self.mask_mod,
            seq_lengths=(new_q_len, new_kv_len),
            compute_q_blocks=self.q_indices is not None,
        )

    def to_string(self, grid_size: int | tuple[int, int] = (20, 20), limit: int = 4) -> str:
        """A picture a head, full, part and empty; at most `limit` of them.

        Args:
            grid_size: How many signs at most; -1 for one a block.
        """
        dense = self.to_dense()
        rows, columns = dense.shape[-2:]
        most = (grid_size, grid_size) if isinstance(grid_size, int) else grid_size
        steps = [1 if m < 0 else max(1, -(-n // m)) for n, m in zip((rows, columns), most)]
        pictures = []
        for number, place in enumerate(itertools.product(*map(range, dense.shape[:-2]))):
            if number == limit:
                pictures += [
                    "...",
                    "To print out more, set BlockMask.to_string(limit=N)",
                    "You can also index (BlockMask[batch, head]) to choose a specific batch or head",
                ]
                break
            pictures.append(f"{place}\n{_picture(dense[place], *steps)}")
        return "\n".join(pictures)

    def __str__(self) -> str:
        picture = self.to_string().strip()
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n{picture}\n)"

    def __repr__(self) -> str:
        lists = [getattr(self, name) for name in self._TENSOR_ATTRS]
        shapes = [
            f"    {name}={None if x is None else x.shape},"
            for name, x in zip(self._TENSOR_ATTRS, lists)
        ]
        return "\n".join(
            [
                "BlockMask(",
                *shapes,
                f"    BLOCK_SIZE={self.BLOCK_SIZE},",
                f"    shape={self.shape},",
                f"    sparsity={self.sparsity():.2f}%,",
                f"    mask_mod={getattr(self.mask_mod, '__name__', self.mask_mod)}",
                ")",
            ]
        )


def _picture(dense: Tensor, down: int, across: int) -> str:
    lines = []
    for r in range(0, dense.shape[0], down):
        shares = (
            dense[r : r + down, c : c + across].float().mean().item()
            for c in range(0, dense.shape[1], across)
        )
        signs = ("█" if share == 1 else "░" if share else " " for share in shares)
        lines.append("".join(2 * sign for sign in signs))
    return "\n".join(lines) + "\n"
