"""GradScaler: scales losses so that small gradients survive in 16 bits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from typing import Any

from .. import (  # type: ignore[attr-defined]
    _amp_foreach_non_finite_check_and_unscale_,
    float16,
    float32,
    full,
    int32,
    ones,
    stack,
    where,
    zeros,
    zeros_like,
)
from .._caller import warn
from ..autograd.mode import no_grad
from ..core.device import backends
from ..core.tensor import Tensor


class OptState(Enum):
    """What was done with an optimizer's gradients since the last `update`."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _refresh_per_optimizer_state() -> dict[str, Any]:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


class GradScaler:
    """Multiplies losses, divides gradients, and skips steps whose gradients are not finite.

    The factor falls at once when a gradient is infinite or nan, and grows when none was for long.

    Args:
        device: "cpu"; "cuda" warns and disables the scaler where there is no such device.
        init_scale: The first factor.
        growth_factor, backoff_factor: What it is multiplied by when it grows or falls.
        growth_interval: How many good steps it grows after.
        enabled: False: `scale` gives its operand back, and `step` calls ``optimizer.step()``.

    Source: torch.amp.GradScaler

    Example:
        >>> import flambeau as torch
        >>> w = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=0.5)
        >>> scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        >>> scaler.scale(w.sum()).backward()
        >>> w.grad
        tensor([8.])
        >>> scaler.step(optimizer)
        >>> w.detach()
        tensor([0.5000])
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        backend = backends.find(device)
        if enabled and (backend is None or not backend.is_available()):
            warn(
                f"torch.{device}.amp.GradScaler is enabled, but {device.upper()} is not available.  "
                "Disabling."
            )
            enabled = False
        if enabled and not growth_factor > 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if enabled and not backoff_factor < 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._device, self._enabled = device, enabled
        self._init_scale, self._init_growth_tracker = float(init_scale), 0
        self._scale: Tensor | None = None  # made when the first loss is scaled
        self._growth_tracker: Tensor | None = None
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._per_optimizer_states: defaultdict[int, dict[str, Any]] = defaultdict(
            _refresh_per_optimizer_state
        )

    def scale(self, outputs: Any) -> Any:
        """A tensor, or tensors in lists and tuples, times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._lazy_init_scale_growth_tracker(outputs.device)
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            scaled = [self.scale(item) for item in outputs]
            return type(outputs)(*scaled) if hasattr(outputs, "_fields") else type(outputs)(scaled)
        if isinstance(outputs, Iterable):
            return map(self.scale, outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _lazy_init_scale_growth_tracker(self, dev: Any) -> None:
        """Make the tensors of the factor and of the count of good steps, on a loss's device."""
        self._scale = full((), self._init_scale, dtype=float32, device=dev)
        self._growth_tracker = full((), self._init_growth_tracker, dtype=int32, device=dev)

    def _check_scale_growth_tracker(self, funcname: str) -> Tensor:
        if self._scale is None:
            raise AssertionError(
                f"Attempted {funcname} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )
        return self._scale

    @no_grad()
    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients by the factor now, before they are clipped or looked at.

        Raises:
            AssertionError: No loss was scaled.
            RuntimeError: Called twice for a step, or after it.
        """
        if not self._enabled:
            return
        scale = self._check_scale_growth_tracker("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = scale.double().reciprocal().float()  # type: ignore[attr-defined]
        found = zeros((), dtype=float32, device=scale.device)
        state["found_inf_per_device"] = self._unscale_grads_(optimizer, inverse, found, False)
        state["stage"] = OptState.UNSCALED

    def _unscale_grads_(
        self, optimizer: Any, inv_scale: Tensor, found_inf: Tensor, allow_fp16: bool
    ) -> dict[Any, Tensor]:
        """Multiply the gradients; whether one was not finite is found on each device, and nobody waits for it.

        Returns:
            For each device a tensor, 1 where there was such a gradient, else 0.

        Raises:
            ValueError: A gradient is in half precision, and that is not allowed.
        """
        given: dict[Any, list[Tensor]] = {}
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                grad = parameter.grad
                if grad is None:
                    continue
                if not allow_fp16 and grad.dtype is float16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                values = grad._values() if grad.is_sparse else grad
                given.setdefault(values.device, []).append(values)
        found = {found_inf.device: found_inf}
        for place, grads in given.items():
            if place not in found:
                found[place] = zeros((), dtype=float32, device=place)
            scale = inv_scale.to(place, non_blocking=True)  # type: ignore[attr-defined]
            _amp_foreach_non_finite_check_and_unscale_(grads, found[place], scale)
        return found

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step()``, on gradients divided by the factor, if all of them are finite.

        An optimizer whose `_step_supports_amp_scaling` is set divides and looks by itself: its `grad_scale` and
        `found_inf` are tensors during the step.

        Raises:
            AssertionError: No loss was scaled.
            RuntimeError: A closure is given, or `step` was called since the last `update`.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        scale = self._check_scale_growth_tracker("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            result = self._step_by_itself(optimizer, scale, state, args, kwargs)
        else:
            if state["stage"] is OptState.READY:
                self.unscale_(optimizer)
            result = self._maybe_opt_step(optimizer, state, *args, **kwargs)
        state["stage"] = OptState.STEPPED
        return result

    def _maybe_opt_step(
        self, optimizer: Any, optimizer_state: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """The step, unless a gradient is not finite."""
        if any(found.item() for found in optimizer_state["found_inf_per_device"].values()):
            return None
        return optimizer.step(*args, **kwargs)

    def _step_by_itself(
        self, optimizer: Any, scale: Tensor, state: dict[str, Any], args: tuple, kwargs: dict
    ) -> Any:
        ready = state["stage"] is OptState.READY
        if ready:
            self._check_inf_per_device(optimizer)
        optimizer.grad_scale = scale if ready else None
        found = state["found_inf_per_device"].values()
        there = [value.to(scale.device, non_blocking=True) for value in found]
        optimizer.found_inf = there[0] if len(there) == 1 else stack(there).amax()
        try:
            return optimizer.step(*args, **kwargs)
        finally:
            del optimizer.grad_scale, optimizer.found_inf

    @no_grad()
    def _check_inf_per_device(self, optimizer: Any) -> dict[Any, Tensor]:
        """Look whether the gradients are finite, and leave them as they are."""
        scale = self._check_scale_growth_tracker("_check_inf_per_device")
        one = ones((), dtype=float32, device=scale.device)
        found = self._unscale_grads_(optimizer, one, zeros_like(one), True)
        self._per_optimizer_states[id(optimizer)]["found_inf_per_device"] = found
        return found

    def _found_inf_per_device(self, optimizer: Any) -> dict[Any, Tensor]:
        return self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Let the factor fall or grow, or set it; call it at the end of each iteration.

        Raises:
            AssertionError: No loss was scaled, or no optimizer was stepped, so nothing is known of the gradients.
        """
        if not self._enabled:
            return
        scale, tracker = self._check_scale_growth_tracker("update"), self._growth_tracker
        if new_scale is not None:
            scale.fill_(float(new_scale))  # type: ignore[attr-defined]
        else:
            found = [
                value
                for state in self._per_optimizer_states.values()
                for value in state["found_inf_per_device"].values()
            ]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            there = [value.to(scale.device, non_blocking=True) for value in found]
            self._let_grow(scale, tracker, stack(there).any())
        self._per_optimizer_states.clear()

    @no_grad()
    def _let_grow(self, scale: Any, tracker: Any, failed: Any) -> None:
        """The factor and the count after a step, on their device: nobody waits for what is found there."""
        larger, count = scale * self._growth_factor, tracker + 1
        due = count == self._growth_interval
        kept = where(due & larger.isfinite(), larger, scale)
        scale.copy_(where(failed, scale * self._backoff_factor, kept))
        tracker.copy_(count.masked_fill_(failed | due, 0))

    def get_scale(self) -> float:
        """The factor; 1 where the scaler is disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def get_growth_factor(self) -> float:
        """What the factor is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set it."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the factor is multiplied by when it falls."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set it."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many good steps the factor grows after."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set it."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        """How many good steps there were since the factor changed."""
        tracker = self._growth_tracker
        return self._init_growth_tracker if tracker is None else int(tracker.item())

    def is_enabled(self) -> bool:
        """Does the scaler do anything?"""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The factor and how it changes; empty where the scaler is disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            RuntimeError: It is empty, from a disabled scaler.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = float(state_dict["scale"])
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._scale is not None:
            self._lazy_init_scale_growth_tracker(self._scale.device)
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
