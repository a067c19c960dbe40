"""SummaryWriter: what the package tensorboard reads back."""

import io
import math

import numpy as np
import pytest

import flambeau as torch

pytest.importorskip(
    "tensorboard", reason="the package tensorboard is not installed", exc_type=ImportError
)

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.graph_pb2 import GraphDef

from flambeau.utils.tensorboard import SummaryWriter


def read(folder):
    """The events of a folder, by step and tag."""
    events = []
    for path in sorted(folder.glob("events.*")):
        events += [Event.FromString(raw) for raw in RawEventFileLoader(str(path)).Load()]
    return events, {v.tag: v for e in events for v in e.summary.value}


def test_numbers(tmp_path):
    with SummaryWriter(tmp_path, flush_secs=1) as writer:
        for step in range(3):
            writer.add_scalar("loss/train", torch.tensor(step / 2), step, walltime=100.0 + step)
        writer.add_scalar("new", 1 / 3, 7, new_style=True, double_precision=True)
        writer.add_scalars("both/of", {"a": 1.0, "b": 2.0}, 4)
        writer.add_tensor("all", torch.arange(6.0).reshape(2, 3))
        with pytest.raises(AssertionError, match="one element"):
            writer.add_scalar("loss", torch.ones(2))
    events, values = read(tmp_path)
    losses = [e for e in events if e.summary.value and e.summary.value[0].tag == "loss/train"]
    assert [(e.step, e.wall_time, e.summary.value[0].simple_value) for e in losses] == [
        (0, 100.0, 0.0), (1, 101.0, 0.5), (2, 102.0, 1.0)
    ]  # fmt: skip
    assert values["new"].tensor.double_val[0] == 1 / 3
    assert values["new"].metadata.plugin_data.plugin_name == "scalars"
    assert list(values["all"].tensor.float_val) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    for name, value in (("a", 1.0), ("b", 2.0)):
        assert read(tmp_path / f"both_of_{name}")[1]["both/of"].simple_value == value


def test_histograms(tmp_path):
    x = torch.linspace(-2, 3, 101, dtype=torch.float64)
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("usual", x, 1)
        writer.add_histogram("ten", x, 1, bins=10)
        writer.add_histogram("few", x, 1, max_bins=20)
        writer.add_histogram_raw("raw", 0, 1, 2, 1.0, 1.0, [0.5, 1.0], [1, 1])
        with pytest.raises(ValueError, match="no element"):
            writer.add_histogram("none", torch.empty(0))
    _, values = read(tmp_path)
    usual = values["usual"].histo
    assert (usual.min, usual.max, usual.num) == (-2.0, 3.0, 101.0)
    assert usual.sum == pytest.approx(50.5)
    assert usual.sum_squares == pytest.approx(float((x * x).sum()))
    assert sum(usual.bucket) == 101
    for limit, before, count in zip(usual.bucket_limit[1:], usual.bucket_limit, usual.bucket[1:]):
        assert count == int(((x >= before) & (x < limit)).sum())
    assert list(values["ten"].histo.bucket)[1:] == np.histogram(x.numpy(), 10)[0].tolist()
    assert sum(values["few"].histo.bucket) == 101
    assert list(values["raw"].histo.bucket) == [1.0, 1.0]


def test_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed", exc_type=ImportError)
    picture = torch.zeros(3, 4, 6)
    picture[0, 1, 2] = 1.0
    bytes_ = (torch.arange(5 * 2 * 2).reshape(5, 1, 2, 2) * 10).to(torch.uint8)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("one", picture, 3)
        writer.add_images("many", bytes_)
        writer.add_image("grey", picture[0], dataformats="HW")
        writer.add_image_with_boxes("boxes", picture, torch.tensor([[0, 0, 3, 3]]), labels=["a"])
        writer.add_video("video", torch.rand(1, 3, 3, 4, 4))
        with pytest.raises(AssertionError, match="format CHW"):
            writer.add_image("wrong", picture[0])
    _, values = read(tmp_path)
    one = np.asarray(image.open(io.BytesIO(values["one"].image.encoded_image_string)))
    assert one.shape == (4, 6, 3)
    assert one[1, 2].tolist() == [255, 0, 0]
    assert one.sum() == 255
    many = np.asarray(image.open(io.BytesIO(values["many"].image.encoded_image_string)))
    assert many.shape == (2, 10, 3)
    assert many[1, 8, 0] == 180
    assert (values["boxes"].image.width, values["boxes"].image.height) == (6, 4)
    assert image.open(io.BytesIO(values["video"].image.encoded_image_string)).n_frames == 3


