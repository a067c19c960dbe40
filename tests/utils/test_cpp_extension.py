"""Extensions in C++ cannot be; the module says so and names what to write instead."""

from __future__ import annotations

import pytest

from flambeau.utils import collect_env, cpp_extension


@pytest.mark.parametrize(
    "call",
    [
        lambda: cpp_extension.load("ext", ["a.cpp"]),
        lambda: cpp_extension.load_inline("ext", cpp_sources="int f() { return 1; }"),
        lambda: cpp_extension.CppExtension("ext", ["a.cpp"]),
        lambda: cpp_extension.CUDAExtension("ext", ["a.cu"]),
        lambda: cpp_extension.BuildExtension.with_options(use_ninja=False)(),
        lambda: cpp_extension.include_paths(),
        lambda: cpp_extension.verify_ninja_availability(),
    ],
)
def test_building_says_what_to_write_instead(call) -> None:
    with pytest.raises(RuntimeError, match=r"pointwise.*custom_op"):
        call()


def test_probes_answer_no() -> None:
    assert not cpp_extension.is_ninja_available()
    assert cpp_extension.CUDA_HOME is None


def test_the_environment_names_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    collect_env.main()
    assert "numpy" in capsys.readouterr().out
