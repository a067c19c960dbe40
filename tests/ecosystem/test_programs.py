"""Programs that use other people's packages run unmodified, and give the numbers that PyTorch gave.

Each program is a process of its own, as its users would start it. The packages are those of
requirements.txt beside this file; what is not installed is skipped, for that reason and no other.
"""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ecosystem import program

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", program.PROGRAMS)
def test_program(name, tmp_path):
    absent = program.absent(name)
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)} (tests/ecosystem/requirements.txt)")
    found = program.read(run(program.PROGRAMS[name], tmp_path))
    expected = program.recorded(name)
    assert found.keys() == expected.keys()
    wrong = [
        f"{key}: {fault}"
        for key, entry in expected.items()
        for fault in differences(found[key]["value"], entry["value"], entry["rtol"])
    ]
    assert not wrong, "\n".join(wrong)


def run(path: Path, folder: Path) -> str:
    """What the program prints when it runs in an empty folder."""
    places = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(folder / "hub"),
    }
    command = [sys.executable, "-m", "flambeau", "run", str(path)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    return done.stdout


def differences(found, expected, rtol, place=""):
    """Where two results differ by more than `rtol` of the largest number beside it."""
    if type(found) is not type(expected):
        yield f"{place or 'value'}: {found!r} instead of {expected!r}"
    elif isinstance(expected, dict):
        if found.keys() != expected.keys():
            yield f"{place}: {sorted(found)} instead of {sorted(expected)}"
        for key in found.keys() & expected.keys():
            yield from differences(found[key], expected[key], rtol, f"{place}.{key}")
    elif isinstance(expected, list):
        yield from list_differences(found, expected, rtol, place)
    elif isinstance(expected, float):
        if not is_close(found, expected, rtol * abs(expected)):
            yield f"{place or 'value'}: {found!r} instead of {expected!r}"
    elif found != expected:
        yield f"{place or 'value'}: {found!r} instead of {expected!r}"


def list_differences(found, expected, rtol, place):
    if len(found) != len(expected):
        yield f"{place}: {len(found)} elements instead of {len(expected)}"
        return
    numbers = [abs(x) for x in expected if isinstance(x, float) and math.isfinite(x)]
    margin = rtol * max(numbers, default=0.0)
    for index, (one, other) in enumerate(zip(found, expected, strict=True)):
        if isinstance(one, float) and isinstance(other, float):
            if not is_close(one, other, margin):
                yield f"{place}[{index}]: {one!r} instead of {other!r}"
        else:
            yield from differences(one, other, rtol, f"{place}[{index}]")


def is_close(found: float, expected: float, margin: float) -> bool:
    return (
        found == expected
        or abs(found - expected) <= margin
        or (found != found and expected != expected)
    )


def test_a_wrong_number_is_seen():
    expected = {"losses": [1.0, 0.5], "ids": [3, 4], "text": "a"}
    assert not list(differences(expected, expected, 1e-5))
    assert list(differences({**expected, "losses": [1.0, 0.5001]}, expected, 1e-5))
    assert list(differences({**expected, "losses": [1.0]}, expected, 1e-5))
    assert list(differences({**expected, "losses": [math.nan, 0.5]}, expected, 1e-5))
    assert list(differences({**expected, "ids": [3, 5]}, expected, 1e-5))
    assert list(differences({**expected, "text": "b"}, expected, 1e-5))


def test_every_program_has_numbers_of_pytorch():
    kept = {path.stem for path in (program.FOLDER / "numbers").glob("*.json")}
    assert kept == set(program.PROGRAMS)
    assert all(map(program.recorded, program.PROGRAMS))
