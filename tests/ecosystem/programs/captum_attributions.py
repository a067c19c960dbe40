"""captum: attributions of inputs, layers and neurons of a small network."""

import numpy as np
import torch
from captum.attr import (
    DeepLift,
    FeatureAblation,
    GradientShap,
    GuidedGradCam,
    InputXGradient,
    IntegratedGradients,
    KernelShap,
    LayerActivation,
    LayerConductance,
    LayerGradCam,
    LayerIntegratedGradients,
    NeuronConductance,
    NoiseTunnel,
    Occlusion,
    Saliency,
    ShapleyValueSampling,
)
from captum.metrics import infidelity, sensitivity_max
from report import show
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(64, 3)

    def forward(self, x):
        return self.head(self.pool(self.relu(self.convolution(x))).flatten(1))


net = Net().eval()
x = torch.randn(2, 1, 8, 8)
baseline = torch.zeros_like(x)
attribution, delta = IntegratedGradients(net).attribute(
    x, baseline, target=1, n_steps=20, return_convergence_delta=True
)
show("integrated gradients", [attribution, delta], 1e-4)
show("saliency", Saliency(net).attribute(x, target=0))
show("input x gradient", InputXGradient(net).attribute(x, target=0))
show("deep lift", DeepLift(net).attribute(x, baseline, target=2))
show("occlusion", Occlusion(net).attribute(x, (1, 4, 4), strides=(1, 4, 4), target=1))
mask = torch.arange(64).view(1, 1, 8, 8) // 16
show("ablation", FeatureAblation(net).attribute(x, target=1, feature_mask=mask))
show("grad-cam", LayerGradCam(net, net.convolution).attribute(x, target=1))
show("guided grad-cam", GuidedGradCam(net, net.convolution).attribute(x, target=1))
show("layer", LayerActivation(net, net.pool).attribute(x))
show("conductance", LayerConductance(net, net.convolution).attribute(x, target=1, n_steps=10))
neuron = NeuronConductance(net, net.pool).attribute(x, (1, 2, 2), target=1, n_steps=10)
show("neuron", neuron)

torch.manual_seed(1)
np.random.seed(1)  # noqa: NPY002 (what the package draws from)
shap = GradientShap(net).attribute(x, torch.randn(4, 1, 8, 8), target=1, n_samples=4)
show("gradient shap", shap)
noisy = NoiseTunnel(Saliency(net)).attribute(x, nt_type="smoothgrad", nt_samples=3, target=1)
show("smoothed", noisy)
options = {"target": 1, "feature_mask": mask, "n_samples": 12}
show("kernel shap", KernelShap(net).attribute(x[:1], **options), 1e-3)
show("shapley", ShapleyValueSampling(net).attribute(x[:1], **{**options, "n_samples": 3}))
show("sensitivity", sensitivity_max(Saliency(net).attribute, x, target=1))


def perturbed(inputs):
    noise = 0.1 * torch.randn_like(inputs)
    return noise, inputs - noise


show("infidelity", infidelity(net, perturbed, x, attribution, target=1))

words = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 2))
tokens = torch.tensor([[1, 2, 3], [4, 5, 6]])
layered = LayerIntegratedGradients(words, words[0])
show("words", layered.attribute(tokens, torch.zeros_like(tokens), target=1, n_steps=10), 1e-4)
