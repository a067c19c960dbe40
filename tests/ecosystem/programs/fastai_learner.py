"""fastai: a learner over a loader of one's own: schedules, callbacks, files, predictions."""

import torch
from fastai.callback.core import Callback
from fastai.callback.schedule import LRFinder  # noqa: F401 (it adds fit_one_cycle to learners)
from fastai.callback.tracker import EarlyStoppingCallback, SaveModelCallback
from fastai.callback.training import GradientClip
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.optimizer import Adam, ranger
from fastai.torch_core import set_seed
from report import TRAINING, show
from torch import nn

set_seed(0)
x = torch.randn(64, 5)
pairs = list(zip(x, (x.sum(1) > 0).long(), strict=True))
loaders = DataLoaders(DataLoader(pairs, bs=16, shuffle=False), DataLoader(pairs, bs=16))


class Losses(Callback):
    def before_fit(self):
        self.seen = []

    def after_batch(self):
        if self.training:
            self.seen.append(self.loss.item())


def learner(**options):
    net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2))
    return Learner(loaders, net, loss_func=CrossEntropyLossFlat(), metrics=accuracy, **options)


first = learner(opt_func=Adam, cbs=[Losses(), GradientClip(1.0)])
with first.no_bar(), first.no_logging():
    first.fit(2, 0.01)
    show("fit", first.losses.seen, TRAINING)
    first.fit_one_cycle(2, 0.01)
    show("one cycle", [first.losses.seen, list(first.validate())], TRAINING)
    predictions, targets = first.get_preds()
show("predictions", [predictions, targets], TRAINING)
first.save("first")
second = learner(
    opt_func=ranger,
    cbs=[Losses(), SaveModelCallback(), EarlyStoppingCallback(patience=2)],
)
second.load("first")
with second.no_bar(), second.no_logging():
    second.fit_flat_cos(2, 0.01)
show("ranger", second.losses.seen, TRAINING)
second.freeze_to(-1)
show("groups", [len(second.opt.param_lists), len(second.opt.hypers)])
