"""Loss layers: the losses of nn.functional with their options kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from . import functional as F
from .module import Module
from .shape import PairwiseDistance

_HEAD = "size_average=None, reduce=None, reduction='mean'"
TABLE: dict[str, tuple[str, str]] = {
    "L1Loss": ("l1_loss", _HEAD),
    "MSELoss": ("mse_loss", _HEAD),
    "SmoothL1Loss": ("smooth_l1_loss", f"{_HEAD}, beta=1.0"),
    "HuberLoss": ("huber_loss", "reduction='mean', delta=1.0"),
    "BCELoss": ("binary_cross_entropy", f"weight=None, {_HEAD}"),
    "BCEWithLogitsLoss": (
        "binary_cross_entropy_with_logits",
        f"weight=None, {_HEAD}, pos_weight=None",
    ),
    "NLLLoss": (
        "nll_loss",
        "weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'",
    ),
    "CrossEntropyLoss": (
        "cross_entropy",
        "weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', "
        "label_smoothing=0.0",
    ),
    "KLDivLoss": ("kl_div", f"{_HEAD}, log_target=False"),
    "PoissonNLLLoss": (
        "poisson_nll_loss",
        "log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction='mean'",
    ),
    "GaussianNLLLoss": ("gaussian_nll_loss", "*, full=False, eps=1e-6, reduction='mean'"),
    "HingeEmbeddingLoss": ("hinge_embedding_loss", f"margin=1.0, {_HEAD}"),
    "MarginRankingLoss": ("margin_ranking_loss", f"margin=0.0, {_HEAD}"),
    "CosineEmbeddingLoss": ("cosine_embedding_loss", f"margin=0.0, {_HEAD}"),
    "SoftMarginLoss": ("soft_margin_loss", _HEAD),
    "MultiMarginLoss": ("multi_margin_loss", f"p=1, margin=1.0, weight=None, {_HEAD}"),
    "MultiLabelMarginLoss": ("multilabel_margin_loss", _HEAD),
    "MultiLabelSoftMarginLoss": ("multilabel_soft_margin_loss", f"weight=None, {_HEAD}"),
    "TripletMarginLoss": (
        "triplet_margin_loss",
        f"margin=1.0, p=2.0, eps=1e-6, swap=False, {_HEAD}",
    ),
    "TripletMarginWithDistanceLoss": (
        "triplet_margin_with_distance_loss",
        "*, distance_function=None, margin=1.0, swap=False, reduction='mean'",
    ),
    "CTCLoss": ("ctc_loss", "blank=0, reduction='mean', zero_infinity=False"),
}
"""Class, its function in nn.functional, its arguments."""

_BUFFERS = ("weight", "pos_weight")
_OLD = ("size_average", "reduce")


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that PyTorch's old arguments ask for; with a warning, if they are given."""
    if size_average is None and reduce is None:
        return reduction
    import warnings

    wanted = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{wanted}' instead.",
        stacklevel=4,
    )
    return wanted


class Loss(Module):
    """Base of the losses in `TABLE`."""

    function: str
    reduction: str
    __signature__: inspect.Signature

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        try:
            given = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.__init__(): {error}") from None
        given.apply_defaults()
        options = dict(given.arguments)
        average, reduce = (options.pop(name, None) for name in _OLD)
        self.reduction = reduction_of(average, reduce, options.pop("reduction"))
        for name, value in options.items():
            if name in _BUFFERS:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)
        self._options = tuple(options)

    def forward(self, *inputs: Any) -> Tensor:
        options = {name: getattr(self, name) for name in self._options}
        return getattr(F, self.function)(*inputs, reduction=self.reduction, **options)


def _signature(arguments: str) -> inspect.Signature:
    made: Callable = eval(f"lambda {arguments}: None")
    return inspect.signature(made)


LAYERS = {
    name: type(
        name,
        (Loss,),
        {
            "__module__": "flambeau.nn",
            "function": function,
            "__signature__": _signature(arguments),
            "__doc__": f"The loss torch.nn.functional.{function}.\n\n    Source: torch.nn.{name}\n    ",
        },
    )
    for name, (function, arguments) in TABLE.items()
}
globals().update(LAYERS)


_Triplet: Any = LAYERS["TripletMarginWithDistanceLoss"]
_Picked: Any = LAYERS["NLLLoss"]


class TripletMarginWithDistanceLoss(_Triplet):
    """The loss torch.nn.functional.triplet_margin_with_distance_loss.

    Source: torch.nn.TripletMarginWithDistanceLoss
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.__dict__.get("distance_function", self) is None:
            del self.__dict__["distance_function"]
            self.distance_function = PairwiseDistance()


LAYERS["TripletMarginWithDistanceLoss"] = TripletMarginWithDistanceLoss


class NLLLoss2d(_Picked):
    """NLLLoss under its old name.

    Source: torch.nn.NLLLoss2d
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        import warnings

        warnings.warn(
            "NLLLoss2d has been deprecated. Please use NLLLoss instead as a drop-in replacement.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(*args, **kwargs)
