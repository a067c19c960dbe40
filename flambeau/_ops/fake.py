"""What fakes of operations may ask for."""

from __future__ import annotations

from typing import Any


class FakeImplCtx:
    """The context of a fake that runs.

    Source: torch._library.fake_impl.FakeImplCtx
    """

    def new_dynamic_size(self, *, min: int = 0, max: int | None = None) -> Any:
        """A size that only the values tell.

        Raises:
            RuntimeError: Here shapes are known or there is none.
        """
        raise RuntimeError(
            "get_ctx().new_dynamic_size(): this operation's shape depends on the values, and tensors on the device meta "
            "have none"
        )

    create_unbacked_symint = new_dynamic_size
    new_dynamic_size_tensor = new_dynamic_size


def get_ctx() -> FakeImplCtx:
    """The context of the fake that is running.

    Source: torch.library.get_ctx
    """
    return FakeImplCtx()
