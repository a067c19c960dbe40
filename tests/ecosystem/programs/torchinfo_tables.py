"""torchinfo: the table of a network's layers, and its numbers."""

import torch
from report import show
from torch import nn
from torchinfo import summary

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.recurrent = nn.LSTM(8, 16, batch_first=True, bidirectional=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        x = self.features(x).flatten(2).transpose(1, 2)
        return self.head(self.recurrent(x)[0][:, -1])


columns = ("input_size", "output_size", "num_params", "kernel_size", "mult_adds", "trainable")
table = summary(Net(), input_size=(2, 3, 8, 8), col_names=columns, depth=4, verbose=0)
show("table", str(table))
show("parameters", [table.total_params, table.trainable_params, table.total_mult_adds])
show("bytes", [table.total_output_bytes, table.total_param_bytes])
layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
show("layer", str(summary(layer, input_data=[torch.ones(1, 5, 16)], verbose=0)))
