"""The cache folder: whose it is, what it may hold, and several processes in it at once."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flambeau.kernels import machine
from flambeau.kernels.runtime import disk

IMAGE = b"machine code"
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    monkeypatch.setenv("FLAMBEAU_CACHE_DIR", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, size: int, age: float = 0) -> Path:
    path = folder / name
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age,) * 2)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read(folder):
    disk.Disk().write("a-1", IMAGE)
    assert disk.Disk().read("a-1") == IMAGE
    assert disk.Disk().read("a-2") is None
    os.rename(folder / "a-1.o", folder / "a-2.o")
    assert disk.Disk().read("a-2") is None  # the digest is of the key too
    assert [file.size for file in machine.Disk().files()] == [32 + len(IMAGE)]


def test_the_cache_is_kept_within_its_bound(folder, monkeypatch):
    monkeypatch.setattr(disk, "LIMIT", 4000)
    for i in range(8):
        put(folder, f"{i}.o", 1000, age=5000 - i)
    assert disk.Disk().read("none") is None
    assert names(folder) == ["6.o", "7.o"]


def test_each_kind_of_process_has_a_bound_of_its_own(folder, monkeypatch):
    """Two kinds of processors with one home do not remove each other's kernels in turns."""
    monkeypatch.setattr(disk, "LIMIT", 4000)
    for i in range(4):
        put(folder, f"old-{i}.o", 1000, age=9000)
        put(folder, f"new-{i}.o", 1000)
    assert disk.Disk().usable(folder)
    assert len(names(folder)) == 8
    put(folder, "new-4.o", 1000)
    assert disk.Disk().usable(folder)
    assert sum(name.startswith("old") for name in names(folder)) == 4
    assert sum(name.startswith("new") for name in names(folder)) == 2
    for group in "abc":
        for i in range(4):
            put(folder, f"{group}-{i}.o", 1000)
    assert disk.Disk().usable(folder)
    left = names(folder)
    assert len(left) == 8
    assert not [name for name in left if name.startswith("old")]


def test_unfinished_files_of_killed_processes_are_removed(folder):
    put(folder, "killed.part", 10, age=2 * disk.HOUR)
    put(folder, "written.part", 10)
    assert disk.Disk().usable(folder)
    assert names(folder) == ["written.part"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_nothing(folder, monkeypatch, error):
    class Full:
        def __init__(self, handle: int, mode: str) -> None:
            os.close(handle)

        def __enter__(self):
            return self

        def __exit__(self, *exception: object) -> None:
            pass

        def write(self, content: bytes) -> None:
            raise error

    monkeypatch.setattr(disk.os, "fdopen", Full)
    if isinstance(error, OSError):
        disk.Disk().write("key", IMAGE)
    else:
        with pytest.raises(KeyboardInterrupt):
            disk.Disk().write("key", IMAGE)
    assert names(folder) == []


def test_reading_marks_a_file_as_used(folder):
    disk.Disk().write("key", IMAGE)
    os.utime(folder / "key.o", (1000, 1000))
    assert disk.Disk().read("key") == IMAGE
    assert (folder / "key.o").stat().st_mtime > 1000


@posix
def test_a_read_only_folder_is_read(folder):
    disk.Disk().write("key", IMAGE)
    folder.chmod(0o500)
    assert disk.Disk().read("key") == IMAGE
    disk.Disk().write("other", IMAGE)  # root may; nobody gets an error
    folder.chmod(0o700)


@posix
@pytest.mark.parametrize("case", ["writable", "link", "foreign"])
def test_why_a_folder_is_not_trusted(folder, case, monkeypatch):
    said = {"writable": "chmod go-w", "link": "symbolic link", "foreign": "belongs to another user"}
    place = folder / "cache"
    place.mkdir(mode=0o700)
    if case == "writable":
        place.chmod(0o777)
    elif case == "link":
        (folder / "link").symlink_to(place)
        place = folder / "link"
    else:
        monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.warns(RuntimeWarning, match=said[case]):
        assert not disk.Disk().usable(place)


def test_what_is_private_on_windows(tmp_path, monkeypatch):
    monkeypatch.setattr(disk.Path, "home", lambda: tmp_path / "user")
    assert disk.is_within_profile(tmp_path / "user" / "AppData" / "cache")
    assert not disk.is_within_profile(tmp_path / "user" / ".." / "shared")


# ------------------------------------------------------------------------------- where the folder is


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({"FLAMBEAU_CACHE_DIR": "near"}, "present/near"),
        ({"FLAMBEAU_CACHE_DIR": "~/own"}, "home/own"),
        ({"XDG_CACHE_HOME": "relative"}, "home/.cache/flambeau"),
        ({}, "home/.cache/flambeau"),
        ({"HOME": "relative"}, None),
    ],
)
@posix
def test_the_folder(variables, where, tmp_path, monkeypatch):
    for name in ("present", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "present")
    for name in ("FLAMBEAU_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    here = disk.Disk()
    wanted = None if where is None else tmp_path / where
    assert here.folder == wanted
    monkeypatch.chdir(tmp_path)
    assert here.folder == wanted


def test_nobody_has_no_home(monkeypatch):
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("FLAMBEAU_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(disk.Path, "home", home)
    assert disk.Disk().folder is None
    assert disk.Disk().read("key") is None
    disk.Disk().write("key", IMAGE)
    assert not disk.is_within_profile(Path("/anywhere"))


# ------------------------------------------------------------------------------ several at once


def test_files_that_vanish_while_the_folder_is_read(folder, monkeypatch):
    monkeypatch.setattr(disk, "LIMIT", 1000)
    for i in range(4):
        put(folder, f"{i}.o", 400)
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
    assert disk.Disk().usable(folder)
    assert len(list(folder.iterdir())) == 2  # 800 bytes are within the limit


def test_each_file_is_looked_at_once(folder, monkeypatch):
    looked = []
    for i in range(3):
        put(folder, f"{i}.o", 10)
    stat_ = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **how: looked.append(path) or stat_(path, **how))
    assert len(disk._files(folder)) == 3
    assert looked == []  # the entries themselves were asked, which is one call each


WRITER = """
import sys
from pathlib import Path
from flambeau.kernels.runtime import disk
disk.LIMIT = 2000
for i in range(300):
    here = disk.Disk()
    key = f"g-{i % 7}"
    image = bytes([i % 7]) * 400
    here.write(key, image)
    found = here.read(key)
    assert found is None or found == image, found
print("fine")
"""


def test_writing_and_cleaning_processes_do_not_hurt_each_other(folder):
    environment = {**os.environ, "FLAMBEAU_CACHE_DIR": str(folder)}
    several = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WRITER], env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    assert [process.communicate(timeout=60) for process in several] == [("fine\n", "")] * 3
    assert not [name for name in names(folder) if name.endswith(".part")]
