"""Averages of a model's weights over training: SWA and exponential moving averages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from math import cos, pi
from typing import Any

from ..autograd.mode import no_grad
from ..core.tensor import Tensor
from ..nn.batch_norm import _BatchNorm
from ..nn.module import Module
from ..ops.create.data import tensor
from .lr_scheduler import LRScheduler
from .optimizer import Optimizer


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """A function for `AveragedModel`: decay * average + (1 - decay) * new.

    Raises:
        ValueError: decay is not in [0, 1].

    Source: torch.optim.swa_utils.get_ema_avg_fn
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[list, list, Any], None]:
    """The same for all weights at once, in place.

    Raises:
        ValueError: decay is not in [0, 1].

    Source: torch.optim.swa_utils.get_ema_multi_avg_fn
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema: list[Tensor], current: list[Tensor], num_averaged: Any) -> None:
        for average, new in zip(ema, current, strict=True):
            if average.dtype.is_floating_point or average.dtype.is_complex:
                average.lerp_(new, 1 - decay)  # type: ignore[attr-defined]
            else:
                average.copy_(new)  # type: ignore[attr-defined]

    return ema_update


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """A function for `AveragedModel`: the mean of all models so far.

    Source: torch.optim.swa_utils.get_swa_avg_fn

    Example:
        >>> import flambeau as torch
        >>> mean = torch.optim.swa_utils.get_swa_avg_fn()
        >>> mean(torch.tensor(2.0), torch.tensor(5.0), 2)
        tensor(3.)
    """

    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_swa_multi_avg_fn() -> Callable[[list, list, Any], None]:
    """The same for all weights at once, in place.

    Source: torch.optim.swa_utils.get_swa_multi_avg_fn
    """

    @no_grad()
    def swa_update(averaged: list[Tensor], current: list[Tensor], num_averaged: Any) -> None:
        for average, new in zip(averaged, current, strict=True):
            if average.dtype.is_floating_point or average.dtype.is_complex:
                average.lerp_(new, 1 / (float(num_averaged) + 1))  # type: ignore[attr-defined]
            else:
                average.copy_(new)  # type: ignore[attr-defined]

    return swa_update


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


class AveragedModel(Module):
    """A copy of a model whose weights are averages: `update_parameters` takes new ones in.

    Args:
        model: The model that is trained.
        device: Where the copy is to be.
        avg_fn: (average, new, how many) -> the next average. Default: the mean of all.
        multi_avg_fn: The same of lists of weights, in place.
        use_buffers: Average the buffers too; they are copied otherwise.

    Raises:
        AssertionError: `avg_fn` and `multi_avg_fn` both.

    Source: torch.optim.swa_utils.AveragedModel; Izmailov et al. (2018)

    Example:
        >>> import flambeau as torch
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> average = torch.optim.swa_utils.AveragedModel(model)
        >>> for value in (1.0, 3.0):
        ...     _ = torch.nn.init.constant_(model.weight, value)
        ...     average.update_parameters(model)
        >>> average.module.weight.item()
        2.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[[list, list, Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model gives."""
        return self.module(*args, **kwargs)

    def _weights(self, model: Module) -> list[Tensor]:
        buffers = list(model.buffers()) if self.use_buffers else []
        return [x.detach() for x in (*model.parameters(), *buffers)]

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the model's present weights into the averages."""
        averages = self._weights(self.module)
        news = [x.to(y.device) for x, y in zip(self._weights(model), averages, strict=True)]
        if self.n_averaged == 0:
            for average, new in zip(averages, news, strict=True):
                average.copy_(new)
        elif self.multi_avg_fn is not None:
            self.multi_avg_fn(averages, news, self.n_averaged)
        else:
            for average, new in zip(averages, news, strict=True):
                average.copy_(self._next(average, new))
        if not self.use_buffers:
            for old, now in zip(self.module.buffers(), model.buffers(), strict=True):
                old.detach().copy_(now.detach())
        self.n_averaged += 1

    def _next(self, average: Tensor, new: Tensor) -> Tensor:
        if self.avg_fn is not None:
            return self.avg_fn(average, new, self.n_averaged)
        return average + (new - average) / (self.n_averaged + 1)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's BatchNorm layers anew, over one pass of data.

    Args:
        loader: Batches, or lists and tuples whose first item is the batch.

    Source: torch.optim.swa_utils.update_bn
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    was_training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # type: ignore[assignment]  # the plain mean over batches
    for batch in loader:
        batch = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(batch if device is None else batch.to(device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Anneals each group's step size to a fixed one, and stays there.

    Args:
        swa_lr: The step size to end at, or one a group.
        anneal_epochs: How long it takes; 0: at once.
        anneal_strategy: "cos" or "linear".

    Raises:
        ValueError: Another strategy, or a negative number of epochs.

    Source: torch.optim.swa_utils.SWALR
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        groups = optimizer.param_groups
        rates = swa_lr if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(groups)
        if len(rates) != len(groups):
            raise ValueError(
                f"swa_lr must have the same length as optimizer.param_groups: swa_lr has {len(rates)}, "
                f"optimizer.param_groups has {len(groups)}"
            )
        for rate, group in zip(rates, groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must by one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How far the annealing has come after so many steps."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return (1 - cos(pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list[float]:
        """The next step sizes: each is taken back to where it began, and forward."""
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            end, rate = group["swa_lr"], group["lr"]
            first = end if before == 1 else (rate - before * end) / (1 - before)
            rates.append(end * now + first * (1 - now))
        return rates