def test_sound_and_texts(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_audio("tone", torch.sin(torch.arange(100.0)), sample_rate=8000)
        writer.add_text("note", "**bold**", 2)
    _, values = read(tmp_path)
    assert values["tone"].audio.length_frames == 100
    assert values["tone"].audio.encoded_audio_string[:4] == b"RIFF"
    assert values["note/text_summary"].tensor.string_val[0] == b"**bold**"
    assert values["note/text_summary"].metadata.plugin_data.plugin_name == "text"


def test_curves(tmp_path):
    labels, guesses = torch.tensor([0, 1, 1, 0, 1]), torch.tensor([0.1, 0.4, 0.8, 0.6, 0.9])
    with SummaryWriter(tmp_path) as writer:
        writer.add_pr_curve("pr", labels, guesses, num_thresholds=11)
    _, values = read(tmp_path)
    rows = np.array(values["pr"].tensor.float_val).reshape(6, 11)
    for i in range(11):
        chosen = np.floor(guesses.numpy() * 10) >= i
        tp = int((chosen & (labels.numpy() == 1)).sum())
        fp = int((chosen & (labels.numpy() == 0)).sum())
        assert rows[:4, i].tolist() == [tp, fp, 2 - fp, 3 - tp]
        assert rows[4, i] == pytest.approx(tp / max(tp + fp, 1e-7))
        assert rows[5, i] == pytest.approx(tp / 3)


def test_graphs(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(module, torch.ones(4, 3))
    events, _ = read(tmp_path)
    graph = GraphDef.FromString(next(e.graph_def for e in events if e.graph_def))
    nodes = {node.op: node for node in graph.node}
    assert "parameters/0/weight" in nodes["linear"].input
    assert list(nodes["relu"].input) == [nodes["linear"].name]
    shape = nodes["linear"].attr["_output_shapes"].list.shape[0]
    assert [d.size for d in shape.dim] == [4, 2]


def test_parameters_of_runs(tmp_path):
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams(
            {"lr": 0.1, "net": "mlp", "fast": True}, {"accuracy": 0.9}, run_name="first"
        )
        with pytest.raises(ValueError, match="int, float, str, bool"):
            writer.add_hparams({"a": [1]}, {})
    _, values = read(tmp_path / "first")
    assert values["accuracy"].simple_value == pytest.approx(0.9)
    content = values["_hparams_/session_start_info"].metadata.plugin_data.content
    found = HParamsPluginData.FromString(content).session_start_info.hparams
    assert found["lr"].number_value == 0.1
    assert (found["net"].string_value, found["fast"].bool_value) == ("mlp", True)


def test_embeddings_meshes_and_layouts(tmp_path):
    from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

    with SummaryWriter(tmp_path) as writer:
        writer.add_embedding(torch.arange(6.0).reshape(3, 2), ["a", "b", "c"], global_step=1)
        writer.add_mesh("points", torch.ones(1, 4, 3), faces=torch.tensor([[[0, 1, 2]]]))
        writer.add_custom_scalars_marginchart(["a", "b", "c"], title="margin")
    folder = tmp_path / "00001" / "default"
    assert (folder / "tensors.tsv").read_text() == "0.0\t1.0\n2.0\t3.0\n4.0\t5.0\n"
    assert (folder / "metadata.tsv").read_text() == "a\nb\nc\n"
    assert 'tensor_name: "default:00001"' in (tmp_path / "projector_config.pbtxt").read_text()
    _, values = read(tmp_path)
    assert list(values["points_VERTEX"].tensor.float_val) == [1.0] * 12
    assert list(values["points_FACE"].tensor.int_val) == [0, 1, 2]
    layout = Layout.FromString(values["custom_scalars__config__"].tensor.string_val[0])
    assert layout.category[0].chart[0].margin.series[0].lower == "b"


def test_files_begin_anew_after_closing(tmp_path):
    writer = SummaryWriter(tmp_path, purge_step=5)
    writer.close()
    writer.add_scalar("late", math.pi)
    writer.flush()
    writer.close()
    events, values = read(tmp_path)
    assert values["late"].simple_value == pytest.approx(math.pi)
    assert any(e.HasField("session_log") and e.step == 5 for e in events)


def test_figures(tmp_path):
    pyplot = pytest.importorskip(
        "matplotlib.pyplot", reason="matplotlib is not installed", exc_type=ImportError
    )
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed", exc_type=ImportError)
    figure = pyplot.figure(figsize=(2, 1), dpi=50)
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("plot", figure)
    assert not pyplot.fignum_exists(figure.number)
    picture = image.open(io.BytesIO(read(tmp_path)[1]["plot"].image.encoded_image_string))
    assert picture.size == (100, 50)
