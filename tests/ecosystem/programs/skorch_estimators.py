"""skorch: networks as estimators of scikit-learn: callbacks, pipelines, searches, files."""

import pickle

import numpy as np
import torch
from report import TRAINING, show
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import (
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LRScheduler,
)
from skorch.helper import SliceDataset, predefined_split
from torch import nn

torch.manual_seed(0)
np.random.seed(0)  # noqa: NPY002 (what the package draws from)
x, y = make_classification(120, 8, random_state=0)
x, y = x.astype(np.float32), y.astype(np.int64)


class Net(nn.Module):
    def __init__(self, hidden=10, out=2):
        super().__init__()
        self.first, self.second = nn.Linear(8, hidden), nn.Linear(hidden, out)

    def forward(self, x):
        return self.second(torch.relu(self.first(x))).squeeze(-1)


def history(net, name="train_loss"):
    return [float(value) for value in net.history[:, name]]


options = {"max_epochs": 4, "lr": 0.1, "verbose": 0, "criterion": nn.CrossEntropyLoss}
net = NeuralNetClassifier(
    Net,
    callbacks=[
        EarlyStopping(patience=3),
        LRScheduler("StepLR", step_size=2),
        EpochScoring("roc_auc", lower_is_better=False),
        GradientNormClipping(1.0),
        Checkpoint(dirname="best", load_best=True),
    ],
    optimizer=torch.optim.Adam,
    iterator_train__shuffle=True,
    **options,
)
net.fit(x, y)
show("training", [history(net), history(net, "valid_loss")], TRAINING)
show("predictions", torch.from_numpy(net.predict_proba(x)), TRAINING)
show("score", net.score(x, y), 1e-2)
again = pickle.loads(pickle.dumps(net))
show("pickled", bool((again.predict(x) == net.predict(x)).all()))
net.save_params("net.pt", f_optimizer="optimizer.pt", f_history="history.json")
other = NeuralNetClassifier(Net, optimizer=torch.optim.Adam, **options).initialize()
other.load_params("net.pt", f_optimizer="optimizer.pt", f_history="history.json")
show("loaded", [bool((other.predict(x) == net.predict(x)).all()), len(other.history)])
net.partial_fit(x, y)
show("further", len(net.history))

torch.manual_seed(0)
pipeline = make_pipeline(StandardScaler(), NeuralNetClassifier(Net, **options))
pipeline.fit(x, y)
show("pipeline", history(pipeline[-1]), TRAINING)
grid = {"lr": [0.01, 0.1], "module__hidden": [4, 8]}
search = GridSearchCV(NeuralNetClassifier(Net, train_split=None, **options), grid, cv=2)
search.fit(x, y)
show("search", [search.best_score_, sorted(search.best_params_)], 1e-2)

torch.manual_seed(0)
target = x[:, :1].sum(1)
held = torch.utils.data.TensorDataset(torch.from_numpy(x[:20]), torch.from_numpy(target[:20]))
options = {"max_epochs": 3, "lr": 0.05, "verbose": 0, "module__out": 1}
line = NeuralNetRegressor(
    Net, train_split=predefined_split(held), callbacks=[Freezer("first.*")], **options
)
line.fit(x, target)
show("regression", [history(line), history(line, "valid_loss")], TRAINING)
binary = NeuralNetBinaryClassifier(Net, **options)
binary.fit(SliceDataset(torch.utils.data.TensorDataset(torch.from_numpy(x))), y.astype(np.float32))
show("binary", [history(binary), binary.predict(x)[:10].tolist()], TRAINING)
