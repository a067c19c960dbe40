"""What `gpu.py` times on a GPU. Each is written once, against a library `T`: flambeau or PyTorch.

A workload knows what it has to move and to multiply at least, so that its time can be held against what the chip can do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from workload import transformer_block

Step = Callable[[], object]
POINTWISE, ROWS, PRODUCTS, TRAINING, CALLS = (
    "pointwise",
    "rows",
    "products",
    "training",
    "small calls",
)
FULL = {
    "side": 8192,
    "width": 4096,
    "product": 8192,
    "batch": 64,
    "length": 2048,
    "parameters": 400,
}
"""Sizes: of square arrays, of rows, of products, of images, of sequences; how many parameters an optimiser has."""
TINY = {"side": 24, "width": 32, "product": 32, "batch": 2, "length": 16, "parameters": 3}


class Workload(NamedTuple):
    """A row of the table.

    Attributes:
        make: From a library and sizes to what is timed.
        moved: From sizes to the bytes that have to be read and written; 0 where the time is not memory's.
        operations: From sizes to multiplications and additions.
        unit: Whose peak they are held against: "float32", "tf32", "float16" or "bfloat16".
        target: flambeau's time divided by PyTorch's, that it should be at most.
    """

    section: str
    make: Callable[[Any, dict[str, int]], Step]
    moved: Callable[[dict[str, int]], float] = lambda sizes: 0
    operations: Callable[[dict[str, int]], float] = lambda sizes: 0
    unit: str = "float32"
    target: float = 1.0


WORKLOADS: dict[str, Workload] = {}


def tensor(T: Any, *shape: int, dtype: str = "float32", seed: int = 0) -> Any:
    """The same numbers in both libraries: normal ones, a few of which repeat over large arrays."""
    few = np.random.default_rng(seed).standard_normal(min(1 << 18, int(np.prod(shape))), np.float32)
    array = np.resize(few, shape)
    return T.from_numpy(array).to("cuda", getattr(T, dtype))


def expression(code: str, count: int, shape: str, dtype: str, grad: bool) -> Callable[..., Step]:
    """A workload that evaluates an expression of T, F and so many tensors x, y, z of a shape, which is an expression of
    the sizes; with the gradients of its sum, if `grad`.
    """

    def make(T: Any, sizes: dict[str, int]) -> Step:
        places = eval(shape, {}, sizes)
        given = {
            name: tensor(T, *places, dtype=dtype, seed=i) for i, name in enumerate("xyz"[:count])
        }
        integers = np.random.default_rng(9).integers(0, places[-1], places[:1])
        scope = {
            "T": T,
            "F": T.nn.functional,
            "i": T.from_numpy(integers).to("cuda"),
            **sizes,
            **given,
        }
        value = eval(f"lambda: {code}", scope)
        return with_gradients(value, list(given.values())) if grad else value

    return make


def with_gradients(value: Step, tensors: list[Any]) -> Step:
    for x in tensors:
        x.requires_grad_()

    def step() -> Any:
        for x in tensors:
            x.grad = None
        value().sum().backward()  # type: ignore[attr-defined]
        return tensors[0].grad

    return step


def square(
    section: str, name: str, code: str, passes: float, count: int = 1, dtype: str = "float32",
    grad: bool = False, target: float = 1.0, shape: str = "(side, side)",
) -> None:  # fmt: skip
    """Add a workload over square arrays that moves so many of them."""
    size = 2 if dtype.endswith("16") else 4
    WORKLOADS[f"{section}: {name}"] = Workload(
        section,
        expression(code, count, shape, dtype, grad),
        moved=lambda sizes: passes * size * np.prod(eval(shape, {}, sizes)),
        target=target,
    )


for _name, _code, _passes, _count in (
    ("copy", "x.clone()", 2, 1),
    ("add", "x + y", 3, 2),
    ("multiply and add", "x * y + z", 6, 3),
    ("add in place", "x.add_(y, alpha=0.0)", 3, 2),
    ("add a row", "x + y[0]", 2, 2),
    ("add a column", "x + y[:, :1]", 2, 2),
    ("add the transpose", "x + y.t()", 3, 2),
    ("x ** 3", "x ** 3", 2, 1),
    ("exp", "x.exp()", 2, 1),
    ("tanh", "x.tanh()", 2, 1),
    ("gelu", "F.gelu(x)", 2, 1),
    ("clamp", "x.clamp(-0.5, 0.5)", 2, 1),
    ("to bfloat16", "x.to(T.bfloat16)", 1.5, 1),
    ("masked_fill", "x.masked_fill(y[:1] > 0, 0.0)", 2, 2),
    ("transposed copy", "x.t().contiguous()", 2, 1),
    ("join", "T.cat((x, y), 1)", 4, 2),
    ("dropout", "F.dropout(x, 0.1)", 2, 1),
    ("fill", "T.zeros_like(x)", 1, 1),
):
    square(POINTWISE, _name, _code, _passes, _count)
for _name, _code, _passes, _count in (("add", "x + y", 3, 2), ("gelu", "F.gelu(x)", 2, 1)):
    square(POINTWISE, f"{_name}, bfloat16", _code, _passes, _count, dtype="bfloat16")
square(POINTWISE, "gelu, with gradients", "F.gelu(x)", 4, grad=True)

for _name, _code, _passes in (
    ("sum", "x.sum()", 1),
    ("sum of rows", "x.sum(1)", 1),
    ("sum of columns", "x.sum(0)", 1),
    ("maxima of rows", "x.amax(1)", 1),
    ("places of maxima", "x.argmax(1)", 1),
    ("variance", "x.var(1)", 1),
    ("norm", "x.norm()", 1),
    ("softmax", "F.softmax(x, -1)", 2),
    ("log_softmax of columns", "F.log_softmax(x, 0)", 2),
    ("layer_norm", "F.layer_norm(x, (side,))", 2),
    ("rms_norm", "F.rms_norm(x, (side,))", 2),
    ("cross_entropy", "F.cross_entropy(x, i)", 1),
    ("cumsum", "x.cumsum(1)", 2),
    ("gather of rows", "x[i]", 2),
    ("index_add of rows", "T.zeros_like(x).index_add_(0, i, x)", 3),
):
    square(ROWS, _name, _code, _passes)
square(ROWS, "softmax, bfloat16", "F.softmax(x, -1)", 2, dtype="bfloat16")
square(ROWS, "softmax, with gradients", "F.softmax(x, -1)", 5, grad=True)
square(ROWS, "layer_norm, with gradients", "F.layer_norm(x, (side,))", 5, grad=True)
square(ROWS, "cross_entropy, with gradients", "F.cross_entropy(x, i)", 3, grad=True)
square(ROWS, "sort", "x.sort(1)[0]", 3, shape="(side // 4, side)")
square(ROWS, "topk", "x.topk(8, 1)[0]", 1, shape="(side // 4, side)")


def fused(T: Any, sizes: dict[str, int]) -> Step:
    """A formula of the user's: one kernel with flambeau, seven calls with PyTorch."""

    exp = T.exp
    if T.__name__ == "flambeau":
        from flambeau.formula.primitive import exp
        from flambeau.ops import pointwise

    def gated(x: Any, y: Any, z: Any) -> Any:
        return y * (x / (1 + exp(-1.702 * x))) + z

    function = pointwise(gated) if T.__name__ == "flambeau" else gated
    given = [tensor(T, sizes["side"], sizes["side"], seed=i) for i in range(3)]
    return lambda: function(*given)


