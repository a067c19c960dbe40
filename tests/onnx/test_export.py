"""torch.onnx.export: what onnxruntime computes is what the module computes."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn import functional as F
from flambeau.utils import _pytree as pytree

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed", exc_type=ImportError)
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed", exc_type=ImportError)


class Calls(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


def numbers(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def tensors(result):
    return [x.detach() for x in pytree.tree_leaves(result) if isinstance(x, torch.Tensor)]


def assert_same(program, module, args):
    wanted, found = tensors(module(*args)), program(*args)
    assert len(found) == len(wanted)
    for place, (x, y) in enumerate(zip(found, wanted)):
        assert (x.dtype, x.shape) == (y.dtype, y.shape), place
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-4, atol=1e-5, err_msg=str(place))


def exported(module, args, **options):
    module = module.eval()
    program = torch.onnx.export(module, args, **options)
    assert_same(program, module, args)
    return program


V, W, X = numbers(3, 5), numbers(2, 3, 6), numbers(2, 4, 8, 8)
I = torch.tensor([0, 2, 1])  # noqa: E741


def setting(x):
    x = x.clone()
    x[:, 1:3] = 5.0
    x[0] = x[1]
    x[x > 1] = 0.0
    return x


FUNCTIONS = {
    "unary": lambda: (lambda x: (
        x.abs().sqrt(), x.exp(), torch.sin(x), torch.erf(x), x.round(), x.sign(), x.tanh(), torch.sigmoid(x),
        x.abs().rsqrt(), torch.log1p(x.abs()), torch.expm1(x), x.trunc(), torch.log2(x.abs()), -x,
        x.reciprocal(), x.square(), x.floor(), x.atan()), (V,)),
    "activation": lambda: (lambda x: (
        F.gelu(x), F.gelu(x, approximate="tanh"), F.silu(x), F.softplus(x, 2.0, 5.0), F.leaky_relu(x), F.elu(x),
        F.celu(x), F.selu(x), F.hardtanh(x), F.relu6(x), F.hardsigmoid(x), F.hardswish(x), F.mish(x),
        F.logsigmoid(x), F.softsign(x), F.threshold(x, 0.1, 2.0), F.glu(x[:, :4], -1), F.softmax(x, -1),
        F.log_softmax(x, 0)), (V,)),
    "binary": lambda: (lambda x, y: (
        x + y, x - y, x * y, x / y, x**2, 2**y, torch.maximum(x, y), torch.minimum(x, y), x // y, x % y,
        torch.div(x, y, rounding_mode="trunc"), torch.fmod(x, y), x > y, x <= y, x == y, x != y,
        (x > y) & (y > 0), (x > y) | (y > 0), (x > y) ^ (y > 0), ~(x > y), torch.where(x > y, x, y),
        torch.where(x > 0, x, 0.0), x.masked_fill(x > 0, -1.0), x.clamp(-0.5, 0.5), torch.add(x, y, alpha=2), 1 - x,
        torch.addcmul(x, y, y, value=0.5), torch.lerp(x, y, 0.3)), (V, V.flip(0) + 0.1)),
    "integers": lambda: (lambda i, x: (
        i + 1, i * 2, i / 3, i // 2, i % 3, i + x[:1, :4], i > 2, i.float(), i.to(torch.int32), i & 3, i.sum(),
        i.clamp(min=1), i * 0.5), (torch.arange(-3, 5).reshape(2, 4), V)),
    "reduction": lambda: (lambda x: (
        x.sum(), x.sum(1), x.mean((0, 2), keepdim=True), x.amax(1), x.amin(-1), x.max(), x.max(1), x.argmax(),
        x.min(2, keepdim=True), x.argmin(1), x.prod(1), x.var(1), x.std(), x.var((0, 1), unbiased=False), x.norm(),
        torch.linalg.vector_norm(x, 1, 1), x.logsumexp(1), x.cumsum(1), torch.topk(x, 2, 1), x.sort(1)[0],
        x.argsort(2, descending=True), (x > 0).any(1), (x > 0).all(), (x > 0).sum(1), F.normalize(x, dim=1),
        torch.diff(x, dim=1, prepend=x[:, :1])), (W,)),
    "shape": lambda: (lambda x: (
        x.reshape(-1, 3), x.view(6, 6), x.flatten(), x.flatten(1), x.permute(2, 0, 1), x.transpose(0, 1), x[:, None],
        x.unsqueeze(0).squeeze(0), x.mT, x[None].expand(4, 2, 3, 6), x.repeat(2, 1, 1), torch.cat([x, x], 1),
        torch.stack([x, x], -1), x.split(2, 2), x.chunk(2, 2), x.unbind(0), x.roll(1, 2), x.flip(1), x.tril(),
        x.triu(1), x.repeat_interleave(2, 1), x.movedim(0, -1), x.unflatten(2, (2, 3)), F.pad(x, (1, 2)),
        F.pad(x, (1, 1), mode="reflect"), F.pad(x, (1, 1), mode="replicate"), x.narrow(1, 1, 2)), (W,)),
    "index": lambda: (lambda x, i: (
        x[0], x[:, 1], x[..., 2], x[:, 1:, ::2], x[-1], x[:, -2:], x[:, i], x[:, i[:, None], i], x[i % 2, i],
        x[:, None, 1], torch.gather(x, 1, i[None, :, None].expand(2, -1, 6)), x.index_select(1, i),
        x.scatter(1, i[None, :, None].expand(2, -1, 6), 0.5), F.one_hot(i, 5), F.embedding(i, x[0]),
        torch.take_along_dim(x, i[None, :, None], 1), x[x > 0]), (W, I)),
    "product": lambda: (lambda x, y: (
        x @ y, torch.einsum("bij,bjk->bik", x, y), torch.bmm(x, y), F.linear(x, y[0].t()), x[0] @ y[0, :, 0],
        torch.baddbmm(x @ y, x, y, beta=0.5, alpha=2.0), torch.outer(x[0, 0], y[0, :, 0]),
        torch.addmm((x @ y)[0], x[0], y[0])), (W, numbers(2, 6, 4))),
    "creation": lambda: (lambda x: (
        torch.zeros(2, 3), torch.ones_like(x), x.new_zeros(3), torch.full((2,), 7), torch.arange(5),
        torch.arange(1, 9, 2.0), torch.eye(3), torch.full_like(x, 2.0),
        x + torch.tensor([1.0, 2, 3, 4, 5])), (V,)),
    "image": lambda: (lambda x: (
        F.max_pool2d(x, 2), F.max_pool2d(x, 3, 2, 1, ceil_mode=True), F.avg_pool2d(x, 3, 2, 1), F.max_pool1d(x[0], 2),
        F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), F.adaptive_avg_pool2d(x, 1),
        F.adaptive_avg_pool2d(x, (4, 2)), F.adaptive_max_pool2d(x, 2), F.interpolate(x, scale_factor=2),
        F.interpolate(x, size=(5, 11), mode="bilinear"), F.interpolate(x, size=(12, 12), mode="bicubic"),
        F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True), F.pixel_shuffle(x, 2),
        F.pixel_unshuffle(x, 2), F.grid_sample(x, torch.zeros(2, 3, 3, 2) + 0.3, align_corners=False)), (X,)),
    "attention": lambda: (lambda q, m: (
        F.scaled_dot_product_attention(q, q, q), F.scaled_dot_product_attention(q, q, q, is_causal=True),
        F.scaled_dot_product_attention(q, q, q, m), F.scaled_dot_product_attention(q, q, q, m.float()),
        F.scaled_dot_product_attention(q, q[:, :1], q[:, :1], enable_gqa=True)),
        (numbers(2, 2, 5, 4), torch.ones(5, 5).tril(-1).bool())),
    "written": lambda: (lambda x: (
        x.clone().add_(1).mul_(2), torch.relu_(x * 1), setting(x)), (V,)),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    function, args = FUNCTIONS[name]()
    exported(Calls(function), args)


LAYERS = {
    "convolutions": lambda: (nn.Sequential(
        nn.Conv2d(4, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 6, 3, groups=3, padding="same"), nn.BatchNorm2d(6),
        nn.ConvTranspose2d(6, 3, 4, 2, 1), nn.GroupNorm(3, 3), nn.InstanceNorm2d(3, affine=True), nn.PReLU(3),
        nn.LayerNorm([3, 8, 8])), (X,)),
    "rows": lambda: (nn.Sequential(
        nn.Conv1d(3, 4, 3, dilation=2), nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(8, 2), nn.RMSNorm(2)), (W,)),
    "gru": lambda: (nn.GRU(6, 5, 2, bidirectional=True), (W,)),
    "rnn": lambda: (nn.RNN(6, 5, 1, nonlinearity="relu", batch_first=True), (W,)),
    "lstm": lambda: (nn.LSTM(6, 5, 2, batch_first=True, bias=False), (W,)),
    "state": lambda: (nn.RNN(6, 5, 2, bidirectional=True), (W, numbers(4, 3, 5))),
    "heads": lambda: (nn.MultiheadAttention(8, 2), (numbers(5, 2, 8), numbers(6, 2, 8), numbers(6, 2, 8))),
    "decoder": lambda: (
        nn.TransformerDecoderLayer(8, 2, 16, activation="gelu", norm_first=True),
        (numbers(5, 2, 8), numbers(6, 2, 8))),
    "embedding": lambda: (
        nn.Sequential(nn.Embedding(10, 4), nn.Dropout(0.3)), (torch.tensor([[1, 2, 9], [0, 5, 5]]),)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    torch.manual_seed(0)
    exported(*LAYERS[name]())


class Reader(nn.Module):
    """Words through a recurrent and an attention layer, with sizes that are asked for."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(10, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.memory = nn.LSTM(8, 5, 2, bidirectional=True, batch_first=True)

    def forward(self, words):
        batch, length = words.shape
        x = self.encoder(self.words(words) + self.words(torch.arange(length)))
        output, (last, _) = self.memory(x)
        heads = x.view(batch, length, 2, 4).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(heads, heads, heads, is_causal=True)
        return output, last, mixed.transpose(1, 2).reshape(batch, length, 8), x.new_zeros(batch, 3)


