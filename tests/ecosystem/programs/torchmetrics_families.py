"""torchmetrics: measures of classes, numbers, images, sound, text and retrieval, in batches and together."""

import torch
import torchmetrics
from report import FORWARD, TRAINING, show
from torchmetrics import (
    MetricCollection,
    clustering,
    functional,
    image,
    nominal,
    regression,
    retrieval,
    text,
)
from torchmetrics import audio as audio
from torchmetrics import classification as classes

torch.manual_seed(0)
scores, labels = torch.randn(40, 5).softmax(-1), torch.randint(0, 5, (40,))
chances, truth = torch.rand(40), torch.randint(0, 2, (40,))
x, y = torch.randn(40), torch.randn(40)
pictures, others = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
sound, clean = torch.randn(2, 400), torch.randn(2, 400)
groups = torch.randint(0, 4, (40,))


def study(metric, *arguments, **options):
    """In two batches and as a whole: `forward`, `update`, `compute` and `reset`."""
    for half in (slice(0, 1), slice(1, None)):
        parts = [
            a[half] if a.shape[0] == 2 else a[half.start * 20 : half.start * 20 + 20]
            for a in arguments
        ]
        metric.update(
            *parts, **{k: v[half.start * 20 : half.start * 20 + 20] for k, v in options.items()}
        )
    value = metric.compute()
    metric.reset()
    # Variances as differences of means: their digits cancel.
    cancels = isinstance(
        metric, image.StructuralSimilarityIndexMeasure | image.UniversalImageQualityIndex
    )
    show(type(metric).__name__, value, TRAINING if cancels else FORWARD)


for metric in (
    classes.MulticlassAccuracy(5),
    classes.MulticlassF1Score(5, average=None),
    classes.MulticlassConfusionMatrix(5, normalize="true"),
    classes.MulticlassAUROC(5),
    classes.MulticlassAveragePrecision(5),
    classes.MulticlassCalibrationError(5),
    classes.MulticlassCohenKappa(5),
    classes.MulticlassMatthewsCorrCoef(5),
    classes.MulticlassJaccardIndex(5),
    classes.MulticlassPrecisionRecallCurve(5, thresholds=6),
    classes.MulticlassHingeLoss(5),
):
    study(metric, scores, labels)
for metric in (
    classes.BinaryAUROC(),
    classes.BinaryROC(thresholds=None),
    classes.BinaryPrecision(),
    classes.BinarySpecificity(),
    classes.BinaryStatScores(),
):
    study(metric, chances, truth)
for metric in (
    regression.MeanSquaredError(squared=False),
    regression.MeanAbsoluteError(),
    regression.PearsonCorrCoef(),
    regression.SpearmanCorrCoef(),
    regression.KendallRankCorrCoef(),
    regression.R2Score(),
    regression.ExplainedVariance(),
    regression.ConcordanceCorrCoef(),
    regression.LogCoshError(),
    regression.CosineSimilarity(),
):
    pair = (
        (x.reshape(40, 1), y.reshape(40, 1))
        if isinstance(metric, regression.CosineSimilarity)
        else (x, y)
    )
    study(metric, *pair)
for metric in (
    image.PeakSignalNoiseRatio(data_range=1.0),
    image.StructuralSimilarityIndexMeasure(data_range=1.0),
    image.TotalVariation(),
    image.UniversalImageQualityIndex(),
    image.SpectralAngleMapper(),
    image.ErrorRelativeGlobalDimensionlessSynthesis(),
):
    study(
        metric, *((pictures,) if isinstance(metric, image.TotalVariation) else (pictures, others))
    )
for metric in (
    audio.ScaleInvariantSignalNoiseRatio(),
    audio.SignalDistortionRatio(filter_length=32),
):
    study(metric, sound, clean)
for metric in (
    retrieval.RetrievalMAP(),
    retrieval.RetrievalNormalizedDCG(),
    retrieval.RetrievalMRR(),
):
    study(metric, chances, truth, indexes=groups)
for metric in (clustering.MutualInfoScore(), clustering.AdjustedRandScore(), nominal.CramersV(5)):
    study(metric, labels, groups)

words, meant = ["the torch burns", "a flame"], ["the torch is burning", "a flame"]
show("words", text.WordErrorRate()(words, meant))
show("bleu", text.BLEUScore(n_gram=2)(words, [[line] for line in meant]))
show("perplexity", text.Perplexity()(torch.randn(2, 6, 5), torch.randint(0, 5, (2, 6))))
show("pairs", functional.pairwise_cosine_similarity(torch.randn(3, 4), torch.randn(2, 4)))
together = MetricCollection(
    [classes.MulticlassAccuracy(5), classes.MulticlassRecall(5)], prefix="valid/"
)
show("together", together(scores, labels))
show("copied", together.clone(prefix="test/")(scores, labels))
boot = torchmetrics.wrappers.MinMaxMetric(classes.MulticlassAccuracy(5))
show("extremes", boot(scores, labels))
mean = torchmetrics.MeanMetric()
mean.update(x, weight=chances)
show("mean", mean.compute())
tracker = torchmetrics.wrappers.MetricTracker(classes.MulticlassAccuracy(5))
for step in range(2):
    tracker.increment()
    tracker.update(scores[step * 20 :][:20], labels[step * 20 :][:20])
show("tracked", [tracker.compute_all(), tracker.best_metric()])
