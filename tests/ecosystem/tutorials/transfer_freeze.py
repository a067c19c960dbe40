"""A pretrained network with a new head: frozen layers, phases, the best state."""

import copy

import torch
import torch.nn as nn
from torch.optim import lr_scheduler

torch.manual_seed(0)


class Block(nn.Module):
    expansion: int = 1

    def __init__(self, i, o, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(o)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(o)
        self.downsample = (
            nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
            if stride != 1 or i != o
            else None
        )

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, n=10):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(True)
        )
        self.layer1 = nn.Sequential(Block(8, 8), Block(8, 8))
        self.layer2 = nn.Sequential(Block(8, 16, 2), Block(16, 16))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16, n)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)

    def forward(self, x):
        return self.fc(torch.flatten(self.avgpool(self.layer2(self.layer1(self.stem(x)))), 1))


net = ResNet()
for param in net.parameters():
    param.requires_grad = False
net.fc = nn.Linear(net.fc.in_features, 2)
opt = torch.optim.SGD(net.fc.parameters(), lr=0.1, momentum=0.9)
sch = lr_scheduler.ReduceLROnPlateau(opt, patience=1)
x = torch.randn(32, 3, 16, 16)
y = torch.randint(0, 2, (32,))
best = copy.deepcopy(net.state_dict())
best_acc = 0.0
for _ in range(6):
    for phase in ["train", "val"]:
        net.train() if phase == "train" else net.eval()
        opt.zero_grad()
        with torch.set_grad_enabled(phase == "train"):
            out = net(x)
            _, preds = torch.max(out, 1)
            loss = nn.CrossEntropyLoss(label_smoothing=0.1)(out, y)
            if phase == "train":
                loss.backward()
                opt.step()
        acc = torch.sum(preds == y.data).double() / len(x)
        if phase == "val" and acc > best_acc:
            best_acc = acc
            best = copy.deepcopy(net.state_dict())
        print(f"{phase} Loss: {loss.item():.4f} Acc: {acc:.4f}")
    sch.step(loss)
net.load_state_dict(best)
print(f"Best val Acc: {best_acc:4f}", opt.param_groups[0]["lr"], sorted(best)[:3])
ema = torch.optim.swa_utils.AveragedModel(
    net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
)
ema.update_parameters(net)
print(ema.n_averaged)
