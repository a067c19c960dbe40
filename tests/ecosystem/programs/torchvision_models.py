"""torchvision's Python part: models, their features, transforms, and the operations of detectors."""

import numpy as np
import torch
from PIL import Image
from report import TRAINING, show, train
from torchvision import models, ops, tv_tensors, utils
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names
from torchvision.transforms import v2

torch.manual_seed(0)
images = torch.rand(2, 3, 64, 64)
labels = torch.tensor([1, 3])

resnet = models.resnet18(num_classes=5)
show("resnet", resnet(images), TRAINING)
extractor = create_feature_extractor(resnet.eval(), {"layer2": "middle", "flatten": "end"})
show("features", extractor(images), TRAINING)
show("nodes", get_graph_node_names(resnet.train())[1])
loss = lambda: torch.nn.functional.cross_entropy(resnet(images), labels)
show("resnet trained", train(resnet.parameters(), loss, 2), TRAINING)
for name in ("mobilenet_v3_small", "efficientnet_b0", "convnext_tiny", "squeezenet1_1"):
    torch.manual_seed(0)
    show(name, models.get_model(name, num_classes=5).eval()(images))
torch.manual_seed(0)
vit = models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5)
show("vit", vit.eval()(images[:, :, :32, :32]))
segmenter = models.segmentation.lraspp_mobilenet_v3_large(num_classes=3, weights_backbone=None)
show("segmented", segmenter.eval()(images)["out"])

boxes = torch.rand(40, 2) * 30
boxes = torch.cat([boxes, boxes + 3 + torch.rand(40, 2) * 20], 1)
scores = torch.rand(40)
show("nms", ops.nms(boxes, scores, 0.3))
show("batched nms", ops.batched_nms(boxes, scores, torch.arange(40) % 3, 0.3))
show("iou", [ops.box_iou(boxes[:3], boxes), ops.generalized_box_iou(boxes[:3], boxes)])
features = torch.randn(2, 4, 16, 16, requires_grad=True)
regions = [boxes[:3], boxes[3:5]]
for name in ("roi_align", "roi_pool", "ps_roi_align"):
    size = (2, 2)
    pooled = getattr(ops, name)(features, regions, size, spatial_scale=0.25)
    (grad,) = torch.autograd.grad(pooled.square().sum(), features)
    show(name, [pooled, grad])
show("focal", ops.sigmoid_focal_loss(torch.randn(4, 3), torch.ones(4, 3), reduction="mean"))

pixels = torch.randint(0, 256, (3, 40, 48), dtype=torch.uint8)
torch.manual_seed(0)
augment = v2.Compose(
    [
        v2.RandomResizedCrop(24, antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(0.3, 0.3, 0.3),
        v2.RandomRotation(20),
        v2.GaussianBlur(3),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.5] * 3, [0.25] * 3),
    ]
)
show("augmented", augment(pixels.float() / 255))
target = tv_tensors.BoundingBoxes(boxes[:3], format="XYXY", canvas_size=(40, 48))
flipped = v2.RandomHorizontalFlip(1.0)(tv_tensors.Image(pixels), target)
show(
    "flipped",
    [type(flipped[1]).__name__, flipped[1].as_subclass(torch.Tensor), flipped[0].float().mean()],
)
picture = Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3))
show("picture", v2.functional.to_image(picture).sum((1, 2)))
show("grid", utils.make_grid(images, normalize=True))
