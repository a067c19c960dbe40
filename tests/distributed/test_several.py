"""What processes do together, in processes: each program asserts by itself and prints "done"."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from .ranks import has_mpi, passes, started

pytestmark = has_mpi


@pytest.mark.parametrize("ranks", [2, 3])
def test_collectives(ranks: int) -> None:
    passes("collectives.py", ranks)


def test_members_that_do_not_do_the_same() -> None:
    passes("mistakes.py", 3, "slow")


def test_data_parallel() -> None:
    passes("data_parallel.py", 2)


@pytest.mark.parametrize("ranks", [2, 4])
def test_sharded(ranks: int) -> None:
    passes("sharded.py", ranks)


@pytest.mark.parametrize("backend", ["gloo", "nccl"])
def test_tensors_on_simulated_gpus(backend: str) -> None:
    passes("gpus.py", 2, backend, FLAMBEAU_CUDA_SIMULATOR="1")


def test_pipeline() -> None:
    passes("pipeline.py", 3)


def test_checkpoints_are_read_by_another_number_of_processes(tmp_path: Path) -> None:
    found = []
    for what, ranks in (("write", 2), ("read", 3), ("read", 1)):
        result = started("checkpointing.py", ranks, what, str(tmp_path))
        assert result.returncode == 0, result.stdout + result.stderr
        found += re.findall(r"result (\S+)", result.stdout)
    assert len(found) == 3
    # the same next step, whoever makes it
    assert [round(float(x), 4) for x in found] == [round(float(found[0]), 4)] * 3


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raise", ["rank 2 (local rank 2", "ValueError: the data is bad"]),
        ("kill", ["rank 2 (local rank 2", "signal SIGKILL"]),
        ("exit", ["rank 2 (local rank 2", "exit code 3", "destroy_process_group()"]),
    ],
)
def test_who_fails_is_named_and_the_others_end(how: str, words: list[str]) -> None:
    result = started("failing.py", 3, how)
    ended = time.time()
    assert result.returncode == 1
    report = result.stderr[result.stderr.index("FAILED") :]
    for word in words[:2]:
        assert word in report, result.stderr
    assert all(word in result.stderr for word in words)
    failed = float(re.findall(r"failed at (\S+)", result.stdout)[0])
    assert ended - failed < 20  # about a second on a quiet machine
    assert "done" not in result.stdout


def test_all_are_started_again() -> None:
    result = started("failing.py", 2, "raise", flags=("--max-restarts=1",))
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("done") == 2
    assert "1 restarts are left" in result.stderr


def test_training_goes_on_from_the_newest_checkpoint(tmp_path: Path) -> None:
    whole = started("resuming.py", 2, str(tmp_path / "a"))
    broken = started("resuming.py", 2, str(tmp_path / "b"), "fail", flags=("--max-restarts=1",))
    assert (whole.returncode, broken.returncode) == (0, 0), whole.stderr + broken.stderr
    assert "OSError: the network is gone" in broken.stderr
    assert broken.stdout.count("from 4") == 2
    results = [re.findall(r"result (\S+)", run.stdout) for run in (whole, broken)]
    assert results[0] == results[1]
    assert len(set(results[0])) == 1


def test_collectives_with_gradients() -> None:
    passes("differentiable.py", 3)
