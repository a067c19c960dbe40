"""`benchmarks/gpu.py` runs: its workloads with small arrays, the report, and what becomes of a process that fails."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    found = importlib.util.spec_from_file_location("gpu_benchmark", FOLDER / "gpu.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_every_workload_runs(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(FOLDER / "gpu.py"),
        "--tiny",
        "--without-fuzz",
        "--into",
        str(tmp_path),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    report = json.loads((tmp_path / "gpu.json").read_text())
    failed = {row["name"]: row["remark"] for row in report["rows"] if not is_time(row["ours"])}
    assert failed == {}
    assert report["facts"]["flambeau cupy"]
    table = (tmp_path / "gpu.md").read_text()
    assert f"0 of {len(report['rows'])} rows failed" in table


def is_time(x: Any) -> bool:
    return isinstance(x, float) and x > 0


def test_ratios_and_shares(gpu: ModuleType, tmp_path: Path) -> None:
    report = gpu.Report(tmp_path, tiny=False)
    report.raw[gpu.COPY] = {"flambeau": {"seconds": 1.0}, "torch": {"seconds": 0.5, "value": 1.0}}
    report.raw["pointwise: add"] = {
        "flambeau": {"seconds": 1.0, "value": 1.0},
        "torch": {"seconds": 2.0, "value": 1.001},
    }
    report.raw["products: square, bfloat16"] = {
        "flambeau": {"seconds": 2.0},
        "torch": {"seconds": 1.5},
    }
    copy, add, product = report.rows()
    assert (copy.ratio, copy.share) == (2.0, 0.5)
    assert (add.ratio, add.share, add.remark) == (
        0.5,
        0.75,
        "",
    )  # three arrays, at half of two in 0.5 s
    assert product.share == 0.75
    report.write()
    assert (
        "1 of 3 ratios within their targets; 0 of 2 memory-bound rows"
        in (tmp_path / "gpu.md").read_text()
    )


def test_functions_are_compared_with_the_cpus(gpu: ModuleType, tmp_path: Path) -> None:
    report = gpu.Report(tmp_path, tiny=True)
    gpu.compare_with_cpu(report, 60.0, tiny=True)
    assert report.correctness["fuzz"] == "exit status 0"
    assert report.correctness["cases"].startswith("20 ")
    assert report.correctness["findings"] == "0, in fuzz.txt"


def test_rows_say_what_is_wrong(gpu: ModuleType, tmp_path: Path) -> None:
    report = gpu.Report(tmp_path, tiny=False)
    report.raw["pointwise: add"] = {"flambeau": {"error": "it broke"}, "torch": {"seconds": 1.0}}
    report.raw["pointwise: exp"] = {
        "flambeau": {"seconds": 1.0, "value": 1.0},
        "torch": {"seconds": 1.0, "value": 2.0},
    }
    broken, wrong = report.rows()
    assert (broken.ratio, broken.remark) == (None, "it broke")
    assert wrong.remark == "a mean of 1, not 2"


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("raise SystemExit(3)", "the process ended"),
        ("import time; time.sleep(60)", "no answer in 1 s"),
    ],
)
def test_a_process_that_fails_is_replaced(gpu: ModuleType, program: str, error: str) -> None:
    worker = gpu.Worker("flambeau", True)
    usual, worker.command = worker.command, [sys.executable, "-c", program]
    assert worker.ask("facts", 1.0) == {"error": error}
    worker.command = usual
    assert "cupy" in worker.ask("facts", 60.0)
    assert "KeyError" in worker.ask("no such workload", 60.0)["error"]
    assert is_time(worker.ask("small calls: add", 60.0)["seconds"])
    worker.stop()
