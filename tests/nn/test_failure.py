"""Exceptions that leave a model say which module they came from."""

import copy
import pickle
import traceback

import pytest

import flambeau as torch
from flambeau import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(20, 4))])

    def forward(self, x):
        return self.blocks[0](x)


class Net(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.encoder = inner

    def forward(self, x, **options):
        return self.encoder(x)


class Raising(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, *args, **kwargs):
        raise self.error


def notes(call, kind=Exception):
    with pytest.raises(kind) as caught:
        call()
    return list(getattr(caught.value, "__notes__", ()))


LINEAR = "Linear(in_features=20, out_features=4, bias=True), input float32 [2, 16]"


def test_the_path_begins_at_the_module_that_was_called():
    net = Net(Encoder())
    x = torch.zeros(2, 8)
    assert notes(lambda: net(x), RuntimeError) == [f"in encoder.blocks.0.2: {LINEAR}"]
    assert notes(lambda: net.encoder(x)) == [f"in blocks.0.2: {LINEAR}"]
    assert notes(lambda: net.encoder.blocks[0](x)) == [f"in 2: {LINEAR}"]
    assert notes(lambda: net.encoder.blocks[0][2](torch.zeros(2, 16))) == [f"in {LINEAR}"]


def test_message_and_frames_stay_as_they_were():
    with pytest.raises(RuntimeError, match="cannot be multiplied") as caught:
        Net(Encoder())(torch.zeros(2, 8))
    assert "in encoder" not in str(caught.value)
    text = "".join(traceback.format_exception(caught.value))
    assert text.rstrip().endswith(f"in encoder.blocks.0.2: {LINEAR}")
    assert "note_call" not in text


def test_with_hooks():
    net = Net(Encoder())
    net.encoder.register_forward_pre_hook(lambda module, args: None)
    net.encoder.blocks[0].register_forward_hook(lambda *_: None, always_call=True)
    assert notes(lambda: net(torch.zeros(2, 8))) == [f"in encoder.blocks.0.2: {LINEAR}"]

    def hook(module, args):
        raise KeyError("hook")

    net.encoder.register_forward_pre_hook(hook)
    found = notes(lambda: net(torch.zeros(2, 8)), KeyError)
    assert found == ["in encoder: Encoder, input float32 [2, 8]"]


def test_functional_call():
    net = Net(Encoder())
    state = dict(net.named_parameters())
    found = notes(lambda: torch.func.functional_call(net, state, torch.zeros(2, 8)))
    assert found == [f"in encoder.blocks.0.2: {LINEAR}"]


def test_what_was_given():
    module = Raising(ValueError("mine"))

    def call():
        return module(
            torch.zeros(2, dtype=torch.int64), None, (torch.zeros(()), 3), mask=[torch.ones(1)] * 9
        )

    one = "float32 [1]"
    assert notes(call, ValueError) == [
        f"in Raising, inputs int64 [2], None, (float32 [], 3), mask=[{one}, {one}, {one}, {one}, ...]"
    ]
    assert notes(lambda: Raising(ValueError())()) == ["in Raising"]


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration, KeyboardInterrupt, SystemExit])
def test_control_flow_has_no_note(kind):
    assert notes(lambda: Net(Raising(kind()))(torch.zeros(1)), kind) == []


def test_own_notes_stay():
    error = ValueError("mine")
    error.add_note("a note of the user's")
    found = notes(lambda: Net(Raising(error))(torch.zeros(1)))
    assert found == ["a note of the user's", "in encoder: Raising, input float32 [1]"]


def test_a_module_that_is_no_submodule():
    hidden = Raising(ValueError())

    class Outer(nn.Module):
        def forward(self, x):
            return hidden(x)

    found = notes(lambda: Net(Outer())(torch.zeros(1)))
    assert found == ["in Raising, input float32 [1]"]


def test_a_failing_description_does_not_hide_the_error():
    class Shy(Raising):
        def extra_repr(self):
            raise RuntimeError("no")

    assert notes(lambda: Shy(ValueError("mine"))(1), ValueError) == []


def test_an_exception_that_was_handled_inside():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Raising(ValueError())

        def forward(self, x):
            try:
                self.inner(x)
            except ValueError:
                return x + 1

    assert Careful()(torch.zeros(1)).item() == 1


def test_notes_travel_without_the_model():
    with pytest.raises(RuntimeError) as caught:
        Net(Encoder())(torch.zeros(2, 8))
    for made in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert made.__notes__ == [f"in encoder.blocks.0.2: {LINEAR}"]
    assert type(pickle.loads(pickle.dumps(caught.value.__notes__[0]))) is str
