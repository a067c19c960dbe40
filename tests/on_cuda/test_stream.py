"""Streams and events of CUDA, by the names of torch.cuda and by those of all devices."""

from __future__ import annotations

import pytest

import flambeau as torch

cuda = torch.cuda
several = pytest.mark.skipif(cuda.device_count() < 2, reason="there is one GPU")


def test_work_goes_to_the_stream_of_the_block() -> None:
    default, stream = cuda.default_stream(), cuda.Stream()
    assert cuda.current_stream() == default
    assert default.cuda_stream == 0
    assert stream.cuda_stream != 0
    with cuda.stream(stream):
        assert cuda.current_stream() == stream == torch.accelerator.current_stream()
        with cuda.stream(default), cuda.stream(None):
            assert cuda.current_stream() == default
        assert cuda.current_stream() == stream
        x = torch.ones(3, device="cuda") * 2
    assert cuda.current_stream() == default
    default.wait_stream(stream)
    stream.synchronize()
    assert stream.query()
    assert x.tolist() == [2, 2, 2]
    with stream as entered:
        assert entered is stream
        assert cuda.current_stream() == stream
    cuda.set_stream(stream)
    try:
        assert cuda.current_stream() == stream
    finally:
        cuda.set_stream(default)


def test_streams_are_known_by_what_they_are() -> None:
    stream = cuda.Stream(priority=-1)
    assert stream.priority == -1
    assert isinstance(stream, torch.Stream)
    assert stream.device == torch.device("cuda:0")
    assert (stream.device_type, stream.device_index) == (1, 0)
    assert repr(stream) == f"<torch.cuda.Stream device=cuda:0 cuda_stream={stream.cuda_stream:#x}>"
    for same in (
        cuda.ExternalStream(stream.cuda_stream),
        cuda.get_stream_from_external(stream.cuda_stream, "cuda:0"),
        cuda.Stream(stream_id=stream.stream_id, device_index=0, device_type=1),
        torch.Stream(stream_id=stream.stream_id, device_index=0, device_type=1),
    ):
        assert same == stream
        assert hash(same) == hash(stream)
    assert stream != cuda.Stream()
    assert stream.__cuda_stream__() == (0, stream.native_handle)
    assert torch.Stream("cpu") != cuda.default_stream()


def test_events() -> None:
    first, last = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    assert first.query()
    assert repr(first) == "<torch.cuda.Event uninitialized>"
    with pytest.raises(RuntimeError, match="must be recorded before"):
        first.elapsed_time(last)
    first.record()
    torch.ones(10, device="cuda") + 1
    last.record(cuda.current_stream())
    last.synchronize()
    assert first.elapsed_time(last) >= 0
    with pytest.raises(RuntimeError, match="enable_timing=True"):
        first.elapsed_time(cuda.current_stream().record_event())
    assert repr(first) == f"<torch.cuda.Event {first.cuda_event:#x}>"
    last.wait(cuda.Stream())
    with pytest.raises(NotImplementedError, match="external"):
        cuda.Event(external=True)
    with pytest.raises(NotImplementedError, match="between processes"):
        first.ipc_handle()


def test_streams_and_events_of_the_accelerator() -> None:
    stream, event = torch.Stream(), torch.Event(enable_timing=True)
    assert stream.device == event.device == torch.device("cuda:0")
    assert repr(stream) == (
        f"torch.Stream device_type=cuda, device_index=0, stream_id={stream.stream_id}"
    )
    assert stream.record_event(event) is event
    with stream:
        assert torch.accelerator.current_stream() == stream
    torch.accelerator.set_stream(stream)
    assert cuda.current_stream() == stream
    torch.accelerator.set_stream(cuda.default_stream())
    torch.Event("cpu").wait(stream)
    torch.accelerator.synchronize()


@several
def test_each_device_has_a_stream_of_its_own() -> None:
    there = cuda.Stream(1)
    with cuda.stream(there):
        assert cuda.current_device() == 1
        assert cuda.current_stream() == there
        assert cuda.current_stream(0) == cuda.default_stream(0)
        assert torch.ones(1, device="cuda").device.index == 1
    assert cuda.current_device() == 0
    assert cuda.current_stream(1) == cuda.default_stream(1)
    event = there.record_event()
    with pytest.raises(RuntimeError, match="device 1 does not match recording stream's device 0"):
        event.record(cuda.current_stream(0))
    cuda.current_stream(0).wait_event(event)
