"""safetensors: tensors and modules written, read whole, in part, and with shared memory."""

import torch
from report import show
from safetensors import safe_open
from safetensors.torch import load, load_file, load_model, save, save_file, save_model
from torch import nn

torch.manual_seed(0)
tensors = {
    "float": torch.randn(4, 6),
    "half": torch.randn(3).half(),
    "bfloat16": torch.randn(5).bfloat16(),
    "mask": torch.tensor([True, False]),
    "long": torch.arange(6).reshape(2, 3),
    "empty": torch.zeros(0, 2),
    "number": torch.tensor(3.5),
}
save_file(tensors, "tensors.safetensors", metadata={"made": "here"})
loaded = load_file("tensors.safetensors")
show("names", sorted(loaded))
show("dtypes", [str(loaded[name].dtype) for name in tensors])
show("equal", [torch.equal(loaded[name], tensors[name]) for name in tensors])
show("bytes", len(save(tensors)))
show("from bytes", load(save(tensors))["float"])
with safe_open("tensors.safetensors", framework="pt", device="cpu") as file:
    show("metadata", file.metadata())
    part = file.get_slice("float")
    show("slice", [part[1:3], part[:, 2:4]])
    show("shape", part.get_shape())
    show("tensor", file.get_tensor("bfloat16"))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
        self.head.weight = self.table.weight


model, other = Tied(), Tied()
save_model(model, "model.safetensors")
show("missing", [sorted(names) for names in load_model(other, "model.safetensors")])
show(
    "tied",
    [torch.equal(other.head.weight, model.table.weight), other.head.weight is other.table.weight],
)
try:
    save_file({"a": model.table.weight, "b": model.head.weight}, "shared.safetensors")
except RuntimeError as error:
    show("shared", "share memory" in str(error))
try:
    save_file({"a": torch.zeros(4, 4).t()[1:]}, "strided.safetensors")
except ValueError as error:
    show("strided", "non contiguous" in str(error))
