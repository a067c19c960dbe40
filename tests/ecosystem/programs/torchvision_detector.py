"""torchvision's detectors: losses, gradients and boxes of a small Faster R-CNN."""

import torch
from report import TRAINING, show, train
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.rpn import AnchorGenerator

torch.manual_seed(0)
backbone = nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU())
backbone.out_channels = 16
anchors = AnchorGenerator(sizes=((16, 32),), aspect_ratios=((0.5, 1.0, 2.0),))
detector = FasterRCNN(
    backbone, num_classes=3, rpn_anchor_generator=anchors, min_size=64, max_size=64,
    box_detections_per_img=5,
)  # fmt: skip
images = [torch.rand(3, 64, 64), torch.rand(3, 48, 64)]
boxes = torch.tensor([[4.0, 6.0, 30.0, 40.0], [20.0, 8.0, 50.0, 44.0]])
targets = [{"boxes": boxes, "labels": torch.tensor([1, 2])} for _ in images]
torch.manual_seed(0)
show("losses", detector(images, targets), TRAINING)
torch.manual_seed(0)
show(
    "trained",
    train(detector.parameters(), lambda: sum(detector(images, targets).values()), 2),
    TRAINING,
)
found = detector.eval()(images)
show("found", [entry["labels"].shape[0] for entry in found])
