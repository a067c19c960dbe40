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


def test_the_cache_is_kept_within_its_bound(tmp_path, monkeypatch):
    from flambeau.kernels.runtime import jit as machine

    monkeypatch.setattr(machine, "LIMIT", 4000)
    for i in range(8):
        (tmp_path / f"{i}.o").write_bytes(bytes(1000))
        os.utime(tmp_path / f"{i}.o", (1000 + i, 1000 + i))
    tmp_path.chmod(0o700)
    monkeypatch.setenv("FLAMBEAU_CACHE_DIR", str(tmp_path))
    assert machine.Disk().read("none") is None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["6.o", "7.o"]


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


def test_files_that_vanish_while_the_folder_is_read(tmp_path, monkeypatch):
    from flambeau.kernels.runtime import jit as machine

    monkeypatch.setattr(machine, "LIMIT", 1000)
    for i in range(4):
        (tmp_path / f"{i}.o").write_bytes(bytes(400))
    tmp_path.chmod(0o700)
    scan = os.scandir

    class Scan:
        """Another process removes every second file before it is looked at."""

        def __init__(self, folder):
            self.entries = sorted(scan(folder), key=lambda e: e.name)

        def __enter__(self):
            for entry in self.entries[::2]:
                os.unlink(entry.path)
            return self.entries

        def __exit__(self, *exception):
            pass

    monkeypatch.setattr(os, "scandir", Scan)
    assert machine.Disk().usable(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # 800 bytes are within the limit


def test_what_is_private_on_windows(tmp_path, monkeypatch):
    from flambeau.kernels.runtime import jit as machine

    monkeypatch.setattr(machine.Path, "home", lambda: tmp_path / "user")
    assert machine.is_within_profile(tmp_path / "user" / "AppData" / "cache")
    assert not machine.is_within_profile(tmp_path / "user" / ".." / "shared")


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
