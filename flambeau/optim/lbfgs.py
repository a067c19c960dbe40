"""L-BFGS: a quasi-Newton method with limited memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.location import count_writes
from ..autograd.mode import enable_grad
from ..core.tensor import Tensor, wrap
from ..core.twin import around
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer, checked_lr
from .state import number


class LBFGS(Optimizer):
    """Steps along the gradient times an inverse Hessian guessed from earlier steps (Liu, Nocedal 1989).

    Args:
        lr: Step size; the first trial of the line search.
        max_iter: Iterations a step.
        max_eval: Evaluations of the closure a step. Default: 1.25 max_iter.
        tolerance_grad: Stop where no element of the gradient is larger.
        tolerance_change: Stop where neither the loss nor a parameter changes by more.
        history_size: How many earlier steps are remembered.
        line_search_fn: None or "strong_wolfe".
        maximize: Climb.

    Raises:
        ValueError: There are several parameter groups.
        RuntimeError: An unknown line search.

    Source: torch.optim.LBFGS; Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 7.5

    Example:
        >>> import flambeau as torch
        >>> p = torch.nn.Parameter(torch.tensor([3.0]))
        >>> optimizer = torch.optim.LBFGS([p])
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (p - 1).square().sum()
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure)
        tensor(4., grad_fn=<SumBackward0>)
        >>> p.data
        tensor([1.])
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        maximize: bool = False,
    ) -> None:
        checked_lr(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
            "maximize": maximize,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Several iterations of the method.

        Args:
            closure: Clears the gradients, computes the loss, calls backward, gives the loss.

        Raises:
            RuntimeError: The line search of the options is unknown.
        """
        group = self.param_groups[0]
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluate() -> tuple[Any, float]:
            with enable_grad():
                loss = closure()
            state["func_evals"] += 1
            return loss, -float(loss) if group.get("maximize") else float(loss)

        first, loss = evaluate()
        with around(group["params"]):
            g = self._gradient()
            if abs(g).max() > group["tolerance_grad"]:
                self._iterate(group, state, evaluate, loss, g)
        return first

    def _iterate(
        self, group: dict[str, Any], state: dict[str, Any], evaluate: Any, loss: float, g: Any
    ) -> None:
        evaluations_before = state["func_evals"] - 1
        lr, tolerance = number(group["lr"]), group["tolerance_change"]
        done = 0
        while done < group["max_iter"]:
            done += 1
            state["n_iter"] += 1
            d = self._direction(group, state, g)
            state["prev_flat_grad"], state["prev_loss"] = self._kept(g), loss
            t = lr * min(1.0, 1.0 / float(abs(g).sum())) if state["n_iter"] == 1 else lr
            state["d"], state["t"] = self._kept(d), t
            slope = float(g.dot(d))
            if slope > -tolerance:
                break
            before = loss
            if group["line_search_fn"]:
                loss, g, t = self._search(evaluate, d, t, loss, g, slope, tolerance)
                state["t"] = t
            else:
                self._move(t, d)
                if done < group["max_iter"]:
                    loss = evaluate()[1]
                    g = self._gradient()
            if (
                state["func_evals"] - evaluations_before >= group["max_eval"]
                or abs(g).max() <= group["tolerance_grad"]
                or abs(d * t).max() <= tolerance
                or abs(loss - before) < tolerance
            ):
                break

    def _direction(self, group: dict[str, Any], state: dict[str, Any], g: Any) -> Any:
        """Minus the guessed inverse Hessian times g, by the two loops over remembered steps."""
        if state["n_iter"] == 1:
            state["old_dirs"], state["old_stps"], state["ro"], state["H_diag"] = [], [], [], 1.0
            return -g
        changes, steps, weights = state["old_dirs"], state["old_stps"], state["ro"]
        y = g - state["prev_flat_grad"]._array
        s = state["d"]._array * float(state["t"])
        ys = float(y.dot(s))
        if ys > 1e-10:
            if len(changes) == group["history_size"]:
                for kept in (changes, steps, weights):
                    kept.pop(0)
            changes.append(self._kept(y))
            steps.append(self._kept(s))
            weights.append(1.0 / ys)
            state["H_diag"] = ys / float(y.dot(y))
        q, shares = -g, []
        weights = [float(weight) for weight in weights]
        for change, step, weight in zip(changes[::-1], steps[::-1], weights[::-1]):
            share = float(step._array.dot(q)) * weight
            q = q - share * change._array
            shares.append(share)
        d = q * float(state["H_diag"])
        for change, step, weight, share in zip(changes, steps, weights, shares[::-1]):
            d = d + (share - float(change._array.dot(d)) * weight) * step._array
        return d

    def _search(
        self, evaluate: Any, d: Any, t: float, loss: float, g: Any, slope: float, tolerance: float
    ) -> tuple[float, Any, float]:
        params = self.param_groups[0]["params"]
        start = [p._array.copy() for p in params]

        def back() -> None:
            for p, values in zip(params, start):
                p._array[...] = values
                count_writes((p,), self._writer)

        def at(t: float) -> Point:
            self._move(t, d)
            f = evaluate()[1]
            found = self._gradient()
            back()
            return Point(t, f, found, float(found.dot(d)))

        size = float(abs(d).max())
        best = strong_wolfe(at, t, Point(0.0, loss, g, slope), size, tolerance)
        self._move(best.t, d)
        return best.f, best.g, best.t

    def _kept(self, array: Any) -> Tensor:
        """A vector as state keeps it."""
        return wrap(array, self.param_groups[0]["params"][0]._kind)

    def _gradient(self) -> Any:
        """All gradients as one vector, of what is to become small; complex ones as pairs of real numbers."""
        parts, xp = [], self.param_groups[0]["params"][0]._kind.xp
        for p in self.param_groups[0]["params"]:
            array = xp.zeros_like(p._array) if p.grad is None else p.grad._array
            flat = xp.ascontiguousarray(array).reshape(-1)
            parts.append(flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat)
        whole = xp.concatenate(parts)
        return -whole if self.param_groups[0].get("maximize") else whole

    def _move(self, t: float, d: Any) -> None:
        """Add t d to the parameters."""
        start = 0
        for p in self.param_groups[0]["params"]:
            count = p._array.size * (2 if p._array.dtype.kind == "c" else 1)
            part = p._kind.xp.ascontiguousarray(d[start : start + count])
            if p._array.dtype.kind == "c":
                part = part.view(p._array.dtype)
            p._array[...] += t * part.reshape(p._array.shape)
            count_writes((p,), self._writer)
            start += count
