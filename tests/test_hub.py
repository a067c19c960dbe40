"""torch.hub: local repositories, and weights from addresses (a file's, so that no network is needed)."""

from __future__ import annotations

import hashlib
import urllib.error
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import flambeau as torch
from flambeau import hub

CONF = """
import helper_of_the_hub_test

dependencies = ["numpy"]

def scaled(x, factor=2):
    "A number times a factor."
    return x * factor * helper_of_the_hub_test.ONE

_hidden = scaled
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    hub.set_dir(tmp_path / "hub")
    yield tmp_path / "hub"
    hub._hub_dir = None


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "hubconf.py").write_text(CONF)
    (tmp_path / "repo" / "helper_of_the_hub_test.py").write_text("ONE = 1")
    return tmp_path / "repo"


def test_a_local_repository(repository: Path) -> None:
    assert hub.load(str(repository), "scaled", 3, factor=5, source="local") == 15
    assert hub.list(str(repository), source="local") == ["scaled"]
    assert hub.help(str(repository), "scaled", source="local") == "A number times a factor."
    with pytest.raises(RuntimeError, match="Cannot find callable absent in hubconf"):
        hub.load(str(repository), "absent", source="local")
    with pytest.raises(ValueError, match='Unknown source: "web"'):
        hub.load(str(repository), "scaled", source="web")
    (repository / "hubconf.py").write_text('dependencies = ["absent_package_x"]\n' + CONF)
    text = CONF.replace('"numpy"', '"absent_package_x"')
    (repository / "hubconf.py").write_text(text)
    with pytest.raises(RuntimeError, match="Missing dependencies: absent_package_x"):
        hub.load(str(repository), "scaled", 3, source="local")


def test_a_repository_that_pytorch_has_kept(repository: Path, folder: Path) -> None:
    with pytest.raises(RuntimeError, match=r"git|clone https://github\.com/owner/name"):
        hub.load("owner/name:v1", "scaled", 3)
    folder.mkdir()
    repository.rename(folder / "owner_name_main")
    assert hub.load("owner/name", "scaled", 3, trust_repo=True) == 6
    with pytest.raises(ValueError, match="source='local'"):
        hub.load("/some/where", "scaled")


def test_weights_are_kept(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "made.pt"
    torch.save({"w": torch.ones(2)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    source = path.rename(tmp_path / f"model-{digest[:8]}.pt")
    url = source.as_uri()
    found = hub.load_state_dict_from_url(url, check_hash=True, map_location="cpu")
    assert found["w"].tolist() == [1.0, 1.0]
    told = capsys.readouterr()
    assert told.out == f'Downloading: "{url}" to {folder}/checkpoints/{source.name}\n'
    assert "100%" in told.err
    source.unlink()
    again = torch.utils.model_zoo.load_url(url, weights_only=True)
    assert again["w"].tolist() == [1.0, 1.0]
    assert [p.name for p in (folder / "checkpoints").iterdir()] == [source.name]


def test_a_wrong_hash_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    source = tmp_path / "model-0123abcd.pt"
    torch.save({}, source)
    with pytest.raises(RuntimeError, match=r'invalid hash value \(expected "0123abcd"'):
        hub.load_state_dict_from_url(source.as_uri(), check_hash=True, progress=False)
    assert list((folder / "checkpoints").iterdir()) == []


def test_what_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(urllib.error.URLError, match=r"torch\.hub\.get_dir"):
        hub.download_url_to_file((tmp_path / "gone").as_uri(), str(tmp_path / "x"), progress=False)
    assert list(tmp_path.glob("x*")) == []


def test_files_that_were_compressed_by_hand(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "inner.pt")
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.write(tmp_path / "inner.pt", "inner.pt")
    url = (tmp_path / "model.zip").as_uri()
    found = hub.load_state_dict_from_url(url, progress=False, file_name="other.zip")
    assert found["w"].item() == 1.0


def test_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    hub._hub_dir = None
    monkeypatch.setenv("TORCH_HOME", "/a")
    assert hub.get_dir() == "/a/hub"
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert hub.get_dir() == "/b/torch/hub"
