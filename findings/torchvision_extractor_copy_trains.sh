#!/usr/bin/env bash
# A deep copy of torchvision's feature extractor in evaluation mode is in training mode.
#
# Versions: torchvision 0.29.1 with torch 2.14.1 (CPU), Python 3.11.
#
# create_feature_extractor gives a module with two graphs and switches between them with train() and eval(). Its __deepcopy__ builds
# the copy by the class's __init__, which calls self.train(), and does not set the mode of the original afterwards. So
# copy.deepcopy(extractor.eval()), and with it an average of weights (EMA, SWA) or a target network, drops units at random and
# normalises with the batch's statistics, without a word; a deep copy of any other module keeps its mode.
#
# Seen:
#   original in training mode: False
#   its copy in training mode: True
#   a layer within the copy: True
#   same features: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.14.1 torchvision==0.29.1
seen=$("$folder/venv/bin/python" - <<'P'
import copy
import torch
from torchvision.models import resnet18
from torchvision.models.feature_extraction import create_feature_extractor
extractor = create_feature_extractor(resnet18().eval(), ["layer3"])
again = copy.deepcopy(extractor)
x = torch.rand(1, 3, 64, 64)
print("original in training mode:", extractor.training)
print("its copy in training mode:", again.training)
print("a layer within the copy:", getattr(again.layer1, "0").bn1.training)
print("same features:", torch.allclose(extractor(x)["layer3"], again(x)["layer3"], atol=1e-3))
P
)
echo "$seen"
[ "$seen" = "original in training mode: False
its copy in training mode: True
a layer within the copy: True
same features: False" ]
