"""Programs as tutorials have them run unmodified, and print what they printed with PyTorch.

They need nothing beside flambeau and NumPy. `outputs/` holds what PyTorch printed:
``python tests/ecosystem/record_tutorials.py`` in an environment that has it.
"""

import math
import re
from pathlib import Path

import pytest

from tests.ecosystem.test_programs import run

FOLDER = Path(__file__).parent
TUTORIALS = {path.stem: path for path in sorted(FOLDER.glob("tutorials/*.py"))}
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:e[-+]?\d+)?")


@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorial(name, tmp_path):
    found = run(TUTORIALS[name], tmp_path)
    expected = (FOLDER / "outputs" / f"{name}.txt").read_text()
    assert words(found) == words(expected)
    pairs = zip(numbers(found), numbers(expected), strict=True)
    wrong = [(x, y) for x, y in pairs if not math.isclose(x, y, rel_tol=2e-3, abs_tol=2e-4)]
    assert not wrong, f"{wrong}\n{found}"


def words(text):
    """What is no number; spaces depend on the widths of numbers."""
    return NUMBER.sub("#", text).split()


def numbers(text):
    return [float(number) for number in NUMBER.findall(text)]


def test_a_wrong_output_is_seen():
    assert words("step 1, loss -0.5e-3") == words("step 2,  loss 7.") == ["step", "#,", "loss", "#"]
    assert numbers("step 1, loss -0.5e-3") == [1.0, -0.0005]
    assert words("tensor([1.])") != words("tensor(1.)")


def test_every_tutorial_has_an_output():
    assert {path.stem for path in (FOLDER / "outputs").glob("*.txt")} == set(TUTORIALS)