WORKLOADS[f"{POINTWISE}: a formula of the user's"] = Workload(
    POINTWISE, fused, moved=lambda sizes: 16 * sizes["side"] ** 2, target=0.4
)


# ------------------------------------------------------------------------------------- products


def product(name: str, shapes: tuple[str, str], code: str, unit: str, work: str) -> None:
    """Add a product of tensors of two shapes; `work` counts its multiplications and additions."""
    dtype = "float32" if unit == "tf32" else unit

    def make(T: Any, sizes: dict[str, int]) -> Step:
        T.backends.cuda.matmul.allow_tf32 = T.backends.cudnn.allow_tf32 = unit == "tf32"
        x, y = (tensor(T, *eval(s, {}, sizes), dtype=dtype, seed=i) for i, s in enumerate(shapes))
        return eval(f"lambda: {code}", {"T": T, "F": T.nn.functional, "x": x, "y": y})

    WORKLOADS[f"{PRODUCTS}: {name}"] = Workload(
        PRODUCTS, make, operations=lambda sizes: eval(work, {}, sizes), unit=unit
    )


for _unit in ("float32", "tf32", "float16", "bfloat16"):
    _size = "product // 2" if _unit == "float32" else "product"
    product(f"square, {_unit}", (f"({_size}, {_size})",) * 2, "x @ y", _unit, f"2 * ({_size}) ** 3")
