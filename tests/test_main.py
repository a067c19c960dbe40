"""The command line, in processes of its own as users start it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flambeau import __main__ as command_line
from flambeau import _version

# So that a process started in another folder finds the same package.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(command_line.__file__).parent.parent)}


def python(*arguments, cwd=None):
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )


def flambeau(*arguments, cwd=None):
    return python("-m", "flambeau", *arguments, cwd=cwd)


@pytest.fixture
def script(tmp_path):
    def write(text, name="program.py"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_run_gives_the_script_what_python_gives_it(script):
    path = script(
        "import sys, torch, flambeau, neighbour\n"
        "print(__name__, __file__, sys.argv, sys.path[0])\n"
        "print(sys.modules['__main__'].torch is flambeau, neighbour.found)\n"
        "import pickle\n"
        "class Model: pass\n"
        "print(type(pickle.loads(pickle.dumps(Model()))) is Model)\n"
    )
    script("found = 'beside the script'\n", "neighbour.py")
    result = flambeau("run", path, "--help", "-m", "--", "x")
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        f"__main__ {path} {[str(path), '--help', '-m', '--', 'x']} {path.parent}",
        "True beside the script",
        "True",
    ]
    assert result.returncode == 0


def test_run_module(script):
    path = script("import sys, torch\nprint(__name__, __spec__.name, sys.argv, torch.__name__)\n")
    result = flambeau("run", "-m", "program", "--lr", "1", cwd=path.parent)
    assert result.stderr == ""
    assert result.stdout == f"__main__ program {[str(path), '--lr', '1']} torch\n"


@pytest.mark.parametrize(
    ("ending", "status", "stderr"),
    [
        ("sys.exit(7)", 7, ""),
        ("sys.exit('out of coffee')", 1, "out of coffee\n"),
        ("sys.exit()", 0, ""),
        ("raise KeyboardInterrupt", 130, None),
    ],
)
def test_exit_status_passes_through(ending, status, stderr, script):
    result = flambeau("run", script(f"import sys\n{ending}\n"))
    assert result.returncode == status
    assert stderr is None or result.stderr == stderr


def test_tracebacks_look_as_without_a_runner(script):
    path = script("def fail():\n    return 1 / 0\n\nfail()\n")
    plain = python(path)
    for how in ([path], ["-m", "program"]):
        result = flambeau("run", *how, cwd=path.parent)
        assert result.returncode == plain.returncode == 1
        assert result.stderr == plain.stderr
    assert "ZeroDivisionError" in plain.stderr


def test_syntax_errors_look_as_without_a_runner(script):
    path = script("print('fine'\n")
    plain = python(path)
    assert flambeau("run", path).stderr == plain.stderr


def test_a_missing_torch_module_is_explained(script):
    result = flambeau("run", script("import torch.no_such_part\n"))
    assert result.returncode == 1
    assert "No module named 'torch.no_such_part': flambeau stands in for torch" in result.stderr


def test_a_missing_module_to_run_is_an_error():
    result = flambeau("run", "-m", "no_such_program")
    assert result.returncode == 1
    assert result.stderr == "ImportError: No module named no_such_program\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["fly"], "invalid choice: 'fly'"),
        (["--fast"], "--fast"),
        (["demo", "extra"], "extra"),
        (["run"], "SCRIPT"),
        (["run", "-m"], "SCRIPT"),
        (["run", "no_such_file.py"], "can't open file 'no_such_file.py': No such file"),
    ],
)
def test_usage_errors_exit_with_2(arguments, complaint, capsys, monkeypatch):
    monkeypatch.setattr(command_line.compat, "install", lambda **_: None)
    with pytest.raises(SystemExit) as exit_info:
        command_line.main(arguments)
    assert exit_info.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: python -m flambeau")
    assert complaint in error


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as exit_info:
        command_line.main(["--help"])
    assert exit_info.value.code == 0
    text = capsys.readouterr().out
    assert "demo" in text
    assert "run" in text


def test_version():
    result = flambeau("--version")
    assert result.returncode == 0
    assert result.stdout == f"flambeau {_version.__version__} (API of PyTorch 2.14.1)\n"


def test_the_demo_runs_the_example(monkeypatch, tmp_path):
    # The file in the package wins over the one beside a checkout, and is run as a main program.
    example = tmp_path / "examples" / "digits.py"
    example.parent.mkdir()
    example.write_text("raise SystemExit(f'{__name__} {__file__}')")
    monkeypatch.setattr(command_line, "__file__", str(tmp_path / "__main__.py"))
    for name in ("argv", "path"):
        monkeypatch.setattr(sys, name, list(getattr(sys, name)))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    with pytest.raises(SystemExit, match=f"__main__ {example}"):
        command_line.main(["demo"])


def test_report_states_what_is_installed():
    result = flambeau()
    assert result.returncode == 0
    lines = [line.split() for line in result.stdout.splitlines() if line]
    import numpy

    assert ["numpy", numpy.__version__] in lines
    assert ["version", _version.__version__] in lines
    assert lines.count(["CUDA"]) == 1


def test_the_report_says_that_a_processor_is_unknown(monkeypatch):
    pytest.importorskip("llvmlite")
    monkeypatch.setitem(ENVIRONMENT, "FLAMBEAU_CPU", "nonsense")
    monkeypatch.delitem(ENVIRONMENT, "FLAMBEAU_KERNELS", raising=False)
    result = flambeau()
    assert result.returncode == 0, result.stderr
    assert "FLAMBEAU_CPU=nonsense is no processor" in result.stdout
    assert result.stdout.rstrip().splitlines()[-1].split()[0] == "driver"


def test_tracebacks_of_run(script):
    """Absolute file names, and the text of code that is written while the program runs."""
    path = script("import torch\ntorch.lerp(torch.ones(3), torch.ones(4), 0.5)\n")
    result = flambeau("run", path.name, cwd=path.parent)
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert lines[1] == f'  File "{path}", line 2, in <module>'
    for i, line in enumerate(lines):
        if line.startswith("  File "):
            assert lines[i + 1].startswith("    "), line


def test_run_says_torch(script):
    path = script("import torch\ntorch.sofmax\n")
    result = flambeau("run", path)
    assert "module 'torch' has no attribute 'sofmax'" in result.stderr


def test_run_finds_no_spec_of_what_is_absent(script):
    path = script("import importlib.util\nprint(importlib.util.find_spec('torch.absent'))\n")
    assert flambeau("run", path).stdout == "None\n"
