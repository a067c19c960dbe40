"""The compiler's cache: whose folder it trusts, damaged files, concurrent processes, the switch."""

import os
import stat
import subprocess
import sys

import pytest

from flambeau import kernels
from flambeau.kernels.llvm import processor

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")

PROGRAM = """
import flambeau as torch
x = torch.arange(5.) * 2 + 1
print(x.exp().sum().item())
from flambeau.kernels.runtime.process import machine
print(machine().compiled, machine().loaded)
"""


def run(folder, program: str = PROGRAM, **variables: str) -> list[str]:
    environment = {**os.environ, "FLAMBEAU_CACHE_DIR": str(folder), **variables}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return result.stdout.split()


def test_the_second_process_compiles_nothing(tmp_path):
    folder = tmp_path / "cache"
    value, compiled, loaded = run(folder)
    assert float(value) == pytest.approx(9370.6, rel=1e-4)
    assert int(compiled) > 0
    assert loaded == "0"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert run(folder) == [value, "0", compiled]


@pytest.mark.parametrize("damage", ["truncated", "changed", "swapped", "empty"])
def test_a_damaged_file_is_compiled_again(tmp_path, damage):
    value, compiled, _ = run(tmp_path)
    files = sorted(tmp_path.glob("*.o"))
    contents = [file.read_bytes() for file in files]
    for i, (file, content) in enumerate(zip(files, contents)):
        file.write_bytes(
            {
                "truncated": content[: len(content) // 2],
                "changed": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
                "swapped": contents[i - 1],
                "empty": b"",
            }[damage]
        )
    assert run(tmp_path) == [value, compiled, "0"]
    assert run(tmp_path) == [value, "0", compiled]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
def test_a_folder_that_others_can_write_is_not_used(tmp_path):
    tmp_path.chmod(0o777)
    _, compiled, loaded = run(tmp_path)
    assert (int(compiled) > 0, loaded) == (True, "0")
    assert not list(tmp_path.iterdir())
    code = PROGRAM.replace(
        "import flambeau", "import warnings; warnings.simplefilter('always')\nimport flambeau"
    )
    environment = {**os.environ, "FLAMBEAU_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "can be written by others" in said.stderr


def test_a_folder_that_cannot_be_made_only_costs_time(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    _, compiled, loaded = run(file / "below")
    assert (int(compiled) > 0, loaded) == (True, "0")


def test_several_processes_at_once(tmp_path):
    environment = {**os.environ, "FLAMBEAU_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM]
    several = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    values = {process.communicate()[0].split()[0] for process in several}
    assert [process.returncode for process in several] == [0] * 4
    assert len(values) == 1
    assert not list(tmp_path.glob("*.part"))


NO_HOME = """
import pathlib, warnings
warnings.simplefilter("error")
def home(*_): raise RuntimeError("Could not determine home directory.")
pathlib.Path.home = classmethod(home)
import flambeau as torch
from flambeau import environment
print(torch.exp(torch.zeros(100000)).sum().item())
print("none, as there is no home folder" in environment.report())
"""


def test_a_user_without_a_home_computes_without_a_cache():
    missing = ("HOME", "XDG_CACHE_HOME", "FLAMBEAU_CACHE_DIR")
    environment = {k: v for k, v in os.environ.items() if k not in missing}
    command = [sys.executable, "-c", NO_HOME]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("100000.0\nTrue\n", "")


def test_a_named_processor_has_what_it_and_the_host_have():
    import llvmlite.binding as llvm

    from flambeau.kernels.llvm import target

    host = llvm.get_host_cpu_features()
    there = {name for name, has in host.items() if has}
    assert target.common(llvm.get_host_cpu_name(), host) == there
    if processor.is_x86():
        nehalem, haswell = (target.common(name, host) for name in ("nehalem", "haswell"))
        assert {"sse2", "sse4.2"} <= nehalem < haswell <= there
        assert not {"avx", "fma", "f16c"} & nehalem
        assert not {"avx512f"} & haswell
        without = type(host)({**host, "avx2": False})
        assert "avx2" not in target.common("haswell", without)


def test_an_unknown_processor_is_an_error(tmp_path):
    command = [sys.executable, "-c", "import flambeau as torch; torch.ones(2) + 1"]
    environment = {**os.environ, "FLAMBEAU_CPU": "haswel"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "ValueError: FLAMBEAU_CPU=haswel is no processor that LLVM knows" in done.stderr
    assert "haswell" in done.stderr


def test_keys_hold_what_the_code_depends_on(monkeypatch):
    from flambeau.kernels.runtime import jit
    from flambeau.kernels.runtime.process import machine

    known = {machine().symbol("text")}

    def differs() -> bool:
        other = jit.Machine.__new__(jit.Machine)
        other.processor, other.features, other.target = machine().processor, features, target
        known.add(other.symbol("text"))
        return len(known) == count + 1

    features, target, count = machine().features, machine().target, 1
    monkeypatch.setattr(jit, "__version__", "0.0.1")
    assert differs()
    count += 1
    monkeypatch.setattr(jit, "PASSES", ("sroa",))
    assert differs()
    count += 1
    features = type(features)({**features, "sse2": not features.get("sse2")})
    assert differs()


def test_relative_folders_stay_where_they_are(tmp_path):
    """The folder that was meant at first, also when the program changes its own."""
    program = """
import os, sys
import flambeau as torch
torch.ones(3) + 1
os.mkdir("below"); os.chdir("below")
torch.ones(3).exp()
print(os.listdir("."), sorted(os.listdir("..")))
"""
    environment = {
        **os.environ,
        "FLAMBEAU_CACHE_DIR": "kept",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True,
        cwd=tmp_path,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[] ['below', 'kept']\n", "")


@pytest.mark.skipif(not processor.is_x86(), reason="names of x86 processors")
def test_named_processors_do_not_share_a_cache(tmp_path):
    program = PROGRAM + "print(machine().bits, machine().processor)"
    _, compiled, _, bits, name = run(tmp_path, program, FLAMBEAU_CPU="nehalem")
    assert (bits, name) == ("128", "nehalem")
    _, again, loaded, _, name = run(tmp_path, program, FLAMBEAU_CPU="sandybridge")
    assert (again, loaded, name) == (compiled, "0", "sandybridge")


def test_the_switch_turns_kernels_off(tmp_path):
    program = """
import sys, flambeau as torch
from flambeau import kernels
x = torch.arange(5.) * 2 + 1
print(x.exp().sum().item(), kernels.enabled(), "llvmlite.binding" in sys.modules)
"""
    value, on, loaded = run(tmp_path, program, FLAMBEAU_KERNELS="0")
    assert float(value) == pytest.approx(9370.6, rel=1e-4)
    assert (on, loaded) == ("False", "False")
    assert not list(tmp_path.iterdir())


def test_import_does_not_load_the_compiler(tmp_path):
    assert run(tmp_path, "import sys, flambeau; print('llvmlite' in sys.modules)") == ["False"]


def test_invalid_text_is_an_error_and_no_crash():
    from flambeau.kernels.runtime.process import machine

    with pytest.raises(RuntimeError):
        machine().compile("define i32 @f() { ret i64 0 }")
