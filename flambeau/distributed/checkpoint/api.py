"""Saving and loading.

Source: torch.distributed.checkpoint.state_dict_saver, state_dict_loader
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ...autograd.grad_mode import no_grad
from ...core.tensor import Tensor
from ..objects import all_gather_object
from ..process_group import ProcessGroup, is_initialized, world
from ..store import HashStore, Store
from . import storage
from .plan import CheckpointException, Part, assigned, flattened, name_of, part_here


@runtime_checkable
class Stateful(Protocol):
    """An object with `state_dict` and `load_state_dict`, such as a module or an optimiser.

    Source: torch.distributed.checkpoint.stateful.Stateful
    """

    def state_dict(self) -> dict[str, Any]:
        """Its state."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take over a state."""
        ...


@dataclass
class AsyncSaveResponse:
    """Of a checkpoint that is being written: when values were copied, and when it is whole."""

    staging_completion: Future
    upload_completion: Future


class _Run:
    """The processes that write a checkpoint together; one alone where there is no group."""

    def __init__(self, group: ProcessGroup | None, alone: bool) -> None:
        self.group = None if alone or not is_initialized() else group or world()
        self.rank = 0 if self.group is None else self.group.rank()
        self.size = 1 if self.group is None else self.group.size()
        self.store: Store = HashStore() if self.group is None else self.group.get_group_store()

    def all(self, value: Any) -> list[Any]:
        """What all processes say."""
        if self.group is None:
            return [value]
        found: list[Any] = [None] * self.size
        all_gather_object(found, value, self.group)
        return found


def _folder(checkpoint_id: Any, given: Any, what: str) -> Path:
    if given is not None:
        return Path(given.path)
    if checkpoint_id is None:
        raise RuntimeError(f"pass checkpoint_id=, a directory, or {what}=")
    return Path(checkpoint_id)


def _states(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """The state of objects instead of themselves."""
    return {
        key: value.state_dict()
        if isinstance(value, Stateful) and not isinstance(value, Tensor)
        else value
        for key, value in state_dict.items()
    }


def save(
    state_dict: dict[str, Any],
    *,
    checkpoint_id: str | os.PathLike | None = None,
    storage_writer: Any = None,
    planner: Any = None,
    process_group: Any = None,
    no_dist: bool = False,
    use_collectives: bool = True,
) -> None:
    """Write a checkpoint: all processes of a group call it, each writes its parts of `DTensor`s and a share of the rest.

    It is written whole or not at all: where the directory had a checkpoint, that one stays until the new one is whole.

    Args:
        state_dict: Values by name: tensors, numbers, nested containers, and objects with `state_dict`.
        checkpoint_id: A directory.
        storage_writer: A `FileSystemWriter`, instead.
        process_group: Whose processes; None for all.
        no_dist: This process alone.
        planner: Not there.

    Raises:
        CheckpointException: A process could not write.

    Source: torch.distributed.checkpoint.save

    Example:
        >>> import flambeau as torch, tempfile
        >>> from flambeau.distributed import checkpoint
        >>> folder = tempfile.mkdtemp()
        >>> checkpoint.save({"weight": torch.ones(2), "step": 3}, checkpoint_id=folder)
        >>> state = {"weight": torch.zeros(2), "step": 0}
        >>> checkpoint.load(state, checkpoint_id=folder)
        >>> state
        {'weight': tensor([1., 1.]), 'step': 3}
    """
    _prepared(state_dict, checkpoint_id, storage_writer, planner, process_group, no_dist, False)()


def async_save(
    state_dict: dict[str, Any],
    *,
    checkpoint_id: str | os.PathLike | None = None,
    storage_writer: Any = None,
    planner: Any = None,
    process_group: Any = None,
    no_dist: bool = False,
    **options: Any,
) -> Future:
    """Copy the values now, and write them in a thread while the program goes on.

    Returns:
        A future that is done when the checkpoint is whole; its exception says why it is not.

    Source: torch.distributed.checkpoint.async_save
    """
    write = _prepared(
        state_dict, checkpoint_id, storage_writer, planner, process_group, no_dist, True
    )
    future: Future = Future()

    def run() -> None:
        try:
            write()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=run, name="checkpoint").start()
    return future


def _prepared(
    state_dict: dict[str, Any],
    checkpoint_id: Any,
    writer: Any,
    planner: Any,
    group: Any,
    alone: bool,
    copies: bool,
) -> Any:
    """Agree on who writes what; gives what then writes, which sends nothing to other processes but by the store."""
    if planner is not None:
        raise NotImplementedError("checkpoint: planner= is not there; leave it out")
    folder, run = _folder(checkpoint_id, writer, "storage_writer"), _Run(group, alone)
    items, values = [], []
    with no_grad():
        for path, value in flattened(_states(state_dict)):
            item: dict[str, Any] = {
                "name": name_of(path),
                "path": list(path),
                "offset": None,
                "size": None,
                "bytes": 0,
            }
            if isinstance(value, Tensor):
                local, part, whole = part_here(value)
                item |= {"offset": list(part.offset), "size": list(part.size), "shape": list(whole)}
                item |= {
                    "dtype": str(value.dtype).removeprefix("torch."),
                    "bytes": local.numel() * local.element_size(),
                }
                if 0 in part.size and 0 not in whole:
                    continue
                value = local.detach()
            items.append(item)
            values.append(value)
    token = secrets.token_hex(4)
    said = run.all([token, items])
    token, plans = said[0][0], [plan for _, plan in said]
    mine = assigned(plans)[run.rank]
    keyed = {
        f"{i}": values[i].clone() if copies and isinstance(values[i], Tensor) else values[i]
        for i in mine
    }
    entries = _entries(plans, token) if run.rank == 0 else {}

    def write() -> None:
        failure = ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if keyed:
                storage.write_values(folder, run.rank, token, keyed)
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
        _finish(run, folder, token, entries, failure)

    return write


