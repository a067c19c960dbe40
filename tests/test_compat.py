"""`import torch` can mean flambeau, by the same module objects, and only where that is safe."""

import contextlib
import importlib
import importlib.util
import multiprocessing
import operator
import os
import pickle
import subprocess
import sys
import types
from importlib import metadata
from pathlib import Path

import pytest

import flambeau
from flambeau import compat

ROOT = Path(__file__).parent.parent
STAND_IN = {
    "__init__.py": "def __getattr__(name):\n"
    "    import importlib\n"
    "    if name == 'nn':\n"
    "        return importlib.import_module('standin.nn')\n"
    "    raise AttributeError(name)\n",
    "nn/__init__.py": "class Linear: pass\n",
    "nn/functional.py": "def relu(x): return max(x, 0)\n",
    "broken.py": "import a_library_nobody_has\n",
    "plain.py": "loads = []\nloads.append(__name__)\n",
}


@pytest.fixture
def lantern(tmp_path, monkeypatch):
    """An importer that lets `lantern` mean the package `standin`, not installed yet."""
    for name, text in STAND_IN.items():
        path = tmp_path / "standin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    importer = compat.AliasImporter("lantern", "standin")
    yield importer
    importer.uninstall()
    for name in [n for n in sys.modules if n.partition(".")[0] in {"standin", "lantern"}]:
        del sys.modules[name]


@pytest.fixture
def installed():
    compat.install()
    yield
    compat.uninstall()


class TestImporter:
    @pytest.fixture(autouse=True)
    def _install(self, lantern):
        lantern.install()

    @pytest.mark.parametrize("name", ["", ".nn", ".nn.functional", ".plain"])
    def test_names_share_one_module_object(self, name):
        alias = importlib.import_module(f"lantern{name}")
        assert alias is sys.modules[f"lantern{name}"] is sys.modules[f"standin{name}"]

    def test_every_import_statement_binds_the_same_modules(self):
        namespace = {}
        exec(
            "import lantern\n"
            "import lantern.nn as nn\n"
            "import lantern.nn.functional as F\n"
            "from lantern import nn as lazy_nn\n"
            "from lantern.nn import functional, Linear\n",
            namespace,
        )
        standin = sys.modules["standin"]
        assert namespace["lantern"] is standin
        assert namespace["nn"] is namespace["lazy_nn"] is sys.modules["standin.nn"]
        assert namespace["F"] is namespace["functional"] is sys.modules["standin.nn.functional"]
        assert namespace["Linear"].__module__ == "standin.nn"

    def test_a_module_runs_once_under_its_own_name(self):
        import lantern.plain
        import standin.plain

        assert standin.plain.loads == lantern.plain.loads == ["standin.plain"]

    def test_modules_keep_their_own_attributes(self):
        nn = importlib.import_module("lantern.nn")
        assert nn.__name__ == nn.__spec__.name == nn.__package__ == "standin.nn"
        assert nn.__spec__.loader is nn.__loader__ is not None
        assert nn.__spec__.origin == nn.__file__
        assert importlib.reload(nn) is nn

    def test_a_missing_module_is_named(self):
        with pytest.raises(ModuleNotFoundError, match=r"standin .* no module 'standin\.jit'") as e:
            importlib.import_module("lantern.jit")
        assert e.value.name == "lantern.jit"
        assert str(e.value).startswith("No module named 'lantern.jit'")
        assert "lantern.jit" not in sys.modules

    def test_a_missing_module_in_a_plain_module_is_named(self):
        with pytest.raises(ModuleNotFoundError, match=r"'lantern\.plain' is not a package"):
            importlib.import_module("lantern.plain.deeper")

    def test_an_error_inside_a_module_comes_through(self):
        with pytest.raises(ModuleNotFoundError, match="a_library_nobody_has"):
            importlib.import_module("lantern.broken")
        assert "lantern.broken" not in sys.modules

    def test_finding_a_spec_does_not_load_the_module(self):
        assert importlib.util.find_spec("lantern.plain").name == "lantern.plain"
        assert "standin.plain" not in sys.modules

    def test_longer_names_are_left_alone(self):
        with pytest.raises(ModuleNotFoundError, match=r"No module named 'lanternvision'$"):
            importlib.import_module("lanternvision")

    def test_installing_again_changes_nothing(self, lantern):
        first = importlib.import_module("lantern.nn")
        finders = list(sys.meta_path)
        lantern.install()
        assert sys.meta_path == finders
        assert importlib.import_module("lantern.nn") is first

    def test_uninstall_gives_the_name_back(self, lantern):
        importlib.import_module("lantern.nn")
        lantern.uninstall()
        assert not [name for name in sys.modules if name.startswith("lantern")]
        assert "standin.nn" in sys.modules
        with pytest.raises(ModuleNotFoundError, match=r"No module named 'lantern'$"):
            importlib.import_module("lantern")
        lantern.uninstall()


