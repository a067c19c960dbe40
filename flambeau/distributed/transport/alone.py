"""The group of one process: everything is there already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..kinds import ReduceOp


class Alone:
    """Carries nothing, for a group with one member."""

    rank, size = 0, 1
    name = "alone"
    xp, takes_devices = np, False

    def ends(self, number: int, what: str, timeout: float) -> tuple[int, int]:
        """Nobody is waited for."""
        return number, number

    def broadcast(self, array: np.ndarray, root: int) -> None:
        """The array is there."""

    def reduce(self, array: np.ndarray, op: ReduceOp, root: int | None) -> None:
        """The sum of one array is that array; a factor counts."""
        from .arrays import multiplied

        multiplied(array, op)

    def all_gather(self, parts: np.ndarray, array: np.ndarray) -> None:
        parts[0] = array

    def gather(self, parts: np.ndarray | None, array: np.ndarray, root: int) -> None:
        assert parts is not None
        parts[0] = array

    def scatter(self, array: np.ndarray, parts: np.ndarray | None, root: int) -> None:
        assert parts is not None
        array[...] = parts[0]

    def reduce_scatter(self, array: np.ndarray, parts: np.ndarray, op: ReduceOp) -> None:
        array[...] = parts[0]
        self.reduce(array, op, None)

    def all_to_all(
        self, received: np.ndarray, sent: np.ndarray, counts: Sequence[int], given: Sequence[int]
    ) -> None:
        received[...] = sent

    def split(self, ranks: Sequence[int], name: str) -> Alone:
        return Alone()

    def send(self, array: np.ndarray, to: int, tag: int) -> Any:
        raise ValueError("Invalid destination rank: a group of one process has nobody to send to")

    def receive(self, array: np.ndarray, source: int | None, tag: int) -> Any:
        raise ValueError("Invalid source rank: a group of one process has nobody to receive from")
