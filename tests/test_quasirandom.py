"""SobolEngine: PyTorch's points, bit for bit."""

import pytest

import flambeau as torch

SobolEngine = torch.quasirandom.SobolEngine


def summary(x):
    values = x.double().flatten()
    return values[:5].tolist(), values.sum().item()


def test_points():
    engine = SobolEngine(5)
    assert engine.draw().tolist() == [[0.0] * 5]
    assert summary(engine.draw(3)) == ([0.5] * 5, 7.5)
    assert summary(engine.draw(7, dtype=torch.float64)) == (
        [0.375, 0.375, 0.625, 0.875, 0.375],
        17.5625,
    )
    engine.fast_forward(6)
    assert summary(engine.draw(2)) == ([0.59375, 0.96875, 0.96875, 0.15625, 0.78125], 6.1875)
    engine.reset()
    engine.fast_forward(3)
    assert summary(engine.draw(4)) == ([0.25, 0.75, 0.75, 0.75, 0.25], 11.375)
    engine.reset()
    assert summary(engine.draw_base2(3)) == ([0.0] * 5, 17.5)


def test_scrambled_points():
    engine = SobolEngine(7, scramble=True, seed=1234)
    first, total = summary(engine.draw(9))
    assert first[:2] == [0.20314396917819977, 0.42122986912727356]
    assert total == 30.332500390708447
    engine.fast_forward(5)
    first, total = summary(engine.draw(2, dtype=torch.float64))
    assert (first[0], total) == (0.9600123194977641, 6.985137750394642)
    assert repr(engine) == "SobolEngine(dimension=7, scramble=True, seed=1234)"
    assert engine.shift.sum().item() == 2895272920
    assert engine.sobolstate[:, :4].sum().item() == 17610691296
    torch.manual_seed(3)
    first, total = summary(SobolEngine(3, True).draw(4))
    assert (first[0], total) == (0.06846512854099274, 6.151942431926727)


def test_all_dimensions():
    engine = SobolEngine(21201)
    last = engine.draw(40)[-1, ::991]
    assert summary(last) == ([0.171875, 0.546875, 0.265625, 0.328125, 0.046875], 8.0)
    assert engine.sobolstate[::499, ::5].sum().item() == 131604707696


def test_out_and_what_is_refused():
    out = torch.empty(0)
    engine = SobolEngine(2)
    assert engine.draw(4, out=out) is out
    assert out.tolist() == [[0.0, 0.0], [0.5, 0.5], [0.75, 0.25], [0.25, 0.75]]
    with pytest.raises(ValueError, match=r"n=4\+2\*\*3=12"):
        engine.draw_base2(3)
    for dimension in (0, 21202):
        with pytest.raises(ValueError, match="Supported range"):
            SobolEngine(dimension)
