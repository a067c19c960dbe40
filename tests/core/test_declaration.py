"""A dtype is declared once: no other file lists types, and a new one needs no other line."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import flambeau
from flambeau.core.dtype import DTYPES

ROOT = Path(flambeau.__file__).parent
DECLARATION = "core/dtype.py"
BY_MEANING = {
    "_ops/lowering.py": "methods of those names, as what ATen has for them",
    "ao/nn/quantized/dynamic/modules/linear.py": "float16 weights are a kind of dynamic quantisation",
    "ao/nn/quantized/dynamic/modules/rnn.py": "float16 weights are a kind of dynamic quantisation",
    "ao/quantization/qconfig.py": "float16 weights are a kind of dynamic quantisation",
    "ao/quantization/quantize.py": "float16 weights are a kind of dynamic quantisation",
    "distributed/algorithms/ddp_comm_hooks/default_hooks.py": "hooks that are named by the type they send",
    "distributed/tensor/rules.py": "a method of that name",
    "masked/maskedtensor/core.py": "a method of that name",
    "nested/function.py": "a method of that name",
    "ops/linalg/weight_only.py": "which types PyTorch multiplies weights of few bits by",
    "amp/autocast_mode.py": "the types that autocast computes in are its own rule",
    "amp/grad_scaler.py": "gradients in the type whose range is too small are not unscaled",
    "cpu/amp/autocast_mode.py": "the type that autocast computes in on such a device",
    "ops/elementwise/fake_quantize.py": "the types that PyTorch takes zero points in",
    "testing/allclose.py": "the tolerances of that old function",
    "cuda/amp/autocast_mode.py": "the type that autocast computes in on such a device",
    "ops/linalg/matmul.py": "the type whose vectors tiles multiply",
    "optim/muon.py": "the paper's iteration runs in bfloat16",
}
"""Files that mean one certain type, which a new one does not change."""
KERNELS = {
    "kernels/loops/element.py": "how elements lie in memory",
    "kernels/runtime/layout.py": "where NumPy's descriptions of them are",
    "kernels/runtime/layout_check.py": "samples of those",
    "kernels/runtime/memory.py": "the types of what kernels take as scratch",
    "kernels/array/sort.py": "the bits of infinity",
    "kernels/array/draw.py": "the types that numbers are drawn in",
    "kernels/gradient.py": "the types that kernels add",
    "kernels/cuda/array/monoid.py": "how a GPU's elements are computed",
    "kernels/cuda/array/scan.py": "the types that are scanned",
    "kernels/cuda/convolution/cudnn.py": "cuDNN's names of them",
    "kernels/cuda/floats.py": "the types that kernels compute in others",
    "kernels/cuda/gather/combine.py": "the types that a GPU adds in one step",
    "kernels/cuda/matmul/matmul.py": "cuBLAS's names of them",
    "kernels/cuda/tensor_core.py": "the types that tensor cores multiply",
    "kernels/elementary/half.py": "how the bits of half types are widened and rounded",
    "kernels/matmul/half.py": "the types that tiles multiply",
    "kernels/matmul/half_few.py": "the type that every processor is given rows of",
    "kernels/matmul/half_kernel.py": "what is multiplied in two parts",
    "kernels/matmul/half_pack.py": "the types that tiles multiply",
    "kernels/matmul/int8.py": "what rows of bytes are multiplied in",
    "kernels/convolution/convolution.py": "the type whose windows tiles multiply",
    "kernels/convolution/half_gradient.py": "the type whose windows tiles multiply",
    "kernels/convolution/half_gradient_kernel.py": "the type whose windows tiles multiply",
    "kernels/nn/attention_half_kernel.py": "what is multiplied in two parts",
}
"""Machine code knows no tensors: what it reads and writes is told here, by NumPy's types."""
MANY = 3
"""So many types named in one list, set or table are a table of types."""

SPECIAL = {"float16", "bfloat16"}
NAMES = {*DTYPES, "bool_"}


def _name(node: ast.AST | None) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return getattr(node, "id", getattr(node, "attr", getattr(node, "name", "")))


def _parts(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Dict):
        return [_name(part) for part in (*node.keys, *node.values)]
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return [_name(part) for part in node.elts]
    return []


