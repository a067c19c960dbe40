"""Saving over a file: what killed saves have left is removed, what lives is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import flambeau as torch
from flambeau.serialization import replacement

locks = pytest.mark.skipif(replacement.fcntl is None, reason="without locks nothing is removed")

SAVING = """
import sys, time
from pathlib import Path
from flambeau.serialization.replacement import replace

def write(file):
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)

replace(Path(sys.argv[1]), write)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@locks
def test_what_a_killed_save_left_is_removed_by_the_next(tmp_path) -> None:
    path = tmp_path / "model.pt"
    torch.save(1, path)
    saving = subprocess.Popen(
        [sys.executable, "-c", SAVING, str(path)], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    try:
        assert saving.stdout is not None
        assert saving.stdout.readline() == b"writing\n"
        assert len(names(tmp_path)) == 2
        torch.save(2, path)
        assert len(names(tmp_path)) == 2  # its process lives
    finally:
        saving.send_signal(signal.SIGKILL)
        saving.wait()
        if saving.stdout is not None:
            saving.stdout.close()
    assert torch.load(path) == 2
    torch.save(3, path)
    assert names(tmp_path) == ["model.pt"]
    assert torch.load(path) == 3


@locks
def test_only_files_of_ours_are_removed(tmp_path) -> None:
    path = tmp_path / "model.pt"
    start = replacement._prefix(path)
    kept = [
        f"{start}backup",
        f".other.pt.0123456789ab{replacement._SUFFIX}",
        f"model.pt{replacement._SUFFIX}",
    ]
    for name in kept:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / f"{start}folder{replacement._SUFFIX}").mkdir()
    (tmp_path / f"{start}link{replacement._SUFFIX}").symlink_to(kept[0])
    (tmp_path / f"{start}old{replacement._SUFFIX}").write_bytes(b"left by a killed save")
    before = names(tmp_path)
    torch.save(1, path)
    gone = set(before) - set(names(tmp_path))
    assert gone == {f"{start}old{replacement._SUFFIX}"}


def test_names_of_any_length(tmp_path) -> None:
    path = tmp_path / ("x" * 250 + ".pt")
    torch.save(1, path)
    torch.save(2, path)
    assert (torch.load(path), names(tmp_path)) == (2, [path.name])


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(b"old")

    def write(file) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replacement.replace(path, write)
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["x.pt"])
