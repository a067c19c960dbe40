"""Every example runs, for a few steps, and gets better at what it does."""

import math
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
# Steps after which the last values are surely below the first, and how far below.
STEPS = {
    "actor_critic": (60, 0.9),
    "burgers": (30, 0.9),
    "char_rnn": (25, 0.9),
    "clusters": (6, 1.0),
    "gaussian_process": (25, 0.9),
    "grad_cam": (40, 0.9),
    "language_model": (50, 0.9),
    "maml": (30, 1.0),
    "neural_ode": (25, 0.9),
    "resnet": (30, 0.9),
    "vae": (200, 0.95),
    "wgan_gp": (300, 1.0),
}


def test_every_example_is_tested():
    assert {path.stem for path in FOLDER.glob("*.py")} - {"digits"} == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_example(name, capsys):
    steps, factor = STEPS[name]
    values = runpy.run_path(str(FOLDER / f"{name}.py"))["main"](steps)
    assert all(map(math.isfinite, values))
    assert min(values[-3:]) < factor * max(values[:2])
    assert capsys.readouterr().out.strip()
