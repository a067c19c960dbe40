"""Run by Python when it starts, in children of a program in which `import torch` means flambeau.

See ``flambeau/compat/environment.py``. Nothing is imported here before somebody asks for torch.
"""

import os
import sys

_NAMES = ("torch", "functorch")


class _Waiting:
    """Lets `import torch` mean flambeau when torch is first asked for."""

    def __init__(self, root, options):
        self.root, self.options = root, options

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in _NAMES and self.begin():
            for finder in sys.meta_path:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    sys.modules.pop(name, None)  # else importlib takes that module's own spec
                    return spec
        return None

    def find_distributions(self, context=None):
        asked = getattr(context, "name", None)
        if (asked is None or asked.lower() in _NAMES) and self.begin():
            for finder in sys.meta_path:
                if type(finder).__module__.endswith("compat.distribution"):
                    yield from finder.find_distributions(context)

    def begin(self):
        if self not in sys.meta_path:
            return False
        sys.meta_path.remove(self)
        try:
            import flambeau.compat
        except ModuleNotFoundError as error:
            if error.name != "flambeau":
                raise
            sys.path.append(self.root)  # the parent found the package there
            import flambeau.compat

        names, distribution = (option == "1" for option in self.options)
        flambeau.compat.install(names=names, distribution=distribution, children=True)
        return True


def _next_sitecustomize():
    """The file that Python would have run without this one."""
    from importlib.machinery import PathFinder

    here = os.path.realpath(os.path.dirname(__file__))
    paths = [path for path in sys.path if os.path.realpath(path or ".") != here]
    spec = PathFinder.find_spec("sitecustomize", paths)
    if spec is not None and spec.loader is not None:
        from importlib.util import module_from_spec

        module = sys.modules["sitecustomize"] = module_from_spec(spec)
        spec.loader.exec_module(module)


_told = os.environ.get("FLAMBEAU_STANDS_IN", "").split(os.pathsep)
if len(_told) == 3 and _told[0] == sys.prefix:
    sys.meta_path.insert(0, _Waiting(_told[1], _told[2]))
_next_sitecustomize()
