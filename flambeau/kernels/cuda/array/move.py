"""Elements on their way between memory and registers, as words without meaning: kernels that move know sizes only."""

from __future__ import annotations

from ...llvm import Value
from ..thread import Thread

Words = list[Value]


class Item:
    """Elements of so many bytes, 1 to 16, a power of two.

    Attributes:
        word: LLVM's type of a word of one, of at most 64 bits.
        words: How many words an element has.
        element: LLVM's type for steps between elements.
    """

    def __init__(self, size: int):
        self.size = size
        self.word, self.words = f"i{8 * min(size, 8)}", max(1, size // 8)
        self.element = self.word if self.words == 1 else f"[{self.words} x {self.word}]"

    def fetch(
        self, code: Thread, base: Value, at: Value, count: int = 1, along: bool = True
    ) -> Words:
        """The words of `count` neighbours; or, where there is one element for them all, of that so many times."""
        place = code.at(base, self.element, at)
        if not along:
            return self.fetch(code, base, at) * count
        number = count * self.words
        if number == 1:
            return [code.load(place, self.word)]
        return code.several(place, self.word, number, align=self._align(count))

    def put(self, code: Thread, words: Words, base: Value, at: Value) -> None:
        """Store the words of neighbours."""
        place = code.at(base, self.element, at)
        if len(words) == 1:
            code.store(words[0], place)
        else:
            code.several(place, self.word, len(words), words, self._align(len(words) // self.words))

    def _align(self, count: int) -> int:
        """A pack is a multiple of its own size; one element only of its words'."""
        return min(16, count * self.size) if count > 1 else min(8, self.size)


SIZES = (1, 2, 4, 8, 16)
"""Bytes of the elements that kernels move."""
