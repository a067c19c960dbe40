"""PassManager: passes one after the other.

Source: torch.fx.passes.infra.pass_manager
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ...graph_module import GraphModule
from .pass_base import PassResult

__all__ = ["PassManager", "inplace_wrapper", "pass_result_wrapper"]

Pass = Callable[[GraphModule], Any]


def pass_result_wrapper(fn: Pass) -> Pass:
    """A function of a module as a pass: a module that it gives was changed; None says that it changed its own."""

    @wraps(fn)
    def wrapped(gm: GraphModule) -> PassResult:
        result = fn(gm)
        if isinstance(result, PassResult):
            return result
        return PassResult(gm if result is None else result, True)

    return wrapped


inplace_wrapper = pass_result_wrapper


class PassManager:
    """Runs passes in an order that keeps to constraints.

    Args:
        passes: The passes.
        constraints: Each is asked with two passes whether the first may stand before the second.
        steps: How often all are run, as long as one changes something.
        run_checks_after_each_pass: Call `check` after each pass too?
        suppress_check_failures: Go on where an order keeps to no constraint?
    """

    def __init__(
        self,
        passes: list[Pass] | None = None,
        constraints: list[Callable[[Pass, Pass], bool]] | None = None,
        steps: int | None = None,
        run_checks_after_each_pass: bool = False,
        suppress_check_failures: bool = False,
    ):
        self.passes, self.constraints = list(passes or []), list(constraints or [])
        self.steps = 1 if steps is None else steps
        self.run_checks_after_each_pass = run_checks_after_each_pass
        self.suppress_check_failures = suppress_check_failures
        self._validated = False

    def add_pass(self, _pass: Pass) -> None:
        """Add a pass at the end."""
        self.passes.append(_pass)
        self._validated = False

    def add_constraint(self, constraint: Callable[[Pass, Pass], bool]) -> None:
        """Add a constraint."""
        self.constraints.append(constraint)
        self._validated = False

    def validate_constraints(self) -> None:
        """Check the order.

        Raises:
            RuntimeError: A pass stands before one that it must not stand before.
        """
        for i, first in enumerate(self.passes):
            for second in self.passes[i + 1 :]:
                for constraint in self.constraints:
                    if not constraint(first, second) and not self.suppress_check_failures:
                        raise RuntimeError(
                            f"pass schedule constraint violated: {first} must not stand before {second}"
                        )
        self._validated = True

    def check(self, module: GraphModule) -> None:
        """Check the module; nothing by default."""

    def __call__(self, module: GraphModule) -> PassResult:
        if not self._validated:
            self.validate_constraints()
        self.check(module)
        changed_ever = False
        for _ in range(self.steps):
            changed = False
            for one in self.passes:
                module, modified = self._run(one, module)
                changed = changed or modified
            changed_ever = changed_ever or changed
            if not changed:
                break
        return PassResult(module, changed_ever)

    def _run(self, one: Pass, module: GraphModule) -> tuple[GraphModule, bool]:
        try:
            result = one(module)
        except Exception as error:
            name = getattr(one, "__name__", type(one).__name__)
            raise type(error)(
                f"An error occurred when running the '{name}' pass: {error}"
            ) from error
        if not isinstance(result, PassResult):
            raise TypeError(
                f"the result of the pass {one} should be of type PassResult: wrap it with "
                "pass_result_wrapper()"
            )
        module = result.graph_module
        module.recompile()
        if self.run_checks_after_each_pass:
            self.check(module)
        return module, result.modified
