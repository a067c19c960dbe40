"""What the programs share: numbers are shown as one line of JSON each, with the accuracy they have."""

import json

import torch

FORWARD = 1e-5  # what one pass through a model keeps
TRAINING = 1e-3  # what some steps of an optimiser keep


def show(name, value, rtol=FORWARD):
    """Print `value`: a tensor, numbers, strings, or lists and dicts of them."""
    print(json.dumps({"name": name, "rtol": rtol, "value": plain(value)}), flush=True)


def plain(value):
    """What JSON can hold. Of a large tensor its shape, its norm and sixteen elements are enough."""
    if isinstance(value, torch.Tensor):
        return digest(value.detach())
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.item() if hasattr(value, "item") else str(value)


def digest(tensor):
    if tensor.is_complex():
        return digest(torch.view_as_real(tensor))
    flat = tensor.double().flatten() if tensor.is_floating_point() else tensor.long().flatten()
    if flat.numel() <= 32:
        return {"shape": list(tensor.shape), "elements": flat.tolist()}
    chosen = flat[:: -(-flat.numel() // 16)]
    return {
        "shape": list(tensor.shape),
        "norm": flat.double().norm().item(),
        "elements": chosen.tolist(),
    }


def train(parameters, loss, steps=5, make=torch.optim.AdamW, **options):
    """The losses of some steps, and the norm of the first gradient."""
    parameters = [p for p in parameters if p.requires_grad]
    optimizer = make(parameters, **{"lr": 1e-3, **options})
    losses, norm = [], None
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        if norm is None:
            norm = gradient_norm(parameters)
        optimizer.step()
        losses.append(value.item())
    return {"losses": losses, "gradient": norm}


def gradient_norm(parameters):
    grads = [p.grad.double().norm() for p in parameters if p.grad is not None]
    return torch.stack(grads).norm().item()
