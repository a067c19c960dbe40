"""The launcher: its flags and variables are torchrun's."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flambeau.distributed.launcher import options

from .ranks import ROOT, started

SHOW = """
import json, os, sys
names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "MASTER_ADDR",
         "OMP_NUM_THREADS", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_MAX_RESTARTS")
import torch
line = json.dumps([{n: os.environ.get(n) for n in names}, sys.argv[1:], __name__, torch.__name__])
print(line + "\\n", end="", flush=True)
print("to stderr", file=sys.stderr)
"""


@pytest.fixture
def show(tmp_path: Path) -> Path:
    path = tmp_path / "show.py"
    path.write_text(SHOW)
    return path


def test_variables(show: Path) -> None:
    result = started(show, 2, "--lr", "0.1", flags=("--rdzv-id=mine", "--max_restarts", "2"))
    lines = sorted(
        (json.loads(line) for line in result.stdout.splitlines()), key=lambda x: x[0]["RANK"]
    )
    assert [x[0]["RANK"] for x in lines] == ["0", "1"]
    first = lines[0][0]
    assert (first["WORLD_SIZE"], first["LOCAL_WORLD_SIZE"], first["LOCAL_RANK"]) == ("2", "2", "0")
    assert (first["MASTER_ADDR"], first["GROUP_RANK"], first["ROLE_RANK"]) == (
        "127.0.0.1",
        "0",
        "0",
    )
    assert (first["TORCHELASTIC_RUN_ID"], first["TORCHELASTIC_MAX_RESTARTS"]) == ("mine", "2")
    assert lines[1][1:] == [["--lr", "0.1"], "__main__", "torch"]


def test_torchrun_is_a_command(show: Path) -> None:
    command = [sys.executable, "-m", "flambeau", "torchrun", "--nproc-per-node=2", str(show), "-x"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    lines = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in lines.stdout.splitlines()]
    assert sorted(x[0]["RANK"] for x in found) == ["0", "1"]
    assert found[0][1:] == [["-x"], "__main__", "torch"]


def test_cores_are_shared_out(show: Path) -> None:
    result = started(show, 2, OMP_NUM_THREADS="")
    assert result.returncode == 0
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"} | {
        "PYTHONPATH": str(ROOT)
    }
    command = [sys.executable, "-m", "flambeau.distributed.run", "--nproc-per-node=2", str(show)]
    lines = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout
    told = {json.loads(line)[0]["OMP_NUM_THREADS"] for line in lines.splitlines()}
    assert told == {str(max(1, (os.cpu_count() or 1) // 2))}


def test_what_is_printed_goes_to_files(show: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    result = started(
        show,
        2,
        flags=("--log-dir", str(logs), "--redirects", "2", "--tee", "1", "--role", "trainer"),
    )
    assert "to stderr" not in result.stderr
    assert result.stdout.count("[trainer0]:") == 1
    assert result.stdout.count("[trainer1]:") == 1
    for rank in ("0", "1"):
        assert (logs / "attempt_0" / rank / "stderr.log").read_text() == "to stderr\n"
        assert '"LOCAL_RANK"' in (logs / "attempt_0" / rank / "stdout.log").read_text()


@pytest.mark.parametrize("way", ["static", "c10d"])
def test_two_machines(show: Path, way: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FLAMBEAU_DISTRIBUTED_SECRET": "of both"}
    common = ["--nnodes=2", "--nproc-per-node=1"]
    if way == "static":
        common += ["--master-addr=127.0.0.1", f"--master-port={port}"]
    else:
        common += ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}"]
    running = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "flambeau.distributed.run", *common),
                *([f"--node-rank={node}"] if way == "static" else []),
                str(show),
            ],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for node in (1, 0)
    ]
    lines = [json.loads(p.communicate(timeout=60)[0]) for p in running]
    assert [p.returncode for p in running] == [0, 0]
    told = sorted((x[0]["RANK"], x[0]["WORLD_SIZE"], x[0]["GROUP_RANK"]) for x in lines)
    assert told == [("0", "2", "0"), ("1", "2", "1")]


def test_nothing_is_left_running(tmp_path: Path) -> None:
    program = tmp_path / "sleep.py"
    program.write_text(
        "import os, time\nprint(f'{os.getpid()}\\n', end='', flush=True)\ntime.sleep(60)\n"
    )
    launcher = subprocess.Popen(
        [sys.executable, "-m", "flambeau.distributed.run", "--nproc-per-node=2", str(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert launcher.stdout is not None
    children = [int(launcher.stdout.readline()) for _ in range(2)]
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(20) == 128 + signal.SIGTERM
    launcher.communicate()
    deadline = time.monotonic() + 5
    while any(_runs(child) for child in children):
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_numbers_of_processes() -> None:
    assert options.count_of("3") == 3
    assert options.count_of("cpu") == os.cpu_count()
    for wrong in ("0", "many", "-1"):
        with pytest.raises(ValueError, match="--nproc-per-node"):
            options.count_of(wrong)
    assert (options.nodes_of("2"), options.nodes_of("1:4")) == ((2, 2), (1, 4))
    for wrong in ("0", "3:2", "a:b", "1:2:3"):
        with pytest.raises(ValueError, match="--nnodes"):
            options.nodes_of(wrong)
    assert options.per_rank("0:1,2:3", 3) == [1, 0, 3]
    for wrong in ("4", "5:1", "0:9", "x"):
        with pytest.raises(ValueError, match="0, 1, 2 or 3"):
            options.per_rank(wrong, 3)


def test_wrong_flags_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (
        ["--nnodes=x", "a.py"],
        ["--nproc-per-node=0", "a.py"],
        ["-m", "--no-python", "a"],
        ["--rdzv-backend=etcd", "a.py"],
    ):
        with pytest.raises(SystemExit) as ended:
            options.parse(wrong)
        assert ended.value.code == 2
    assert "etcd" in capsys.readouterr().err
    assert options.parse(
        ["--nproc_per_node", "2", "--standalone", "a.py", "-x", "--y"]
    ).training_script_args == ["-x", "--y"]


def test_defaults_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PET_NPROC_PER_NODE", "4")
    assert options.parse(["a.py"]).count == 4
    assert options.parse(["--nproc-per-node=2", "a.py"]).count == 2