def test_sizes_that_stay_open():
    torch.manual_seed(0)
    few, many = (torch.arange(6 * n).reshape(n, 6) % 10 for n in (2, 5))
    module = Reader()
    batch = torch.export.Dim("batch")
    program = exported(module, (few,), dynamic_shapes=({0: batch},))
    assert_same(program, module, (many,))
    axes = {"ids": {0: "batch", 1: "length"}, "out": {0: "batch"}}
    program = exported(module, (few,), input_names=["ids"], output_names=["out"], dynamic_axes=axes)
    assert_same(program, module, (many,))
    assert_same(program, module, (many[:, :4],))
    graph = program.model_proto.graph
    assert [item.name for item in graph.input] == ["ids"]
    assert graph.output[0].name == "out"
    sizes = [d.dim_param or d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
    assert sizes == ["batch", "length"]
    sizes = [d.dim_param or d.dim_value for d in graph.output[0].type.tensor_type.shape.dim]
    assert sizes == ["batch", "length", 10]


def test_the_file(tmp_path):
    module = nn.Linear(3, 2).train()
    path = tmp_path / "linear.onnx"
    program = torch.onnx.export(module, torch.ones(4, 3), path, opset_version=20, verify=True)
    assert module.training
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 20
    assert {tensor.name for tensor in model.graph.initializer} == {"weight", "bias"}
    program.apply_weights({"bias": torch.zeros(2), "weight": torch.ones(2, 3)})
    assert program(torch.ones(4, 3))[0].tolist() == [[3.0, 3.0]] * 4
    program.save(path, include_initializers=False)
    names = [item.name for item in onnx.load(path).graph.input]
    assert names == ["input", "weight", "bias"]
    bare = torch.onnx.export(module, (torch.ones(4, 3),), export_params=False)
    assert not bare.model_proto.graph.initializer
    assert [item.name for item in bare.model_proto.graph.input] == ["input", "weight", "bias"]


def test_all_that_has_no_form_is_named():
    def function(x):
        return torch.linalg.inv(x), torch.special.bessel_j0(x), x + 1, torch.fft.fft(x).real

    with pytest.raises(torch.onnx.errors.UnsupportedOperatorError) as caught:
        torch.onnx.export(Calls(function), (torch.eye(3),))
    for name in ("inverse", "bessel_j0", "fft", "real"):
        assert f"\n  {name}: " in str(caught.value)
    assert "\n  add" not in str(caught.value)
    written = Calls(lambda x: (x.view(-1).add_(1), x * 2)[1])
    with pytest.raises(torch.onnx.OnnxExporterError, match="another view"):
        torch.onnx.export(written, (torch.ones(2, 2),))
    with pytest.raises(torch.onnx.OnnxExporterError, match=r"in eval\(\)"):
        torch.onnx.export(nn.Dropout(), (torch.ones(2),), training=torch.onnx.TrainingMode.TRAINING)
    with pytest.raises(torch.onnx.OnnxExporterError, match="opset 18 and newer"):
        torch.onnx.export(nn.ReLU(), (torch.ones(2),), opset_version=11)
    with pytest.raises(torch.onnx.OnnxExporterError, match="report"):
        torch.onnx.export(nn.ReLU(), (torch.ones(2),), report=True)


def test_programs_write_functions_of_their_own():
    def bessel(b, input):
        return b.emit("Cos", input)

    module = Calls(torch.special.bessel_j0)
    program = torch.onnx.export(
        module, (V,), custom_translation_table={torch.special.bessel_j0: bessel}
    )
    np.testing.assert_allclose(program(V)[0].numpy(), np.cos(V.numpy()), rtol=1e-5)


def test_modules_can_ask_whether_they_are_exported():
    seen = []

    def function(x):
        seen.append((torch.onnx.is_in_onnx_export(), torch.compiler.is_exporting()))
        return x + 1

    torch.onnx.export(Calls(function), (V,))
    assert seen == [(True, True)]
    assert not torch.compiler.is_exporting()
    assert not torch.onnx.is_in_onnx_export()
