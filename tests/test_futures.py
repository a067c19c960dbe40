"""Futures: values, exceptions, callbacks."""

from __future__ import annotations

import logging
import threading

import pytest

import flambeau as torch
from flambeau.futures import Future, collect_all, wait_all


def done(value: object) -> Future:
    future: Future = Future()
    future.set_result(value)
    return future


def test_a_value_is_waited_for() -> None:
    future: Future = torch.futures.Future(devices=[])
    assert not future.done()
    with pytest.raises(RuntimeError, match="not completed"):
        future.value()
    timer = threading.Timer(0.05, future.set_result, (3,))
    timer.start()
    assert future.wait() == 3
    assert future.done()
    assert future.value() == 3
    with pytest.raises(RuntimeError, match="completed Future as complete again"):
        future.set_result(4)


def test_an_exception_is_raised_by_who_waits() -> None:
    future: Future = Future()
    with pytest.raises(AssertionError, match="3 is of type <class 'int'>, not an Exception"):
        future.set_exception(3)  # type: ignore[arg-type]
    future.set_exception(ValueError("foo"))
    for ask in (future.wait, future.value):
        with pytest.raises(ValueError, match="foo"):
            ask()


def test_callbacks(caplog: pytest.LogCaptureFixture) -> None:
    future: Future = Future()
    seen: list[object] = []
    future.add_done_callback(lambda f: seen.append(f.value()))
    chained = future.then(lambda f: f.value() + 1).then(lambda f: f.value() * 10)
    failing = future.then(lambda f: 1 / 0)
    future.set_result(1)
    assert (seen, chained.wait()) == ([1], 20)
    assert failing.done()
    with pytest.raises(RuntimeError, match="running the callback: ZeroDivisionError"):
        failing.wait()
    with caplog.at_level(logging.ERROR):
        future.add_done_callback(lambda f: 1 / 0)
    assert "ZeroDivisionError" in caplog.text
    with pytest.raises(TypeError, match="callable"):
        future.then(3)  # type: ignore[arg-type]


def test_several() -> None:
    first, second = done(1), Future()
    both = collect_all([first, second])
    assert not both.done()
    second.set_result(2)
    assert [f.wait() for f in both.wait()] == [1, 2]
    assert wait_all([first, second]) == [1, 2]
    assert collect_all([]).wait() == []
    failed: Future = Future()
    failed.set_exception(ValueError("foo"))
    with pytest.raises(ValueError, match="foo"):
        wait_all([first, failed])
