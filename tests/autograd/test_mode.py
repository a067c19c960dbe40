"""Modes: recording on and off, in each thread, as contexts, decorators and functions."""

from __future__ import annotations

import threading

import pytest

import flambeau as torch


def records() -> bool:
    return (torch.ones(1, requires_grad=True) * 2).requires_grad


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (torch.no_grad, False),
        (torch.enable_grad, True),
        (lambda: torch.set_grad_enabled(False), False),
        (lambda: torch.set_grad_enabled(True), True),
        (torch.inference_mode, False),
        (lambda: torch.inference_mode(False), True),
    ],
)
def test_blocks_decorators_and_what_is_left_behind(block, expected) -> None:
    with block():
        assert (records(), torch.is_grad_enabled()) == (expected, expected)
    assert records()
    decorated = block()(records)
    assert (decorated(), decorated.__name__, records()) == (expected, "records", True)
    with torch.no_grad():
        with block():
            assert records() == expected
        assert not records()


@pytest.mark.parametrize("block", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_decorators_need_no_parentheses(block) -> None:
    assert block(records)() == (block is torch.enable_grad)


def test_an_error_ends_the_block() -> None:
    with pytest.raises(KeyError), torch.no_grad():
        raise KeyError
    assert torch.is_grad_enabled()


def test_set_grad_enabled_acts_at_once() -> None:
    torch.set_grad_enabled(False)
    try:
        assert not records()
    finally:
        torch.set_grad_enabled(True)
    assert records()


def test_one_object_can_be_entered_again() -> None:
    block = torch.no_grad()
    with block, torch.enable_grad(), block:
        assert not records()
    assert records()


def test_each_thread_has_its_own_modes() -> None:
    seen = []

    def look() -> None:
        seen.append((records(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()))
        torch.set_grad_enabled(False)

    with torch.no_grad(), torch.autograd.set_detect_anomaly(True):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert not records()
    assert seen == [(True, False, False)]
    assert records()


def test_classes_are_not_decorated() -> None:
    with pytest.raises(TypeError, match="decorate its __init__ or methods"):
        torch.no_grad()(threading.Thread)


def test_generators_hold_the_mode_only_while_they_run() -> None:
    @torch.no_grad()
    def stream():
        got = yield records()
        try:
            yield (records(), got)
        except KeyError:
            yield records()
        return records()

    run = stream()
    assert (next(run), records(), run.send(5), records()) == (False, True, (False, 5), True)
    assert run.throw(KeyError()) is False
    with pytest.raises(StopIteration) as stop:
        next(run)
    assert stop.value.value is False
    stream().close()
    assert records()
