"""A convolutional network for images of bars, trained, tested, saved and loaded."""

import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset, random_split


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, 1)
        self.conv2 = nn.Conv2d(8, 16, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(64, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(self.dropout1(x)))
        return F.log_softmax(self.fc2(x), dim=1)


def train(model, device, loader, optimizer, epoch):
    model.train()
    total = 0.0
    for _, (data, target) in enumerate(loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(
        f"Train Epoch: {epoch} [{len(loader.dataset)}/{len(loader.dataset)}]\tLoss: {total / len(loader):.4f}"
    )


def test(model, device, loader):
    model.eval()
    loss, correct = 0, 0
    with torch.no_grad():
        for data, target in loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            loss += F.nll_loss(output, target, reduction="sum").item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    print(
        f"Test: average loss {loss / len(loader.dataset):.3f}, accuracy {correct}/{len(loader.dataset)}"
    )


use_cuda = torch.cuda.is_available()
torch.manual_seed(1)
device = torch.device("cuda" if use_cuda else "cpu")
rng = np.random.default_rng(0)
means = rng.normal(size=(10, 1, 8, 8)).astype("float32")
labels = rng.integers(0, 10, 600)
images = means[labels] + rng.normal(size=(600, 1, 8, 8)).astype("float32")
data = TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))
train_set, test_set = random_split(data, [500, 100])
model = Net().to(device)
optimizer = optim.Adadelta(model.parameters(), lr=1.0)
scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
for epoch in range(1, 4):
    train(model, device, DataLoader(train_set, batch_size=50, shuffle=True), optimizer, epoch)
    test(model, device, DataLoader(test_set, batch_size=100))
    scheduler.step()
torch.save(model.state_dict(), "cnn.pt")
again = Net()
again.load_state_dict(torch.load("cnn.pt"))
again.eval()
print(torch.equal(again(data[0][0][None]), model(data[0][0][None])))

os.remove("cnn.pt")
