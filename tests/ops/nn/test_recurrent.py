"""Recurrent networks as functions; numbers recorded from PyTorch 2.14.1."""

import pytest

import flambeau as torch


def made(*shape):
    return (torch.arange(1, 1 + torch.Size(shape).numel()).reshape(shape) % 7 - 3) / 10.0


X, H, C = made(3, 2, 2), made(2, 2, 2) * 0.5, made(2, 2, 2)
LSTM = [made(8, 2), made(8, 2) / 2, made(8), made(8) * 0.5]
GRU = [made(6, 2), made(6, 2) / 2, made(6), made(6) * 0.5]
RNN = [made(2, 2), made(2, 2) / 2]


def assert_is(x, *numbers):
    torch.testing.assert_close(x.flatten(), torch.tensor(numbers), rtol=1e-5, atol=1e-6)


def test_lstm_in_both_directions():
    params = [
        *(made(8, 2) / 2, made(8, 2), made(8), made(8) * 0.5),
        *(made(8, 2), made(8, 2) / 2, made(8), made(8) * 0.5),
    ]
    output, h, c = torch.lstm(X, (H, C), params, True, 1, 0.0, False, True, False)
    assert output.shape == (3, 2, 4)
    assert_is(output[0, 0], 0.01490333, 0.05358481, 0.09157122, 0.1708943)
    assert_is(h[0], 0.07258932, 0.1437766, 0.08096639, 0.1541934)
    assert_is(c[1], 0.2460357, 0.4165288, 0.1866267, 0.328563)


def test_gru_with_time_or_batch_first():
    output, h = torch.gru(X, H[:1], GRU, True, 1, 0.0, False, False, False)
    assert_is(output[2], 0.194608, 0.3106965, 0.207356, 0.3270627)
    assert_is(h, 0.194608, 0.3106965, 0.207356, 0.3270627)
    output, _ = torch.gru(made(2, 3, 2), H[:1], GRU, True, 1, 0.0, False, False, True)
    assert_is(output[1], 0.1414083, 0.1545744, 0.1924842, 0.2472056, 0.2067374, 0.3279982)


def test_plain_networks_without_biases_and_packed():
    output, _ = torch.rnn_tanh(X, H[:1], RNN, False, 1, 0.0, False, False, False)
    assert_is(output[2], 0.02607307, 0.001468328, -0.0470417, 0.01902907)
    sizes = torch.tensor([2, 2, 1])
    output, h = torch.rnn_relu(made(5, 2), sizes, H[:1], RNN, False, 1, 0.0, False, False)
    assert_is(output[2:], 0.0, 0.03, 0.079375, 0.0, 0.0185, 0.0015)
    assert_is(h, 0.0185, 0.0015, 0.079375, 0.0)


def test_single_steps():
    h, c = torch.lstm_cell(X[0], (H[0], C[0]), made(8, 2) / 2, made(8, 2), made(8), made(8) * 0.5)
    assert_is(h, 0.01490332, 0.05358481, 0.04687872, 0.1064212)
    assert_is(c, 0.03900798, 0.1230057, 0.1232587, 0.2570331)
    assert_is(torch.gru_cell(X[0], H[0], *GRU), 0.08796065, 0.1091105, 0.1165827, 0.2015311)
    assert_is(
        torch.rnn_tanh_cell(X[0], H[0], *RNN), 0.06241876, -0.01249935, -0.01249935, 0.01249935
    )
    assert_is(torch.rnn_relu_cell(X[0], H[0], *RNN), 0.0625, 0.0, 0.0, 0.0125)


def test_gradients_reach_the_weights():
    weights = [w.double().requires_grad_() for w in LSTM]
    x, h, c = X.double(), H[:1].double(), C[:1].double()

    def last(*weights):
        return torch.lstm(x, (h, c), list(weights), True, 1, 0.0, False, False, False)[0]

    assert torch.autograd.gradcheck(last, weights)


def test_a_row_that_a_mask_left_nothing_of():
    scores = torch.tensor([[-float("inf")] * 2, [0.0, 1.0]])
    assert_is(torch._safe_softmax(scores, -1), 0.0, 0.0, 0.2689414, 0.7310586)
    assert torch._safe_softmax(scores, 1, torch.float64).dtype is torch.float64


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn_tanh", "lstm_cell"])
def test_modes_see_one_function(name):
    from flambeau.overrides import TorchFunctionMode

    seen = []

    class Noting(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    layers = {
        "lstm": torch.nn.LSTM(2, 3),
        "gru": torch.nn.GRU(2, 3),
        "rnn_tanh": torch.nn.RNN(2, 3),
        "lstm_cell": torch.nn.LSTMCell(2, 3),
    }
    with Noting():
        layers[name](X[0] if name == "lstm_cell" else X)
    assert getattr(torch, name) in seen
    assert torch.nn.functional.linear not in seen