@pytest.mark.parametrize("name", ["lantern", "lantern.nn"])
def test_refuses_beside_the_real_one(name, lantern, monkeypatch):
    real = types.ModuleType(name)
    real.__file__ = "/site-packages/real.py"
    monkeypatch.setitem(sys.modules, name, real)
    with pytest.raises(RuntimeError, match=f"'{name}' is already imported from /site-packages"):
        lantern.install()
    assert lantern not in sys.meta_path
    lantern.uninstall()
    assert sys.modules[name] is real


# As torch 2.13.0 prints them.
NAMES = {
    "Tensor": "torch.Tensor",
    "Size": "torch.Size",
    "device": "torch.device",
    "Generator": "torch._C.Generator",
    "no_grad": "torch.autograd.grad_mode.no_grad",
    "nn.Linear": "torch.nn.modules.linear.Linear",
    "nn.Identity": "torch.nn.modules.linear.Identity",
    "nn.Conv2d": "torch.nn.modules.conv.Conv2d",
    "nn.BatchNorm1d": "torch.nn.modules.batchnorm.BatchNorm1d",
    "nn.MultiheadAttention": "torch.nn.modules.activation.MultiheadAttention",
    "nn.Embedding": "torch.nn.modules.sparse.Embedding",
    "nn.LSTM": "torch.nn.modules.rnn.LSTM",
    "nn.Flatten": "torch.nn.modules.flatten.Flatten",
    "nn.PixelShuffle": "torch.nn.modules.pixelshuffle.PixelShuffle",
    "nn.CrossEntropyLoss": "torch.nn.modules.loss.CrossEntropyLoss",
    "nn.Sequential": "torch.nn.modules.container.Sequential",
    "nn.Module": "torch.nn.modules.module.Module",
    "nn.Parameter": "torch.nn.parameter.Parameter",
    "optim.SGD": "torch.optim.sgd.SGD",
    "optim.AdamW": "torch.optim.adamw.AdamW",
    "optim.lr_scheduler.StepLR": "torch.optim.lr_scheduler.StepLR",
    "utils.data.TensorDataset": "torch.utils.data.dataset.TensorDataset",
    "distributions.Normal": "torch.distributions.normal.Normal",
    "distributions.Beta": "torch.distributions.beta.Beta",
    "utils.hooks.RemovableHandle": "torch.utils.hooks.RemovableHandle",
}


def test_names_are_torchs_only_while_flambeau_stands_in():
    ours = repr(flambeau.nn.Linear)
    compat.install()
    try:
        shown = {name: operator.attrgetter(name)(flambeau) for name in NAMES}
        assert {name: f"<class '{full}'>" for name, full in NAMES.items()} == {
            name: repr(cls) for name, cls in shown.items()
        }
        for name, full in NAMES.items():
            assert pickle.loads(pickle.dumps(shown[name])) is shown[name], full
        assert flambeau.__name__ == "torch"
        assert flambeau.nn.functional.__name__ == flambeau.relu.__module__ + ".nn.functional"
        assert flambeau.nn.functional.gelu.__module__ == "torch.nn.functional"
        flambeau.nn.Linear(1, 1)(flambeau.ones(1, requires_grad=True)).backward()
    finally:
        compat.uninstall()
    assert ours == repr(flambeau.nn.Linear) == "<class 'flambeau.nn.linear.Linear'>"
    assert flambeau.__name__ == "flambeau"
    assert flambeau.nn.functional.gelu.__module__.startswith("flambeau")


def test_names_and_the_distribution_can_be_refused():
    compat.install(names=False, distribution=False)
    try:
        assert flambeau.__name__ == "flambeau"
        with contextlib.suppress(metadata.PackageNotFoundError):
            assert metadata.version("torch") != flambeau.__version__
    finally:
        compat.uninstall()


def test_modules_that_load_later_are_named_too():
    program = (
        "from flambeau import compat; compat.install(); import sys; "
        "assert 'flambeau.distributions' not in sys.modules; import torch; "
        "print(torch.distributions.Normal, torch.distributions.__name__, torch.linalg.svd.__module__)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.split(" torch.") == [
        "<class 'torch.distributions.normal.Normal'>",
        "distributions",
        "linalg\n",
    ]


def test_whole_modules_in_files_are_read_under_both_names(tmp_path):
    net = flambeau.nn.Sequential(flambeau.nn.Linear(2, 3), flambeau.nn.Flatten())
    flambeau.save(net, tmp_path / "plain.pt")
    compat.install()
    try:
        flambeau.save(net, tmp_path / "torch.pt")
        assert repr(flambeau.load(tmp_path / "plain.pt", weights_only=False)) == repr(net)
    finally:
        compat.uninstall()
    again = flambeau.load(tmp_path / "torch.pt", weights_only=False)
    assert type(again[0]) is flambeau.nn.Linear
    assert again[0].weight.tolist() == net[0].weight.tolist()


