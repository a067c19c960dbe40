"""Data pipes; what the steps give is PyTorch 2.13.0's."""

import pytest

import flambeau as torch
from flambeau.utils.data import (
    DataChunk,
    DataLoader,
    IterDataPipe,
    MapDataPipe,
    functional_datapipe,
)
from flambeau.utils.data.datapipes.iter import IterableWrapper, Shuffler
from flambeau.utils.data.datapipes.map import SequenceWrapper


def pipe():
    return IterableWrapper(range(10))


def test_functions_of_samples():
    assert list(pipe().map(lambda x: x * 2).filter(lambda x: x % 4 == 0)) == [0, 4, 8, 12, 16]
    pairs = IterableWrapper([(1, 2), (3, 4)])
    assert list(pairs.map(lambda a: a + 1, input_col=0)) == [(2, 2), (4, 4)]
    assert list(pairs.map(lambda a, b: a + b, [0, 1], -1)) == [(1, 2, 3), (3, 4, 7)]
    assert list(pairs.map(lambda a, b: a + b, [0, 1], 1)) == [(1, 3), (3, 7)]
    assert list(pairs.map(lambda a, b: a + b, [0, 1])) == [(3,), (7,)]
    assert list(pairs.filter(lambda a: a > 1, input_col=0)) == [(3, 4)]
    assert list(IterableWrapper([{"a": 1}]).map(lambda a: a + 1, "a", "b")) == [{"a": 1, "b": 2}]


def test_batches():
    assert list(pipe().batch(3)) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert list(pipe().batch(3, drop_last=True)) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert (len(pipe().batch(3)), len(pipe().batch(3, drop_last=True))) == (4, 3)
    assert isinstance(next(iter(pipe().batch(3))), DataChunk)
    assert list(pipe().batch(2).batch(2).unbatch(-1)) == list(range(10))
    assert next(iter(pipe().batch(2).batch(2).unbatch())) == [0, 1]
    assert [x.tolist() for x in pipe().batch(4).collate()][2] == [8, 9]


def test_several_pipes():
    assert list(pipe().zip(pipe()))[-1] == (9, 9)
    assert list(pipe().concat(pipe()))[8:12] == [8, 9, 0, 1]
    assert list(pipe().mux(pipe()))[:4] == [0, 0, 1, 1]
    assert list(pipe().sharding_filter()) == list(range(10))


def test_shuffled_as_pytorch_shuffles():
    torch.manual_seed(0)
    assert list(pipe().shuffle()) == [3, 5, 0, 1, 9, 6, 2, 7, 4, 8]
    assert list(pipe().shuffle().set_seed(3)) == [3, 9, 2, 4, 7, 6, 0, 8, 1, 5]
    assert list(pipe().shuffle(buffer_size=3).set_seed(1)) == [0, 2, 3, 1, 5, 6, 8, 9, 4, 7]
    assert list(pipe().shuffle().set_shuffle(False)) == list(range(10))
    assert list(Shuffler(pipe().batch(5), unbatch_level=1).set_shuffle(False)) == list(range(10))


def test_pipes_by_index():
    numbers = SequenceWrapper([1, 2, 3])
    assert numbers.map(lambda x: x + 1)[1] == 3
    assert (list(numbers.batch(2)), len(numbers.batch(2))) == ([[1, 2], [3]], 2)
    assert list(numbers.concat(numbers)) == [1, 2, 3, 1, 2, 3]
    assert list(numbers.zip(numbers)) == [(1, 1), (2, 2), (3, 3)]
    assert [x.tolist() for x in DataLoader(numbers, batch_size=2)] == [[1, 2], [3]]


def plus_one(x):
    return x + 1


def test_loaders_take_pipes():
    loaded = DataLoader(pipe().map(plus_one), batch_size=4)
    assert [x.tolist() for x in loaded] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    shared = DataLoader(pipe().shuffle().sharding_filter(), batch_size=None, num_workers=2)
    assert sorted(int(x) for x in shared) == list(range(10))


def test_steps_of_ones_own():
    @functional_datapipe("raised_by")
    class Raised(IterDataPipe):
        def __init__(self, source, n):
            self.source, self.n = source, n

        def __iter__(self):
            return (x + self.n for x in self.source)

    try:
        assert list(pipe().map(plus_one).raised_by(n=2))[:2] == [3, 4]
        assert "raised_by" in dir(pipe())
        assert not hasattr(SequenceWrapper([1]), "raised_by")
        with pytest.raises(Exception, match="raised_by as it is already taken"):
            functional_datapipe("raised_by")(Raised)
    finally:
        del IterDataPipe.functions["raised_by"]
    with pytest.raises(TypeError, match="can only decorate"):
        functional_datapipe("other")(dict)


def test_originals_are_copied():
    original = [[1], [2]]
    assert next(iter(IterableWrapper(original))) is not original[0]
    assert next(iter(IterableWrapper(original, deepcopy=False))) is original[0]


def test_what_is_refused():
    with pytest.raises(AssertionError, match="larger than 0"):
        pipe().batch(0)
    with pytest.raises(AssertionError, match="buffer_size"):
        pipe().shuffle(buffer_size=0)
    with pytest.raises(TypeError, match="All inputs are required to be `IterDataPipe`"):
        pipe().zip(3)
    with pytest.raises(ValueError, match="Boolean output is required"):
        list(pipe().filter(lambda x: x))
    with pytest.raises(TypeError, match=r"has no len\(\)"):
        len(pipe().filter(bool))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = pipe().nothing
    assert issubclass(SequenceWrapper, MapDataPipe)
