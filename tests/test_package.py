"""The package as such: versions, metadata, and what importing it costs."""

import importlib.util
import operator
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest

import flambeau
from flambeau import _version, environment, version
from flambeau.torch_version import TorchVersion

ROOT = Path(__file__).parent.parent
HEAVY = ("llvmlite", "safetensors", "tqdm", "cupy", "scipy", "sklearn", "matplotlib")
RARE = ("multiprocessing", "argparse", "importlib.metadata", "subprocess", "flambeau.compat")

# PEP 440's own order, from the least to the greatest.
ORDERED = (
    *("1.13.1", "2.0.dev20230101", "2.0.0a0+git1234", "2.0a1", "2.0b2", "2.0rc1", "2.0.0"),
    *("2.0.0+cpu", "2.0.0+cu118", "2.0.0+5", "2.0.0.post1", "2.0.1", "2.4", "2.13.0", "10.0"),
)


def test_version_says_whose_api_and_whose_code():
    assert flambeau.__version__ == "2.14.1+flambeau." + _version.__version__
    assert isinstance(flambeau.__version__, str)
    assert version.__version__ == str(flambeau.__version__)
    assert version.flambeau == _version.__version__
    assert version.cuda is None


@pytest.mark.parametrize(
    "check",
    [
        lambda v: tuple(int(part) for part in v.split(".")[:2]) >= (2, 0),
        lambda v: [int(part) for part in v.split("+")[0].split(".")] == [2, 14, 1],
        lambda v: v >= "2.4" and v > (1, 13) and v < "3" and not v < "2.14.1",
        lambda v: v.startswith("2."),
        lambda v: int(v[0]) == 2,
        lambda v: hash(v) == hash(str(v)) and {str(v): 1}[v] == 1,
    ],
)
def test_version_checks_of_programs_pass(check):
    assert check(flambeau.__version__)


def test_versions_sort_by_pep_440():
    for i, low in enumerate(ORDERED):
        assert TorchVersion(low) == low
        for high in ORDERED[i + 1 :]:
            assert TorchVersion(low) < high, (low, high)
            assert TorchVersion(high) > low, (low, high)


# What torch 2.13.0+cpu answers for its own version.
@pytest.mark.parametrize(
    ("other", "answers"),
    [
        ("2.13.0", "ne ge gt"),
        ("2.13", "ne ge gt"),
        ("2.13.0+cpu", "eq ge le"),
        ("2.12", "ne ge gt"),
        ("3", "ne lt le"),
        ((2, 13), "ne ge gt"),
        ((2, 14), "ne lt le"),
        ("not a version", "ne lt le"),
    ],
)
def test_version_comparisons_answer_as_torchs(other, answers):
    names = ("eq", "ne", "lt", "le", "gt", "ge")
    true = {n for n in names if getattr(operator, n)(TorchVersion("2.13.0+cpu"), other)}
    assert true == set(answers.split())


@pytest.mark.parametrize("other", [1, 2.0, None])
def test_version_does_not_compare_with_numbers(other):
    assert TorchVersion("2.13.0") != other
    with pytest.raises(TypeError):
        assert TorchVersion("2.13.0") < other


def test_import_loads_nothing_heavy_or_rare():
    program = "import sys, numpy\nbefore = set(sys.modules)\nimport flambeau\n"
    program += "print(*sorted(set(sys.modules) - before))"
    command = [sys.executable, "-W", "error", "-c", program]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert "flambeau" in loaded
    assert not [n for n in loaded if n.startswith(tuple(f"{h}." for h in HEAVY)) or n in HEAVY]
    assert not [n for n in loaded if n in RARE]


def test_the_package_is_marked_as_typed():
    assert (resources.files("flambeau") / "py.typed").is_file()


def test_report_says_none_yet_only_as_long_as_it_is_true():
    lines = {tuple(line.split()) for line in environment.report().splitlines()}
    kernels = importlib.util.find_spec("flambeau.kernels") is not None
    assert (("kernels", "none", "yet", "(NumPy", "evaluation)") in lines) is not kernels
    assert ("flambeau", "no", "device", '"cuda"') in lines or flambeau.cuda.is_available()


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="not a checkout")
def test_pyproject_requires_what_the_report_lists():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {entry.partition(">=")[0] for entry in project["dependencies"]}
    assert required == set(environment._LIBRARIES)
    for name in required:
        assert metadata.version(name)
