"""PyTorch's names of flambeau's modules, classes and functions, while flambeau stands in for it.

Programs look at names: ``type(module).__module__.startswith("torch.nn")``, keys of tables, lines of logs.
`Names` writes PyTorch's names into what is loaded, and into each module that loads later, and puts ours
back afterwards. Only what a program can import by its new name gets one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import FunctionType, ModuleType
from typing import Any

ROOMS = frozenset(
    (
        *(
            "_caller",
            "_introduction",
            "_lazy",
            "_mixed",
            "_script",
            "_source",
            "_version",
            "compat",
            "core",
            "dispatch",
        ),
        *("environment", "formula", "kernels", "ops"),
    )
)
"""Parts of the package that PyTorch has no counterpart of: their classes keep their names, but for those of `_HOMES`."""

_HOMES = {
    "autograd.context": {"autograd.function": "FunctionCtx"},
    "autograd.gradient": {"autograd.graph": "GradientEdge", "autograd": "grad"},
    "autograd.mode": {
        "autograd.grad_mode": "enable_grad inference_mode no_grad set_grad_enabled",
    },
    "autograd.node": {"utils.hooks": "RemovableHandle", "autograd.graph": "Node"},
    "core.device": {"": "device get_default_device set_default_device"},
    "core.dtype": {"": "dtype finfo iinfo"},
    "core.pytree.key": {"utils._pytree": "GetAttrKey MappingKey SequenceKey"},
    "core.pytree.node": {"utils._pytree": "ConstantNode NodeDef"},
    "core.pytree.spec": {"utils._pytree": "LeafSpec TreeSpec"},
    "core.pytree.written": {"utils._pytree": "EnumEncoder"},
    "core.random.generator": {"_C": "Generator"},
    "core.error": {"": "AcceleratorError OutOfMemoryError"},
    "core.size": {"": "Size"},
    "core.stream": {"": "Event Stream", "cpu": "StreamContext"},
    "cuda.capture": {"cuda.graphs": "CUDAGraph graph"},
    "cuda.current": {"cuda": "device device_of"},
    "cuda.memory_pool": {"cuda.memory": "CUDAPluggableAllocator MemPool"},
    "cuda.runtime": {"cuda": "CudaError DeferredCudaCallError cudaStatus"},
    "distributions.bernoulli": {"distributions.geometric": "Geometric"},
    "distributions.binomial": {
        "distributions.multinomial": "Multinomial",
        "distributions.negative_binomial": "NegativeBinomial",
    },
    "distributions.categorical": {
        "distributions.one_hot_categorical": "OneHotCategorical OneHotCategoricalStraightThrough"
    },
    "distributions.dirichlet": {"distributions.beta": "Beta"},
    "distributions.distribution": {"distributions.exp_family": "ExponentialFamily"},
    "distributions.fisher_snedecor": {"distributions.fishersnedecor": "FisherSnedecor"},
    "distributions.gamma": {"distributions.chi2": "Chi2"},
    "distributions.relaxed": {
        "distributions.relaxed_bernoulli": "RelaxedBernoulli",
        "distributions.relaxed_categorical": "RelaxedOneHotCategorical",
    },
    "distributions.student_t": {"distributions.studentT": "StudentT"},
    "distributions.transform": {
        "distributions.transforms": "ComposeTransform IndependentTransform ReshapeTransform Transform"
    },
    "distributions.transformed_family": {
        "distributions.gumbel": "Gumbel",
        "distributions.half_cauchy": "HalfCauchy",
        "distributions.half_normal": "HalfNormal",
        "distributions.inverse_gamma": "InverseGamma",
        "distributions.log_normal": "LogNormal",
        "distributions.logistic_normal": "LogisticNormal",
        "distributions.pareto": "Pareto",
        "distributions.weibull": "Weibull",
    },
    **{
        f"func.{part}": {"func": names}
        for part, names in (
            ("batched", "debug_unwrap"),
            ("call", "functional_call replace_all_batch_norm_modules_ stack_module_state"),
            ("functional", "functionalize"),
            ("jacobian", "hessian jacfwd jacrev"),
            ("transform", "grad grad_and_value jvp linearize vjp"),
            ("vectorize", "vmap"),
        )
    },
    "export._trace": {"export": "export"},
    "nested.construct": {
        "nested": "as_nested_tensor masked_select narrow nested_tensor nested_tensor_from_jagged to_padded_tensor"
    },
    "nn.hook": {"utils.hooks": "BackwardHook"},
    "ops.linalg.check": {"linalg": "LinAlgError"},
    "optim.adam": {"optim.adamw": "AdamW"},
    **{
        f"optim.lr_scheduler.{part}": {"optim.lr_scheduler": "*"}
        for part in ("combined", "cosine", "cycle", "decay", "function", "plateau", "scheduler")
    },
    "profiler.event": {"autograd.profiler_util": "FunctionEvent"},
    "profiler.event_list": {"autograd.profiler_util": "EventList"},
    "profiler.schedule": {"profiler.profiler": "ProfilerAction"},
    "profiler.session": {"profiler.profiler": "profile"},
    "serialization.safe_globals": {
        "serialization": "add_safe_globals clear_safe_globals get_safe_globals safe_globals"
    },
    "utils.data.epoch": {
        "utils.data.dataloader": "_BaseDataLoaderIter _MultiProcessingDataLoaderIter _SingleProcessDataLoaderIter"
    },
    "utils.recompute": {"utils.checkpoint": "CheckpointError"},
}
"""For a module of ours PyTorch's modules of its classes, where they are not in the one of the same name."""