product(
    "of a linear layer, bfloat16", ("(product, width)", "(width, width)"), "F.linear(x, y)", "bfloat16",
    "2 * product * width ** 2",
)  # fmt: skip
product(
    "batches of 64, float32", ("(width, 64, 64)",) * 2, "x @ y", "float32", "2 * width * 64 ** 3"
)
for _unit in ("float32", "bfloat16"):
    product(
        f"convolution 3 x 3, {_unit}", ("(batch, 64, 56, 56)", "(64, 64, 3, 3)"),
        "F.conv2d(x, y, padding=1)", _unit, "2 * batch * 64 * 56 ** 2 * 64 * 9",
    )  # fmt: skip
product(
    "convolution 1 x 1, float32", ("(batch, 256, 14, 14)", "(256, 256, 1, 1)"), "F.conv2d(x, y)",
    "float32", "2 * batch * 256 * 14 ** 2 * 256",
)  # fmt: skip


def attention(unit: str, causal: bool, grad: bool) -> Workload:
    """16 heads of width 64."""

    def make(T: Any, sizes: dict[str, int]) -> Step:
        given = [tensor(T, 4, 16, sizes["length"], 64, dtype=unit, seed=i) for i in range(3)]
        value = lambda: T.nn.functional.scaled_dot_product_attention(*given, is_causal=causal)  # noqa: E731
        return with_gradients(value, given) if grad else value

    times = (3.5 if grad else 1) * (0.5 if causal else 1)
    work = lambda sizes: times * 4 * 4 * 16 * sizes["length"] ** 2 * 64  # noqa: E731
    return Workload(PRODUCTS, make, operations=work, unit=unit)


WORKLOADS[f"{PRODUCTS}: attention, bfloat16"] = attention("bfloat16", False, False)
WORKLOADS[f"{PRODUCTS}: attention, causal, float32"] = attention("float32", True, False)
WORKLOADS[f"{PRODUCTS}: attention, causal, bfloat16, with gradients"] = attention(
    "bfloat16", True, True
)


# ------------------------------------------------------------------------------------- training


def filled(T: Any, model: Any) -> Any:
    """The model on the GPU, with parameters that do not depend on the library's random numbers."""
    with T.no_grad():
        for i, p in enumerate(model.parameters()):
            fan = max(1, int(np.prod(tuple(p.shape[1:]))))
            values = np.random.default_rng(i).standard_normal(tuple(p.shape)) / np.sqrt(fan)
            p.copy_(T.from_numpy(values.astype(np.float32)))
    return model.to("cuda")


def training(T: Any, optimizer: Any, loss_of: Step, half: bool = False) -> Step:
    """One step: the loss, in bfloat16 if `half`, its gradients, the update."""

    def step() -> Any:
        optimizer.zero_grad()
        with T.autocast("cuda", T.bfloat16, enabled=half):
            loss = loss_of()
        loss.backward()  # type: ignore[attr-defined]
        optimizer.step()
        return loss

    return step


