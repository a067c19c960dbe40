"""Sequences of different lengths: packed, or padded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ...core.dtype import CONVERSIONS
from ...core.tensor import Tensor


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences one after the other in time: all first elements, all second ones, ...

    Attributes:
        data: The elements.
        batch_sizes: How many sequences reach each time (int64, on the CPU).
        sorted_indices: The order, by length, in which the sequences are here.
        unsorted_indices: The way back.

    Source: torch.nn.utils.rnn.PackedSequence
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)  # type: ignore

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With the data converted or moved, and the orders where the data is."""
        return self._with(self.data.to(*args, **kwargs))

    def _with(self, data: Tensor) -> PackedSequence:
        if data is self.data:
            return self
        orders = (self.sorted_indices, self.unsorted_indices)
        moved = (None if x is None else x.to(data.device) for x in orders)  # type: ignore[attr-defined]
        return PackedSequence(data, self.batch_sizes, *moved)

    def __getattr__(self, name: str) -> Any:
        if name in CONVERSIONS or name in ("cpu", "cuda"):
            return lambda *args, **kwargs: self._with(getattr(self.data, name)(*args, **kwargs))
        raise AttributeError(f"'PackedSequence' object has no attribute {name!r}")

    @property
    def is_cuda(self) -> bool:
        """Is the data on a CUDA device?"""
        return self.data.device.type == "cuda"


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another one.

    Source: torch.nn.utils.rnn.invert_permutation
    """
    return None if permutation is None else permutation.argsort()  # type: ignore[attr-defined]


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack sequences that were padded to one length.

    Args:
        input: (time, batch, ...), or (batch, time, ...) with batch_first.
        lengths: Of each sequence.
        enforce_sorted: They come from the longest to the shortest; False: sort them.

    Raises:
        RuntimeError: A length is not positive, or they are not sorted.

    Source: torch.nn.utils.rnn.pack_padded_sequence
    """
    from ... import cat, tensor  # type: ignore[attr-defined]

    sizes = [int(n) for n in lengths]
    order = None
    if not enforce_sorted:
        order = tensor(sorted(range(len(sizes)), key=lambda i: -sizes[i]), device=input.device)
        sizes = [sizes[i] for i in order.tolist()]
        input = input.index_select(0 if batch_first else 1, order)  # type: ignore[attr-defined]
    if batch_first:
        input = input.transpose(0, 1)  # type: ignore[attr-defined]
    if not sizes or min(sizes) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is "
            "<= 0"
        )
    if len(sizes) != input.shape[1]:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} (batch_size="
            f"{input.shape[1]})"
        )
    if sizes != sorted(sizes, reverse=True):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can "
            "pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this "
            "requirement"
        )
    counts = [sum(n > t for n in sizes) for t in range(sizes[0])]
    parts = [input[t, :count] for t, count in enumerate(counts)]  # type: ignore[index]
    return PackedSequence(cat(parts), tensor(counts, device="cpu"), order, None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Unpack into one tensor, padded.

    Args:
        total_length: Pad to this, not to the longest one.

    Returns:
        (time, batch, ...), or (batch, time, ...), and the lengths.

    Raises:
        ValueError: total_length is below the longest one.

    Source: torch.nn.utils.rnn.pad_packed_sequence
    """
    from ... import full, stack, tensor  # type: ignore[attr-defined]

    counts = sequence.batch_sizes.tolist()  # type: ignore[attr-defined]
    length = len(counts)
    if total_length is not None:
        if total_length < length:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {length}"
            )
        length = total_length
    data, rows, start = sequence.data, [], 0
    blank = full((counts[0], *data.shape[1:]), padding_value, dtype=data.dtype, device=data.device)
    for t in range(length):
        count = counts[t] if t < len(counts) else 0
        rows.append(_filled(data[start : start + count], blank, count))  # type: ignore[index]
        start += count
    lengths = tensor([sum(count > i for count in counts) for i in range(counts[0])], device="cpu")
    padded = stack(rows)
    order = sequence.unsorted_indices
    if order is not None:
        padded, lengths = padded.index_select(1, order), lengths[order.cpu()]  # type: ignore[attr-defined]
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def _filled(rows: Tensor, blank: Tensor, count: int) -> Tensor:
    from ... import cat  # type: ignore[attr-defined]

    if count == blank.shape[0]:
        return rows
    return cat([rows, blank[count:]]) if count else blank  # type: ignore[index]


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of different lengths, padded to the longest.

    Args:
        sequences: (length, ...) each.
        batch_first: (batch, time, ...) instead of (time, batch, ...).
        padding_side: "right" or "left".

    Raises:
        RuntimeError: It is no list of tensors, or an unknown side.

    Source: torch.nn.utils.rnn.pad_sequence

    Example:
        >>> import flambeau as torch
        >>> parts = [torch.ones(2), torch.ones(1)]
        >>> torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
        tensor([[1., 1.],
                [1., 0.]])
    """
    from ... import full, stack  # type: ignore[attr-defined]

    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be either 'left' or 'right', but got {padding_side}"
        )
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    parts = list(sequences)
    longest = max(part.shape[0] for part in parts)
    rows = []
    for part in parts:
        blank = full(
            (longest, *part.shape[1:]), padding_value, dtype=part.dtype, device=part.device
        )
        missing = longest - part.shape[0]
        if padding_side == "right" or not missing:
            rows.append(_filled(part, blank, part.shape[0]))
        else:
            from ... import cat  # type: ignore[attr-defined]

            rows.append(cat([blank[:missing], part]))
    return stack(rows, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences without their padding.

    Source: torch.nn.utils.rnn.unpad_sequence
    """
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)  # type: ignore[attr-defined]
    return [row[: int(n)] for row, n in zip(padded_sequences, lengths)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of different lengths.

    Source: torch.nn.utils.rnn.pack_sequence
    """
    lengths = [part.shape[0] for part in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences again.

    Source: torch.nn.utils.rnn.unpack_sequence
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
