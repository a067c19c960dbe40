"""Models by name: from a folder with a `hubconf.py`, and weights from addresses, kept in a folder.

No code is downloaded: a repository on GitHub is loaded from the folder where PyTorch has kept it, or, cloned
by you, with ``source="local"``.

Source: torch.hub
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import sys
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

from tqdm import tqdm

from . import serialization

ENV_TORCH_HOME, ENV_XDG_CACHE_HOME, DEFAULT_CACHE_DIR = "TORCH_HOME", "XDG_CACHE_HOME", "~/.cache"
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
MODULE_HUBCONF, VAR_DEPENDENCY = "hubconf.py", "dependencies"
READ_DATA_CHUNK = 128 << 10
_FORMAT = re.compile(r"([^/:]+)/([^/:]+)(?::(.+))?")

_hub_dir: str | None = None

# ---------------------------------------------------------------------------------- the folder


def _get_torch_home() -> str:
    """Where PyTorch keeps what it has downloaded."""
    cache = os.path.join(os.getenv(ENV_XDG_CACHE_HOME, DEFAULT_CACHE_DIR), "torch")
    return os.path.expanduser(os.getenv(ENV_TORCH_HOME, cache))


def get_dir() -> str:
    """The folder: what `set_dir` says, or ``$TORCH_HOME/hub``; ``~/.cache/torch/hub`` without that variable.

    Source: torch.hub.get_dir
    """
    return os.path.join(_get_torch_home(), "hub") if _hub_dir is None else _hub_dir


def set_dir(d: str | os.PathLike[str]) -> None:
    """Keep things in another folder.

    Source: torch.hub.set_dir
    """
    global _hub_dir
    _hub_dir = os.path.expanduser(d)


# ------------------------------------------------------------------------------------- models


def list(github: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """The names of what a `hubconf.py` offers.

    Args:
        github: ``"owner/name:ref"``, or a folder (``source="local"``).
        source: "github" or "local".
        args, kwargs: PyTorch's options for downloads (force_reload, trust_repo, ...), which there are none of.

    Raises:
        RuntimeError: The repository is not in the folder of `get_dir`.

    Source: torch.hub.list
    """
    module = _hubconf(_folder(github, source))
    return [
        name for name in dir(module) if callable(getattr(module, name)) and not name.startswith("_")
    ]


def help(github: str, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """What a `hubconf.py` says of one of its names.

    Args:
        github, source, args, kwargs: As `list`.
        model: The name.

    Raises:
        RuntimeError: The repository is not in the folder of `get_dir`, or has no such name.

    Source: torch.hub.help
    """
    return _entry(_hubconf(_folder(github, source)), model).__doc__


def load(
    repo_or_dir: str,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: Any = "check",
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """Call a function of a `hubconf.py`. Its code runs: load only what you trust.

    Args:
        repo_or_dir: ``"owner/name:ref"``, or a folder (``source="local"``).
        model: The function's name.
        source: "github" or "local".
        trust_repo, force_reload, verbose, skip_validation: For downloads, which there are none of.
        args, kwargs: The function's.

    Raises:
        ValueError: There is no such source.
        RuntimeError: The repository is not in the folder of `get_dir`; it has no such function; or packages are
            missing that it depends on.

    Source: torch.hub.load

    Example:
        >>> import pathlib, tempfile, flambeau as torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     text = "import flambeau as torch\\ndef line(n): return torch.nn.Linear(n, 1)"
        ...     _ = pathlib.Path(folder, "hubconf.py").write_text(text)
        ...     torch.hub.load(folder, "line", 3, source="local")
        Linear(in_features=3, out_features=1, bias=True)
    """
    folder = _folder(repo_or_dir, source)
    with _importable(folder):
        return _entry(_hubconf(folder), model)(*args, **kwargs)


def _folder(repository: str, source: str) -> str:
    """Where a repository's files are.

    Raises:
        ValueError: The source or the name is none.
        RuntimeError: It is not there.
    """
    source = source.lower()
    if source == "local":
        return os.fspath(repository)
    if source != "github":
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    owner, name, ref = _parse_repo_info(repository)
    for one in (ref,) if ref else ("main", "master"):
        folder = os.path.join(get_dir(), f"{owner}_{name}_{one.replace('/', '_')}")
        if os.path.isdir(folder):
            return folder
    raise RuntimeError(
        f"the repository {repository} could not be found in the cache ({get_dir()}), and flambeau downloads no code: "
        f"clone https://github.com/{owner}/{name}, look at it, and pass the folder with source='local'"
    )


def _parse_repo_info(github: str) -> tuple[str, str, str | None]:
    """Owner, name and branch, tag or commit (None: the default branch).

    Raises:
        ValueError: It is no such text.
    """
    found = _FORMAT.fullmatch(github)
    if found is None:
        raise ValueError(
            f"expected 'owner/name' or 'owner/name:ref', not {github!r}; of a folder, pass source='local'"
        )
    return found[1], found[2], found[3]


@contextlib.contextmanager
def _importable(folder: str) -> Iterator[None]:
    """Inside, the folder's modules can be imported."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _hubconf(folder: str) -> ModuleType:
    """The module of a folder's `hubconf.py`.

    Raises:
        FileNotFoundError: There is none.
    """
    spec: Any = importlib.util.spec_from_file_location(
        MODULE_HUBCONF, os.path.join(folder, MODULE_HUBCONF)
    )
    module = importlib.util.module_from_spec(spec)
    with _importable(folder):
        spec.loader.exec_module(module)
    return module