def lenet(T: Any, sizes: dict[str, int]) -> Step:
    """A small convolutional classifier with Adam."""
    nn, batch = T.nn, sizes["batch"]
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )  # fmt: skip
    model = filled(T, model)
    x, y = tensor(T, batch, 1, 28, 28), T.from_numpy(np.arange(batch) % 10).to("cuda")
    loss_of = lambda: nn.functional.cross_entropy(model(x), y)  # noqa: E731
    return training(T, T.optim.Adam(model.parameters(), lr=1e-4), loss_of)


def residual(T: Any, sizes: dict[str, int]) -> Step:
    """Two residual blocks with batch norm and SGD: images of 28 x 28."""
    nn, channels = T.nn, 64 if sizes["batch"] > 8 else 4

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

        def forward(self, x: Any) -> Any:
            y = nn.functional.relu(self.norm1(self.first(x)))
            return nn.functional.relu(self.norm2(self.second(y)) + x)

    model = filled(T, nn.Sequential(Block(), Block()))
    x = tensor(T, sizes["batch"], channels, 28, 28)
    optimizer = T.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    return training(T, optimizer, lambda: model(x).square().mean())


def transformer(half: bool) -> Callable[..., Step]:
    def make(T: Any, sizes: dict[str, int]) -> Step:
        """A causal block of width 768 with AdamW: 4 sequences, in float32 or under autocast."""
        length = sizes["length"] // 2
        width, heads = (768, 12) if length > 64 else (16, 2)
        model = filled(T, transformer_block(T, width, heads))
        x = tensor(T, 4, length, width)
        optimizer = T.optim.AdamW(model.parameters(), lr=1e-5)
        return training(T, optimizer, lambda: model(x).float().square().mean(), half)

    return make


def optimiser(name: str, **options: Any) -> Callable[..., Step]:
    """A step over many parameters of many sizes."""

    def make(T: Any, sizes: dict[str, int]) -> Step:
        count = sizes["parameters"]
        side = 256 if count > 10 else 8
        parameters = [T.nn.Parameter(tensor(T, 1 + i % side, side, seed=i)) for i in range(count)]
        for i, p in enumerate(parameters):
            p.grad = tensor(T, *p.shape, seed=count + i)
        return getattr(T.optim, name)(parameters, lr=1e-5, **options).step

    return make


def clipped(T: Any, sizes: dict[str, int]) -> Step:
    parameters = [T.nn.Parameter(tensor(T, 64, 64, seed=i)) for i in range(sizes["parameters"])]
    for p in parameters:
        p.grad = p.detach().clone()
    return lambda: T.nn.utils.clip_grad_norm_(parameters, 1e9)


for _name, _make in (
    ("LeNet", lenet),
    ("residual blocks", residual),
    ("GPT block, float32", transformer(False)),
    ("GPT block, autocast", transformer(True)),
    ("step of Adam", optimiser("Adam")),
    ("step of AdamW, fused", optimiser("AdamW", fused=True)),
    ("step of SGD", optimiser("SGD", momentum=0.9)),
    ("clip_grad_norm_", clipped),
):
    WORKLOADS[f"{TRAINING}: {_name}"] = Workload(TRAINING, _make)


# ---------------------------------------------------------------------------------- small calls

for _name, _code, _grad in (
    ("add", "x + y", False),
    ("add a number", "x + 1.5", False),
    ("add in place", "x.add_(y)", False),
    ("matrix product", "x @ y", False),
    ("sum", "x.sum()", False),
    ("softmax", "F.softmax(x, -1)", False),
    ("view", "x.view(4, 16)", False),
    ("zeros", "T.zeros(8, 8, device='cuda')", False),
    ("forward and backward", "x * y + x", True),
):
    WORKLOADS[f"{CALLS}: {_name}"] = Workload(
        CALLS, expression(_code, 2, "(8, 8)", "float32", _grad)
    )
