"""kornia: filters, colours, geometry, augmentations, features and losses."""

import kornia
import torch
from kornia import (
    augmentation,
    color,
    enhance,
    feature,
    filters,
    geometry,
    losses,
    metrics,
    morphology,
)
from report import TRAINING, show

torch.manual_seed(0)
x = torch.rand(2, 3, 16, 16)
gray = color.rgb_to_grayscale(x)
show("gray", gray)
show("blur", filters.gaussian_blur2d(x, (3, 3), (1.5, 1.5)))
show("edges", [filters.sobel(x), filters.laplacian(x, 3), filters.canny(x)[0]])
show("median", filters.median_blur(x, (3, 3)))
show("bilateral", filters.bilateral_blur(x, (3, 3), 0.1, (1.0, 1.0)))
show("sharp", filters.unsharp_mask(x, (3, 3), (1.0, 1.0)))
for name in ("hsv", "lab", "yuv", "ycbcr", "xyz"):
    there = getattr(color, f"rgb_to_{name}")(x)
    show(name, [there, getattr(color, f"{name}_to_rgb")(there)], 1e-4)
show("rotated", geometry.rotate(x, torch.tensor([30.0, 45.0])), 1e-4)
matrix = torch.eye(3).repeat(2, 1, 1) + 0.01
show("warped", geometry.warp_perspective(x, matrix, (16, 16)), 1e-4)
show("resized", geometry.resize(x, (8, 8)))
show("cropped", geometry.center_crop(x, (8, 8)), 1e-4)
angles = torch.tensor([[0.1, 0.2, 0.3]])
rotation = geometry.axis_angle_to_rotation_matrix(angles)
show("rotation", [rotation, geometry.rotation_matrix_to_quaternion(rotation)], 1e-4)
corners, others = torch.rand(1, 8, 2), torch.rand(1, 8, 2)
show("homography", geometry.find_homography_dlt(corners, others), TRAINING)
boxes = torch.tensor([[[1.0, 1.0], [5.0, 1.0], [5.0, 5.0], [1.0, 5.0]]])
show("box", geometry.bbox.bbox_to_mask(boxes, 8, 8))

torch.manual_seed(1)
augment = augmentation.AugmentationSequential(
    augmentation.RandomHorizontalFlip(p=0.5),
    augmentation.ColorJitter(0.1, 0.1, 0.1, 0.1, p=1.0),
    augmentation.RandomAffine(15.0, p=1.0),
    augmentation.RandomErasing(p=1.0),
    data_keys=["input", "mask"],
)
images, masks = augment(x, (x > 0.5).float())
show("augmented", [images, masks], 1e-4)
show("mixed", augmentation.RandomMixUpV2(p=1.0)(x, torch.tensor([0, 1])), 1e-4)
show("parameters", augment.transform_matrix, 1e-4)

show("normalised", enhance.normalize(x, torch.tensor([0.5] * 3), torch.tensor([0.2] * 3)))
show("equalised", [enhance.equalize(x), enhance.equalize_clahe(x, grid_size=(2, 2))], 1e-4)
show("gamma", enhance.adjust_gamma(x, 0.7))
show("jpeg", enhance.jpeg_codec_differentiable(x, torch.tensor([50.0, 80.0])), TRAINING)
show("dilated", morphology.dilation(x, torch.ones(3, 3)))
show("harris", feature.harris_response(gray))
show("sift", feature.SIFTDescriptor(16)(gray), 1e-4)
show("pyramid", geometry.build_pyramid(x, 2)[1])
show("quality", [metrics.ssim(x, x.flip(0), 5), metrics.psnr(x, x.flip(0), 1.0)], 1e-4)
logits = torch.randn(1, 3, 4, 4, requires_grad=True)
labels = torch.randint(0, 3, (1, 4, 4))
loss = losses.dice_loss(logits, labels) + losses.focal_loss(logits, labels, 0.5, reduction="mean")
loss.backward()
show("losses", [loss, logits.grad, losses.total_variation(x)], 1e-4)
show("tensor", kornia.utils.tensor_to_image(x[0]).shape)