def _entries(plans: list[list[dict[str, Any]]], token: str) -> dict[str, Any]:
    """The manifest: where each value is."""
    made: dict[str, Any] = {}
    for rank, chosen in enumerate(assigned(plans)):
        for i in chosen:
            item = plans[rank][i]
            place = {"file": storage.file_name(rank, token), "key": str(i)}
            if item["offset"] is None:
                made[item["name"]] = {"path": item["path"], "parts": [place]}
                continue
            entry = made.setdefault(
                item["name"],
                {"path": item["path"], "shape": item["shape"], "dtype": item["dtype"], "parts": []},
            )
            entry["parts"].append({**place, "offset": item["offset"], "size": item["size"]})
    return made


def _finish(run: _Run, folder: Path, token: str, entries: dict[str, Any], failure: str) -> None:
    """Say how it went; rank 0 makes the checkpoint whole if all have written."""
    store, key = run.store, f"checkpoint {token}"
    store.set(f"{key}/{run.rank}", failure or "-")
    if run.rank == 0:
        said = {i: store.get(f"{key}/{i}").decode() for i in range(run.size)}
        failures = {i: text for i, text in said.items() if text != "-"}
        if not failures:
            try:
                storage.write_manifest(folder, token, entries)
            except OSError as error:
                failures = {0: f"{type(error).__name__}: {error}"}
        store.set(f"{key}/done", json.dumps(failures))
    failures = {int(i): text for i, text in json.loads(store.get(f"{key}/done")).items()}
    if failures:
        storage.remove_values(folder, run.rank, token)
        raise CheckpointException(
            f"the checkpoint {folder} was not written; what was there before is as it was", failures
        )


def load(
    state_dict: dict[str, Any],
    *,
    checkpoint_id: str | os.PathLike | None = None,
    storage_reader: Any = None,
    planner: Any = None,
    process_group: Any = None,
    no_dist: bool = False,
) -> None:
    """Read a checkpoint into the tensors of a `state_dict`, whatever number of processes has written it. Other values are
    replaced in it; objects with `load_state_dict` take over theirs.

    Args:
        state_dict: As of `save`; what it does not name is not read.
        checkpoint_id: A directory.
        storage_reader: A `FileSystemReader`, instead.

    Raises:
        CheckpointException: Something is missing, or has another shape; in any process, then in all.

    Source: torch.distributed.checkpoint.load
    """
    if planner is not None:
        raise NotImplementedError("checkpoint: planner= is not there; leave it out")
    folder, run = (
        _folder(checkpoint_id, storage_reader, "storage_reader"),
        _Run(process_group, no_dist),
    )
    failure, states = "", _states(state_dict)
    try:
        read(folder, states)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        failure = f"{type(error).__name__}: {error}"
    failures = {i: text for i, text in enumerate(run.all(failure)) if text}
    if failures:
        raise CheckpointException(f"the checkpoint {folder} was not read", failures)
    for key, value in state_dict.items():
        if isinstance(value, Stateful) and not isinstance(value, Tensor):
            value.load_state_dict(states[key])
        else:
            state_dict[key] = states[key]


def read(folder: Path, states: dict[str, Any]) -> None:
    """Read what nested containers name into them.

    Raises:
        KeyError: The checkpoint has no such value.
        ValueError: It has another shape, or is not whole.
    """
    entries, files = storage.read_manifest(folder), storage.Files(folder)
    with no_grad():
        for path, value in list(flattened(states)):
            name = name_of(path)
            entry = entries.get(name)
            if entry is None:
                raise KeyError(f"Missing key in checkpoint state_dict: {name}")
            if isinstance(value, Tensor):
                _read_tensor(name, value, entry, files)
            else:
                place = entry["parts"][0]
                _put(states, path, files.value(place["file"], place["key"]))


def _read_tensor(name: str, target: Any, entry: dict[str, Any], files: storage.Files) -> None:
    local, box, whole = part_here(target)
    if "shape" not in entry or tuple(entry["shape"]) != whole:
        raise ValueError(
            f"{name} has shape {entry.get('shape')} in the checkpoint, and {list(whole)} here"
        )
    missing = local.numel()
    flat: Any = local.detach()
    for part, file, key in storage.boxes(entry):
        both = box.overlap(part) if whole else Part((), ())
        if both is None:
            continue
        source = files.value(file, key)
        if tuple(source.shape) != part.size:
            raise ValueError(
                f"{name}: {file} has a part of shape {list(source.shape)}, the manifest says {list(part.size)}"
            )
        flat[both.within(box)] = source[both.within(part)].to(flat.dtype)
        count = 1
        for n in both.size:
            count *= n
        missing -= count
    if missing > 0:
        raise ValueError(f"{name}: the checkpoint lacks {missing} of its elements")


def _put(states: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        states = states[key]
    states[path[-1]] = value


def newest(folder: str | os.PathLike) -> Path | None:
    """The newest whole checkpoint among the directories in a folder; None where there is none. What a program asks for when
    its launcher has started it again.

    Example:
        >>> import flambeau as torch, tempfile, os
        >>> from flambeau.distributed import checkpoint
        >>> folder = tempfile.mkdtemp()
        >>> checkpoint.newest(folder) is None
        True
        >>> checkpoint.save({"step": 7}, checkpoint_id=os.path.join(folder, "7"))
        >>> checkpoint.newest(folder).name
        '7'
    """
    whole = [path.parent for path in Path(folder).glob(f"*/{storage.MANIFEST}")]
    return max(whole, key=lambda path: (path / storage.MANIFEST).stat().st_mtime_ns, default=None)