def _entry(module: ModuleType, name: Any) -> Any:
    """A function of a `hubconf.py`.

    Raises:
        ValueError: It is not named by a string.
        RuntimeError: There is none of this name, or packages are missing.
    """
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    wanted = getattr(module, VAR_DEPENDENCY, None) or ()
    missing = [package for package in wanted if not _check_module_exists(package)]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    found = getattr(module, name, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return found


def _check_module_exists(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None


# ------------------------------------------------------------------------------------ weights


def download_url_to_file(
    url: str, dst: str, hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Download a file; it appears under its name when it is whole.

    Args:
        url: Its address.
        dst: The path to write.
        hash_prefix: What its SHA-256 has to begin with.
        progress: Show a bar on stderr?

    Raises:
        urllib.error.URLError: The address cannot be reached.
        RuntimeError: The hash is another.

    Source: torch.hub.download_url_to_file
    """
    path = Path(dst).expanduser()
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    digest = hashlib.sha256()
    try:
        with _opened(url) as source, open(part, "xb") as file:
            length = source.headers.get("Content-Length")
            with tqdm(
                total=int(length) if length else None,
                disable=not progress,
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
            ) as bar:
                while block := source.read(READ_DATA_CHUNK):
                    file.write(block)
                    digest.update(block)
                    bar.update(len(block))
        found = digest.hexdigest()
        if hash_prefix is not None and not found.startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}")')
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _opened(url: str) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": "torch.hub"})
    try:
        return urllib.request.urlopen(request)
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as error:
        raise urllib.error.URLError(
            f"{url} cannot be reached ({error.reason}): without a network, put the file into the folder of "
            "torch.hub.get_dir(), under checkpoints/"
        ) from error


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> Any:
    """`torch.load` a file from an address; it is kept, and downloaded once.

    Args:
        url: Its address.
        model_dir: Where it is kept; ``checkpoints`` in the folder of `get_dir` by default.
        map_location, weights_only: As `torch.load`, which runs no code by either value.
        progress: Show a bar on stderr?
        check_hash: Does its name end in ``-<the first digits of its SHA-256>``, which have to be right?
        file_name: What it is kept as; the address's last part by default.

    Raises:
        urllib.error.URLError: The address cannot be reached.
        RuntimeError: The hash is another.

    Source: torch.hub.load_state_dict_from_url
    """
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(folder, exist_ok=True)
    name = file_name or os.path.basename(urlparse(url).path)
    kept = os.path.join(folder, name)
    if not os.path.exists(kept):
        sys.stdout.write(f'Downloading: "{url}" to {kept}\n')
        found = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, kept, found[1] if found else None, progress)
    return _loaded(kept, map_location, weights_only)


def _loaded(path: str, map_location: Any, weights_only: bool) -> Any:
    """A file's object; one that was compressed by hand is a ZIP of just that file."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            inner = archive.infolist()
            if len(inner) == 1 and not inner[0].is_dir():
                with archive.open(inner[0]) as file:
                    return serialization.load(file, map_location, weights_only=weights_only)
    return serialization.load(path, map_location, weights_only=weights_only)


__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]
