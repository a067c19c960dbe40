"""Loss layers: the losses of nn.functional with their options kept."""

from __future__ import annotations

import inspect
from inspect import Parameter
from typing import Any

from .._caller import warn
from ..core.tensor import Tensor
from . import functional as F
from .module import Module
from .shape import PairwiseDistance
from .table import parameters_of

_BUFFERS = ("weight", "pos_weight")
_OLD = ("size_average", "reduce")
_WEIGHTED = (
    "BCELoss",
    "NLLLoss",
    "CrossEntropyLoss",
    "MultiMarginLoss",
    "MultiLabelSoftMarginLoss",
)


class _Loss(Module):
    """Base of losses: keeps how the elements are reduced.

    Args:
        size_average, reduce: The old way to say `reduction`.
        reduction: "none", "mean" or "sum".
    """

    reduction: str

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.reduction = reduction
        if size_average is not None or reduce is not None:
            from ..ops.loss.reduction import legacy

            self.reduction = legacy(size_average, reduce)


class _WeightedLoss(_Loss):
    """Base of losses with a weight for each class."""

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class Loss(_Loss):
    """Base of the losses here: one function of nn.functional, and its options kept."""

    function: str
    __signature__: inspect.Signature

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            given = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.__init__(): {error}") from None
        given.apply_defaults()
        options = dict(given.arguments)
        average, reduce = (options.pop(name, None) for name in _OLD)
        _Loss.__init__(self, average, reduce, options.pop("reduction"))
        for name, value in options.items():
            if name in _BUFFERS:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)
        self._options = tuple(options)

    def forward(self, *inputs: Any) -> Tensor:
        options = {name: getattr(self, name) for name in self._options}
        return getattr(F, self.function)(*inputs, reduction=self.reduction, **options)


LAYERS: dict[str, type[Loss]] = {}


def loss(name: str, function: str, without: tuple[str, ...] = (), by_keyword: bool = False) -> Any:
    """Make the layer of a loss.

    Args:
        name: Of the class.
        function: Of nn.functional; it says which options there are, in which order, with which
            defaults.
        without: Options of the function that the layer does not have.
        by_keyword: Are all options given by keyword?
    """
    kind = Parameter.KEYWORD_ONLY if by_keyword else Parameter.POSITIONAL_OR_KEYWORD
    options = [
        Parameter(option, kind, default=default)
        for option, default in parameters_of(function).items()
        if default is not Parameter.empty and option not in without
    ]
    scope = {
        "__module__": "flambeau.nn",
        "__doc__": f"The loss torch.nn.functional.{function}.\n\n    Source: torch.nn.{name}\n    ",
        "__signature__": inspect.Signature(options),
        "function": function,
    }
    bases = (Loss, _WeightedLoss) if name in _WEIGHTED else (Loss,)
    LAYERS[name] = made = type(name, bases, scope)
    return made


# The weights of single elements are an option of the functions only.
L1Loss = loss("L1Loss", "l1_loss", without=("weight",))
MSELoss = loss("MSELoss", "mse_loss", without=("weight",))
SmoothL1Loss = loss("SmoothL1Loss", "smooth_l1_loss")
HuberLoss = loss("HuberLoss", "huber_loss", without=("weight",))
BCELoss = loss("BCELoss", "binary_cross_entropy")
BCEWithLogitsLoss = loss("BCEWithLogitsLoss", "binary_cross_entropy_with_logits")
NLLLoss: Any = loss("NLLLoss", "nll_loss")
CrossEntropyLoss = loss("CrossEntropyLoss", "cross_entropy")
KLDivLoss = loss("KLDivLoss", "kl_div")
PoissonNLLLoss = loss("PoissonNLLLoss", "poisson_nll_loss")
GaussianNLLLoss = loss("GaussianNLLLoss", "gaussian_nll_loss", by_keyword=True)
HingeEmbeddingLoss = loss("HingeEmbeddingLoss", "hinge_embedding_loss")
MarginRankingLoss = loss("MarginRankingLoss", "margin_ranking_loss")
CosineEmbeddingLoss = loss("CosineEmbeddingLoss", "cosine_embedding_loss")
SoftMarginLoss = loss("SoftMarginLoss", "soft_margin_loss")
MultiMarginLoss = loss("MultiMarginLoss", "multi_margin_loss")
MultiLabelMarginLoss = loss("MultiLabelMarginLoss", "multilabel_margin_loss")
MultiLabelSoftMarginLoss = loss("MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss")
TripletMarginLoss = loss("TripletMarginLoss", "triplet_margin_loss")
CTCLoss = loss("CTCLoss", "ctc_loss")
_Triplet: Any = loss(
    "TripletMarginWithDistanceLoss", "triplet_margin_with_distance_loss", by_keyword=True
)


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


class NLLLoss2d(NLLLoss):
    """NLLLoss under its old name.

    Source: torch.nn.NLLLoss2d
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warn(
            "NLLLoss2d has been deprecated. Please use NLLLoss instead as a drop-in replacement.",
            FutureWarning,
        )
        super().__init__(*args, **kwargs)
