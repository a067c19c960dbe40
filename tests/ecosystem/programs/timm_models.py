"""timm: models of several families, their features, pooling and heads; its optimisers and schedules."""

import numpy as np
import timm
import torch
from report import TRAINING, show
from timm.data import Mixup
from timm.layers import DropPath
from timm.loss import LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from timm.utils import ModelEmaV3

torch.manual_seed(0)
images = torch.randn(2, 3, 64, 64)
labels = torch.tensor([1, 3])
SMALL = {
    "resnet18": {},
    "efficientnet_b0": {},
    "mobilenetv3_small_050": {},
    "regnetx_002": {},
    "convnext_atto": {},
    "vit_tiny_patch16_224": {"img_size": 64, "depth": 2},
    "swin_tiny_patch4_window7_224": {"img_size": 64, "window_size": 4, "depths": (1, 1, 1, 1)},
    "mixer_s32_224": {"img_size": 64},
}
for name, options in SMALL.items():
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=5, **options)
    show(name, model.eval()(images))
    show(f"{name} parameters", sum(p.numel() for p in model.parameters()))

torch.manual_seed(0)
model = timm.create_model(
    "vit_tiny_patch16_224", num_classes=5, img_size=64, depth=2, drop_path_rate=0.2
)
average = ModelEmaV3(model, decay=0.9)
optimizer = create_optimizer_v2(model, opt="lamb", lr=1e-2, weight_decay=0.05, layer_decay=0.8)
schedule = CosineLRScheduler(optimizer, t_initial=4, warmup_t=1, warmup_lr_init=1e-4)
smooth, losses = LabelSmoothingCrossEntropy(0.1), []
for step in range(4):
    optimizer.zero_grad()
    loss = smooth(model.train()(images), labels)
    loss.backward()
    optimizer.step()
    schedule.step(step + 1)
    average.update(model)
    losses.append(loss.item())
show("losses", losses, TRAINING)
show("average", average.module.eval()(images), TRAINING)
for kind in (
    "adamw",
    "sgd",
    "lion",
    "adabelief",
    "adan",
    "rmsproptf",
    "nadamw",
    "adafactor",
    "muon",
):
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    optimizer = create_optimizer_v2(layer, opt=kind, lr=1e-2, weight_decay=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.ones(4, 6)).square().sum().backward()
        optimizer.step()
    show(kind, list(layer.parameters()), TRAINING)

torch.manual_seed(0)
features = timm.create_model("resnet18", features_only=True, out_indices=(1, 3)).eval()
show("features", [features.feature_info.channels(), features(images)])
show("headless", timm.create_model("regnetx_002", num_classes=0, global_pool="avg").eval()(images))
traced = timm.models.create_model(
    "resnet18", features_only=True, feature_cls="fx", out_indices=(2,)
)
show("traced", traced.eval()(images))
show("intermediates", model.eval().forward_intermediates(images, indices=1)[1], TRAINING)
torch.manual_seed(0)
np.random.seed(0)  # noqa: NPY002 (what Mixup draws from)
mix = Mixup(0.2, 1.0, label_smoothing=0.1, num_classes=5)
mixed, targets = mix(images.clone(), labels)
show("soft", SoftTargetCrossEntropy()(model(mixed), targets), TRAINING)
show("path", DropPath(0.5).train()(torch.ones(8, 3)))
show("known", [len(timm.list_models("resnet1*")), timm.is_model("vit_tiny_patch16_224")])
