"""Embedding layers."""

from __future__ import annotations

from typing import Any

from .. import Tensor, empty  # type: ignore[attr-defined]
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class _Table(Module):
    """A table of rows, some of which are shrunk when looked up, one of which may be padding."""

    padding_idx: int | None

    def _setup(
        self, rows: int, size: int, padding: int | None, weight: Any, frozen: bool, **where: Any
    ) -> None:
        self.num_embeddings, self.embedding_dim = rows, size
        if padding is not None:
            if not -rows <= padding < rows:
                raise AssertionError(
                    f"{'P' if padding >= 0 else 'p'}adding_idx must be within num_embeddings"
                )
            padding %= rows
        self.padding_idx = padding
        if weight is None:
            table = empty((rows, size), **where)
            self.weight = Parameter(table, requires_grad=not frozen)
            self.reset_parameters()
            return
        if list(weight.shape) != [rows, size]:
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        self.weight = Parameter(weight, requires_grad=not frozen)

    def reset_parameters(self) -> None:
        """Draw new values: standard normal, zeros in the padding row."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0  # type: ignore[attr-defined]


def _optional(layer: Any, *names: tuple[str, Any]) -> str:
    """The options that differ from the usual, for repr."""
    return "".join(
        f", {name}={getattr(layer, name)}" for name, usual in names if getattr(layer, name) != usual
    )


class Embedding(_Table):
    """Rows of a table, picked by index.

    Args:
        num_embeddings, embedding_dim: Rows, and their size.
        padding_idx: A row that begins with zeros and is not trained.
        max_norm, norm_type, scale_grad_by_freq, sparse: As for nn.functional.embedding.

    Shape: indices (...) give (..., embedding_dim).

    Raises:
        AssertionError: padding_idx is no row.

    Source: torch.nn.Embedding
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Any = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self._setup(
            num_embeddings,
            embedding_dim,
            padding_idx,
            _weight,
            _freeze,
            device=device,
            dtype=dtype,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A layer with the given table.

        Args:
            freeze: Do not train it.
        """
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, size = embeddings.shape
        return cls(
            rows,
            size,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        more = (("padding_idx", None), ("max_norm", None), ("norm_type", 2))
        flags = (("scale_grad_by_freq", False), ("sparse", False))
        sparse = ", sparse=True" if self.sparse else ""
        shown = _optional(self, *more, flags[0])
        return f"{self.num_embeddings}, {self.embedding_dim}{shown}{sparse}"


class EmbeddingBag(_Table):
    """Sums, means or maxima of the rows in each bag of indices.

    Args:
        num_embeddings, embedding_dim: Rows, and their size.
        mode: "sum", "mean" or "max".
        max_norm, norm_type, scale_grad_by_freq, sparse, include_last_offset, padding_idx: As for
            nn.functional.embedding_bag.

    Raises:
        AssertionError: padding_idx is no row.

    Source: torch.nn.EmbeddingBag
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Any = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.mode, self.include_last_offset = mode, include_last_offset
        self._setup(
            num_embeddings, embedding_dim, padding_idx, _weight, False, device=device, dtype=dtype
        )

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, **options: Any
    ) -> EmbeddingBag:
        """A layer with the given table.

        Args:
            freeze: Do not train it.
            options: Of the constructor.
        """
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        made = cls(*embeddings.shape, _weight=embeddings, **options)
        made.weight.requires_grad = not freeze
        return made

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Any = None
    ) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        more = (("max_norm", None), ("norm_type", 2), ("scale_grad_by_freq", False))
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return (
            f"{self.num_embeddings}, {self.embedding_dim}{_optional(self, *more)}, "
            f"mode={self.mode!r}{padding}"
        )