CHILDREN = """
import torch.nn as nn
import multiprocessing, subprocess, sys
import torch

def told(queue, x):
    queue.put(f"{torch.__name__} {type(x)} {torch.torch is torch} {x.sum().item()}")

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    queue = context.Queue()
    child = context.Process(target=told, args=(queue, torch.ones(3)))
    child.start()
    print(queue.get(timeout=60))
    child.join()
    ask = "import importlib.metadata as m; v = m.version('torch'); from torch import nn; print(v, nn.Linear)"
    subprocess.run([sys.executable, "-c", ask], check=True)
"""


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_children_of_a_program_know_what_torch_is(how, tmp_path):
    if how not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {how}")
    script = tmp_path / "program.py"
    script.write_text(CHILDREN)
    command = [sys.executable, "-m", "flambeau", "run", str(script), how]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert found.stderr == ""
    assert sorted(found.stdout.splitlines()) == sorted(
        [
            "torch <class 'torch.Tensor'> True 3.0",
            f"{flambeau.__version__} <class 'torch.nn.modules.linear.Linear'>",
        ]
    )


def test_a_sitecustomize_of_the_user_runs_too(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('mine')")
    script = tmp_path / "program.py"
    script.write_text(
        "import subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True)"
    )
    found = subprocess.run(
        [sys.executable, "-m", "flambeau", "run", str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )
    assert found.stdout == "mine\nmine\n"


@pytest.mark.usefixtures("installed")
class TestTorch:
    def test_it_is_a_distribution(self):
        import torch

        assert metadata.version("torch") == torch.__version__
        assert metadata.distribution("Torch").metadata["Name"] == "torch"
        assert metadata.requires("torch") is None
        assert metadata.packages_distributions()["torch"] == ["torch"]

    def test_programs_may_walk_through_optimizers(self):
        import torch

        assert {"Adagrad", "LBFGS", "lr_scheduler"} < set(vars(torch.optim))

    def test_specs_are_found_or_not(self):
        assert importlib.util.find_spec("torch.absent") is None
        assert importlib.util.find_spec("torch.nn").origin == flambeau.nn.__file__
        assert importlib.util.find_spec("torch.optim.swa_utils").name

    def test_other_names_of_modules(self):
        import torch
        import torch._tensor
        import torch.functional
        import torch.optim.adamw
        import torch.torch

        assert torch.torch is torch
        assert torch._tensor.Tensor is torch.Tensor
        assert torch.functional.einsum is torch.einsum
        assert torch.optim.adamw.AdamW is torch.optim.AdamW

    @pytest.mark.skipif(importlib.util.find_spec("functorch") is not None, reason="it is installed")
    def test_functorch(self):
        import functorch
        import torch

        assert functorch.vmap is torch.func.vmap
        net = torch.nn.Linear(2, 3)
        with pytest.warns(FutureWarning, match=r"use `torch\.func\.functional_call` instead"):
            function, parameters = functorch.make_functional(net)
        x = torch.ones(2)
        assert function(parameters, x).tolist() == net(x).tolist()
        assert function([2 * p for p in parameters], x).tolist() == (2 * net(x)).tolist()
        with (
            pytest.raises(ValueError, match="has buffers"),
            pytest.warns(FutureWarning, match="deprecated"),
        ):
            functorch.make_functional(torch.nn.BatchNorm1d(2))

    def test_import_statements_mean_flambeau(self):
        import torch
        import torch.nn as nn
        import torch.nn.functional as F
        from torch import optim
        from torch.utils.data import DataLoader

        import flambeau.nn.functional
        import flambeau.utils.data

        assert torch is flambeau
        assert nn is sys.modules["torch.nn"] is flambeau.nn
        assert F is flambeau.nn.functional
        assert optim is flambeau.optim
        assert DataLoader is flambeau.utils.data.DataLoader

    def test_objects_print_as_torch_prints_them(self):
        import torch

        assert repr(torch.float32) == "torch.float32"
        assert repr(torch.device("cpu")) == "device(type='cpu')"
        assert repr(torch.tensor([1, 2]).size()) == "torch.Size([2])"

    def test_classes_pickle_under_the_names_that_they_show(self):
        import torch

        data = pickle.dumps(torch.nn.Linear)
        assert b"torch.nn.modules.linear" in data
        assert pickle.loads(data) is flambeau.nn.Linear
        assert pickle.loads(b"cflambeau.nn.linear\nLinear\n.") is torch.nn.Linear

    def test_a_pickle_that_names_torch_finds_flambeau(self):
        assert pickle.loads(b"ctorch.nn\nLinear\n.") is flambeau.nn.Linear

    def test_installed_twice(self):
        import torch

        compat.install()
        assert importlib.import_module("torch") is torch
        importers = [f for f in sys.meta_path if isinstance(f, compat.AliasImporter)]
        assert sorted(f.alias for f in importers) == ["functorch", "torch"]