def _offences(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if _name(node) in SPECIAL:
            yield f"{line}: names {_name(node)}"
        listed = NAMES.intersection(_parts(node)) - {"bool"}  # which is Python's own type, too
        if len(listed) >= MANY:
            yield f"{line}: lists {', '.join(sorted(listed))}"


def test_no_other_file_lists_types() -> None:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("simulator/"):
            continue  # it knows CuPy's types, not flambeau's
        if name != DECLARATION and name not in BY_MEANING and name not in KERNELS:
            for offence in _offences(path.read_text()):
                found[f"{name}:{offence}"] = name
    assert not found, "a fact of a type belongs into its declaration, core/dtype.py:\n" + "\n".join(
        found
    )


@pytest.mark.parametrize("name", [*BY_MEANING, *KERNELS])
def test_exceptions_are_needed(name: str) -> None:
    assert list(_offences((ROOT / name).read_text()))


@pytest.mark.parametrize(
    "source",
    [
        "X = {'float32': 1, 'float64': 2, 'int64': 3}",
        "if x.dtype.name == 'bfloat16': pass",
        "from .dtype import float16",
        "y = torch.bfloat16",
        "X = [np.int8, np.int16, np.int32]",
    ],
)
def test_tables_of_types_are_found(source: str) -> None:
    assert list(_offences(source))


MADE = '''
import importlib.machinery, io, pickle, sys, tempfile

LINE = b"""
float8_e4m3 = _define("float8_e4m3", "f8", "Float8_e4m3", "c10::Float8_e4m3", FLOAT, 1,
                      fraction=3, bias=7, rtol=0.25, atol=1e-5, dlpack=8)
"""
sys.dont_write_bytecode, sys.pycache_prefix = True, tempfile.mkdtemp()
read = importlib.machinery.SourceFileLoader.get_data
def with_the_line(self, path):
    data = read(self, path)
    if path.replace("\\\\", "/").endswith("flambeau/core/dtype.py"):
        assert data.count(b"\\nfloat16 = _define") == 1
        data = data.replace(b"\\nfloat16 = _define", LINE + b"float16 = _define")
    return data
importlib.machinery.SourceFileLoader.get_data = with_the_line

import flambeau as torch

f8 = torch.float8_e4m3
x = torch.tensor([0.5, 1.5, -3.0], dtype=f8)
'''

USES = {
    "is printed": ("repr(x)", "tensor([ 0.5000,  1.5000, -3.0000], dtype=torch.float8_e4m3)"),
    "is made": (
        "[m.tolist() for m in (torch.zeros(1, dtype=f8), torch.full((1,), 2.5, dtype=f8), "
        "torch.arange(3, dtype=f8), torch.linspace(0, 1, 3, dtype=f8))]",
        [[0.0], [2.5], [0.0, 1.0, 2.0], [0.0, 0.5, 1.0]],
    ),
    "rounds to even": ("torch.tensor([1.0625, 1.1875]).to(f8).tolist()", [1.0, 1.25]),
    "is converted": ("(x.float().tolist(), x.long().tolist())", ([0.5, 1.5, -3.0], [0, 1, -3])),
    "computes": (
        "((x + x).tolist(), (x * 2.0).tolist(), x.sum().item(), x.max().item(), "
        "(x[None] @ x[:, None]).tolist())",
        ([1.0, 3.0, -6.0], [1.0, 3.0, -6.0], -1.0, 1.5, [[12.0]]),  # 11.5 is a tie: to even
    ),
    "is sorted": (
        "torch.tensor([float('nan'), 2.0, -1.0], dtype=f8).sort().indices.tolist()",
        [2, 1, 0],
    ),
    "is differentiated": (
        "[(w := torch.tensor([1.0, 2.0], dtype=f8, requires_grad=True)), (w * w).sum().backward(), "
        "w.grad.tolist(), str(w.grad.dtype)][2:]",
        [[2.0, 4.0], "torch.float8_e4m3"],
    ),
    "promotes": (
        "(str((x * 2.0).dtype), refused(lambda: torch.promote_types(f8, torch.float16)))",
        (
            "torch.float8_e4m3",
            "RuntimeError: Promotion for Float8 Types is not supported, attempted to promote "
            "Float8_e4m3 and Half; convert an operand first, as in x.to(torch.float32)",
        ),
    ),
    "has limits": (
        "(torch.finfo(f8).max, torch.finfo(f8).eps, torch.finfo(f8).tiny)",
        (240.0, 0.125, 2.0**-6),
    ),
    "refuses what is too large": (
        "refused(lambda: torch.full((2,), 1e9, dtype=f8))",
        "RuntimeError: value cannot be converted to type c10::Float8_e4m3 without overflow",
    ),
    "is drawn": (
        "[0 <= v < 4 and v == int(v) for v in torch.randint(0, 4, (3,), dtype=f8).tolist()] "
        "+ [0 <= v <= 1 for v in torch.rand(2, dtype=f8).tolist()]",
        [True] * 5,
    ),
    "is pickled": ("pickle.loads(pickle.dumps(x)).tolist()", [0.5, 1.5, -3.0]),
    "is saved": (
        "(saved(x).tolist(), str(saved(x).dtype))",
        ([0.5, 1.5, -3.0], "torch.float8_e4m3"),
    ),
    "is exchanged": (
        "(torch.from_dlpack(x).tolist(), str(torch.from_dlpack(x).dtype), "
        "str(torch.from_numpy(x._array).dtype))",
        ([0.5, 1.5, -3.0], "torch.float8_e4m3", "torch.float8_e4m3"),
    ),
    "is compared": ("torch.testing.assert_close(x, (x.float() * 1.1).to(f8))", None),
    "is a module's": ("str(torch.nn.Linear(2, 2).to(f8).weight.dtype)", "torch.float8_e4m3"),
}

HELPERS = """
def refused(call):
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).partition(': ')[0]}"

def saved(x):
    held = io.BytesIO()
    torch.save(x, held)
    held.seek(0)
    return torch.load(held)

"""


@pytest.fixture(scope="module")
def results() -> dict[str, object]:
    """What a process answers in which one more type is declared, by one line of core/dtype.py."""
    calls = "".join(f"print(repr(({use!r}, {call})))\n" for use, (call, _) in USES.items())
    run = subprocess.run(
        [sys.executable, "-c", MADE + HELPERS + calls],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return dict(ast.literal_eval(line) for line in run.stdout.splitlines())


@pytest.mark.parametrize("use", USES)
def test_a_new_type(results: dict[str, object], use: str) -> None:
    assert results[use] == USES[use][1]
