"""`import torch` can mean flambeau, by the same module objects, and only where that is safe."""

import importlib
import importlib.util
import pickle
import sys
import types

import pytest

import flambeau
from flambeau import compat

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


@pytest.mark.usefixtures("installed")
class TestTorch:
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

    def test_classes_pickle_under_their_own_modules(self):
        import torch

        data = pickle.dumps(torch.nn.Linear)
        assert b"flambeau" in data
        assert pickle.loads(data) is flambeau.nn.Linear

    def test_a_pickle_that_names_torch_finds_flambeau(self):
        assert pickle.loads(b"ctorch.nn\nLinear\n.") is flambeau.nn.Linear

    def test_installed_twice(self):
        import torch

        compat.install()
        assert importlib.import_module("torch") is torch
        assert sum(isinstance(f, compat.AliasImporter) for f in sys.meta_path) == 1