_MODULES = {
    "_tensor": "",
    "functional": "",
    "torch": "",
    "autograd.profiler_util": "profiler",
    "autograd.variable": "autograd.variable",
    "distributions.beta": "distributions.dirichlet",
    "distributions.chi2": "distributions.gamma",
    "distributions.exp_family": "distributions.distribution",
    "distributions.fishersnedecor": "distributions.fisher_snedecor",
    "distributions.geometric": "distributions.bernoulli",
    "distributions.multinomial": "distributions.binomial",
    "distributions.negative_binomial": "distributions.binomial",
    "distributions.one_hot_categorical": "distributions.categorical",
    "distributions.relaxed_bernoulli": "distributions.relaxed",
    "distributions.relaxed_categorical": "distributions.relaxed",
    "distributions.studentT": "distributions.student_t",
    **{
        f"distributions.{part}": "distributions.transformed_family"
        for part in (
            *("gumbel", "half_cauchy", "half_normal", "inverse_gamma", "log_normal"),
            *("logistic_normal", "pareto", "weibull"),
        )
    },
    "optim.adamw": "optim.adam",
    "profiler.profiler": "profiler",
}
"""Modules of PyTorch's whose contents stand in another module of ours."""

_WALKED = frozenset(("optim",))
"""Packages whose ``__dict__`` programs walk through: they must hold all that loads late with us."""

FUNCTORCH = "flambeau._functorch.apis"
OTHER_NAMES: dict[str, str] = {}


def _stand_ins() -> None:
    """Fill the table of other names with those that the package has no file for."""
    from pathlib import Path

    root = Path(__file__).parent.parent
    for theirs, ours in _MODULES.items():
        place = root.joinpath(*theirs.split("."))
        if not place.is_dir() and not place.with_suffix(".py").exists():
            OTHER_NAMES[f"torch.{theirs}"] = f"flambeau.{ours}".rstrip(".")


_stand_ins()


class Names(MetaPathFinder, Loader):
    """Gives what the package holds PyTorch's names, and takes them back.

    As a finder it meets the package's modules when they load, so that it sees what they define.
    """

    def __init__(self, alias: str, package: str) -> None:
        self.alias, self.package = alias, package
        self.changed: dict[int, tuple[Any, str, str]] = {}
        self.loaders: dict[str, Any] = {}

    def install(self) -> None:
        if self in sys.meta_path:
            return
        sys.meta_path.insert(0, self)
        for name, module in tuple(sys.modules.items()):
            if self._covers(name) and module is not None:
                self.adopt(name, module)

    def uninstall(self) -> None:
        if self not in sys.meta_path:
            return
        sys.meta_path.remove(self)
        while self.changed:
            item, attribute, before = self.changed.popitem()[1]
            setattr(item, attribute, before)

    def _covers(self, name: str) -> bool:
        return name == self.package or name.startswith(f"{self.package}.")

    # ------------------------------------------------------------------------- modules that load later

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self._covers(name):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            self.loaders[name] = spec.loader
            spec.loader = self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loaders[spec.name].create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        loader = self.loaders.pop(spec.name)
        spec.loader = module.__loader__ = loader
        loader.exec_module(module)
        self.adopt(spec.name, sys.modules.get(spec.name, module))

    # ---------------------------------------------------------------------------------------- the names

    def adopt(self, name: str, module: ModuleType) -> None:
        """Give a module, its classes and its functions PyTorch's names."""
        if name == module.__name__ and self._is_shown(name):
            theirs = self.alias + name.removeprefix(self.package)
            sys.modules.setdefault(theirs, module)
            self._write(module, "__name__", theirs)
        for item in tuple(vars(module).values()):
            if isinstance(item, (type, FunctionType)):
                home = self.home(item)
                if home is not None:
                    self._write(item, "__module__", home)
        if name.removeprefix(f"{self.package}.") in _WALKED:
            for part in dir(module):
                getattr(module, part)
        if name.startswith(f"{self.package}.ops."):
            self._place_operations()

    def _place_operations(self) -> None:
        """Operations say where users find them, and not in which file of ours they stand."""
        from ..dispatch.registry import NAMESPACES

        for space, functions in NAMESPACES.items():
            home = self.alias if space == "torch" else f"{self.alias}.{space}"
            for name, function in functions.items():
                if getattr(function, "__qualname__", "") == name and self._covers(
                    function.__module__ or ""
                ):
                    self._write(function, "__module__", home)

    def _is_shown(self, name: str) -> bool:
        return name == self.package or name.split(".")[1] not in ROOMS

    def _write(self, item: Any, attribute: str, value: str) -> None:
        before = getattr(item, attribute)
        try:
            setattr(item, attribute, value)
        except TypeError:  # a class that cannot be written to
            return
        self.changed[id(item)] = (item, attribute, before)

    def home(self, item: Any) -> str | None:
        """PyTorch's module of a class or function of ours; None where it keeps its own."""
        module = getattr(item, "__module__", None)
        if not isinstance(module, str) or not self._covers(module):
            return None
        ours = module.removeprefix(self.package).lstrip(".")
        for home, names in _HOMES.get(ours, {}).items():
            if names == "*" or item.__name__ in names.split():
                return f"{self.alias}.{home}".rstrip(".")
        if isinstance(item, type) and ours.partition(".")[0] == "nn":
            layer = self._layer(item)
            if layer is not None:
                return layer
        if not self._is_shown(module):
            return None
        return self.alias + module.removeprefix(self.package)

    def _layer(self, cls: type) -> str | None:
        module = sys.modules.get(f"{self.package}.nn.module")
        base = getattr(module, "Module", None)
        if base is None or not issubclass(cls, base):
            return None
        from ..nn.file import file_of

        return file_of(cls)
