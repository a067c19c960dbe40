"""Checkpoints as files of safetensors: not written or read here. Packages import the names.

Source: torch.distributed.checkpoint.hf_storage
"""

from __future__ import annotations

from typing import Any


class _Refused:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            f"{type(self).__name__} is not there: gather the state with get_model_state_dict("
            "options=StateDictOptions(full_state_dict=True)) and save it with safetensors"
        )


class HuggingFaceStorageWriter(_Refused):
    """Writes files of safetensors.

    Raises:
        NotImplementedError: Always.
    """


class HuggingFaceStorageReader(_Refused):
    """Reads files of safetensors.

    Raises:
        NotImplementedError: Always.
    """
