"""tensordict: dictionaries of tensors, classes of them, their modules, files and ensembles."""

import torch
from report import show
from tensordict import (
    LazyStackedTensorDict,
    NonTensorData,
    TensorDict,
    tensorclass,
)
from tensordict.nn import (
    EnsembleModule,
    InteractionType,
    NormalParamExtractor,
    ProbabilisticTensorDictModule,
    ProbabilisticTensorDictSequential,
    TensorDictModule,
    TensorDictSequential,
    set_interaction_type,
)
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
data = TensorDict(
    {"a": torch.randn(4, 3), "inner": {"b": torch.arange(8).view(4, 2)}}, batch_size=[4]
)
show("shown", str(data))
show("parts", [data[1:3]["a"], data["inner", "b"], data.reshape(2, 2)["a"].shape])
show("stacked", torch.stack([data, data], 1)["a"])
show("joined", torch.cat([data, data])["inner", "b"].shape)
show("flat", sorted(data.flatten_keys(".").keys()))
show("chosen", data[data["a"][:, 0] > 0]["a"])
show("mapped", data.apply(lambda value: value + 1)["inner", "b"])
show("arithmetic", [(data.select("a") * 2 + 1)["a"], data.select("a").norm()["a"]])
lazy = LazyStackedTensorDict.lazy_stack([TensorDict(x=torch.ones(n)) for n in (2, 3)])
show("lazy", [list(part["x"].shape) for part in lazy])
data["note"] = NonTensorData("kept")
show("note", data["note"])
batches = DataLoader(data, batch_size=2, shuffle=True, collate_fn=torch.stack)
show("batches", [batch["a"] for batch in batches])


@tensorclass
class Point:
    place: torch.Tensor
    weight: torch.Tensor
    name: str = "point"

    def moved(self, by):
        return self.place + by


points = Point(torch.randn(3, 2), torch.ones(3), batch_size=[3])
show("class", [points[1:].place, points.moved(1.0), points.name])
show("classes", torch.stack([points, points]).weight.shape)

data.exclude("note").memmap("saved")
show("saved", TensorDict.load_memmap("saved")["a"])
torch.save(data.exclude("note"), "data.pt")
show("loaded", torch.load("data.pt", weights_only=False)["inner", "b"])

net = TensorDictSequential(
    TensorDictModule(nn.Linear(3, 5), in_keys=["a"], out_keys=["hidden"]),
    TensorDictModule(nn.Tanh(), in_keys=["hidden"], out_keys=["out"]),
)
result = net(data.clone())
result["out"].sum().backward()
show("module", [result["out"], net[0].module.weight.grad])
show("keys", [list(net.in_keys), list(net.out_keys)])
policy = ProbabilisticTensorDictSequential(
    TensorDictModule(nn.Linear(3, 4), ["a"], ["parameters"]),
    TensorDictModule(NormalParamExtractor(), ["parameters"], ["loc", "scale"]),
    ProbabilisticTensorDictModule(
        in_keys=["loc", "scale"],
        out_keys=["action"],
        distribution_class=torch.distributions.Normal,
        return_log_prob=True,
    ),
)
acted = policy(data.clone())
show("action", [acted["action"], acted["action_log_prob"]], 1e-4)
with set_interaction_type(InteractionType.MODE):
    show("mode", policy(data.clone())["action"])

layer = nn.Linear(3, 2)
copies = [nn.Linear(3, 2) for _ in range(3)]
parameters = torch.stack([TensorDict.from_module(copy) for copy in copies])


def call(x, values):
    with values.to_module(layer):
        return layer(x)


show("ensemble", torch.vmap(call, (None, 0))(data["a"], parameters.data))
show("mapped over", torch.vmap(lambda part: part["a"] * 2)(data.select("a")))
ensemble = EnsembleModule(TensorDictModule(nn.Linear(3, 2), ["a"], ["out"]), num_copies=3)
show("copies", ensemble(data.select("a"))["out"], 1e-4)
