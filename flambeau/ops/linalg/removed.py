"""Functions that PyTorch removed and whose names it kept, for what they say: the way on."""

from __future__ import annotations

from typing import Any, NoReturn

from ...dispatch.registry import method, public

_INSTEAD = {
    "eig": "torch.linalg.eigvals(A), or torch.linalg.eig(A) with vectors, which give complex numbers",
    "lstsq": "torch.linalg.lstsq(A, B).solution, whose arguments stand in the other order",
    "matrix_rank": "torch.linalg.matrix_rank(A, tol=tol, hermitian=symmetric)",
    "solve": "torch.linalg.solve(A, B), whose arguments stand in the other order",
    "symeig": "torch.linalg.eigvalsh(A, UPLO), or torch.linalg.eigh(A, UPLO) with vectors; "
    "UPLO is 'U' where `upper` was true, as it was by default",
}


def _removed(name: str, instead: str) -> None:
    @public(name, method=False if name == "matrix_rank" else name)
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            f"torch.{name}: This function was deprecated since version 1.9 and is now removed. Use {instead}."
        )

    refuse.__doc__ = (
        f"Removed: use {instead}.\n\nRaises:\n    RuntimeError: Always.\n\nSource: torch.{name}\n"
    )


for _name, _instead in _INSTEAD.items():
    _removed(_name, _instead)


@method()
def reinforce(self: Any, reward: Any) -> NoReturn:
    """Removed: `distributions` has samples with log probabilities.

    Raises:
        RuntimeError: Always.

    Source: torch.Tensor.reinforce
    """
    raise RuntimeError(
        "reinforce() was removed. Use torch.distributions instead: m = Categorical(probs); action = "
        "m.sample(); loss = -m.log_prob(action) * reward; loss.backward()"
    )
