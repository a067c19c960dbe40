"""Tests that say nothing of a GPU: by a pattern of their names, why. ``pytest --device cuda`` leaves them out.

What a GPU does otherwise, as PyTorch's does on a GPU, is compared with PyTorch in tests/on_cuda and tests/kernels/cuda.
"""

from __future__ import annotations

import re

DRAWN = (
    "a GPU draws other numbers for a seed; tests/on_cuda/test_draws.py compares them with PyTorch's"
)
HOST = "is about the memory of the host, or what NumPy shares of it"
ARRAYS = "an operator with a NumPy array takes tensors of the CPU only"
PLACE = "names the CPU, or asks where a tensor is"
SATURATED = "numbers outside of an integer's range become its ends on a GPU, as PyTorch's do there"
PATCHED = "asks for functions of the package that tests/elsewhere.py has replaced"
SHORT = "CuPy has no arrays of this dtype: such tensors live on the CPU"

REMAINDER = {
    r"amp/test_autocast_(mode|state)\.py": (
        "autocast of the CPU; tests/on_cuda/test_amp.py has that of a GPU"
    ),
    r"test_sampling\.py::test_a_call.*\[torch\.(rand|normal|bernoulli|poisson|binomial|multi)": DRAWN,
    r"test_sampling\.py::test_a_call.*\[torch\.empty\(3.*\)\.(uniform|normal|exponential|cauchy)": DRAWN,
    r"test_sampling\.py::test_a_call.*\[torch\.empty\(3.*\)\.(log|geometric|random|bernoulli)": DRAWN,
    r"test_sampling\.py::test_a_call.*(dropout|rrelu)": DRAWN,
    r"create/test_sampling\.py::test_(fork_rng_puts|generators_are_copied|discrete_draws_leave|rrelu_draws)": DRAWN,
    r"create/test_sampling\.py::test_a_call_is_answered.*\[torch\.Generator\(.cuda": PLACE,
    r"create/test_full\.py::test_a_(default_device_of|buffer_is_shared)": HOST,
    r"create/test_full\.py::test_bytes_cannot_be_written": HOST,
    r"create/test_full\.py::.*(pin_memory=True|FloatTensor)": PLACE,
    r"_ops/test_library\.py::TestCustomOp::test_writing": HOST,
    r"distributions/test_distributions\.py::test_gamma_numbers_come_from_a_generator": DRAWN,
    r"elementwise/test_operator\.py::test_(integers|numpy_says|in_place|matmul_of_both)": ARRAYS,
    r"elementwise/test_names_of_inplace\.py::test_questions_of_tensors": PLACE,
    r"index/test_in_place\.py::test_(memory_grows|recorded_writes_copy)": HOST,
    r"index/test_fill\.py::.*(device|is_cu|is_cpu|\.to\(.cuda|\.to\(0\)|\.type\(\))": PLACE,
    r"index/test_fill\.py::.*torch\.tensor\(\[1e20": SATURATED,
    r"ops/test_recorded_structure\.py::.*(np\.ones|\.view\(\))": HOST,
    r"ops/test_out\.py::test_refused": HOST,
    r"index/test_fill\.py::(test_floats_that_do_not_fit|.*fill_\(torch\.tensor\(float)": SATURATED,
    r"nn/test_layer\.py::.*(Dropout|dropout=\.5|dropout=0\.|norm_first=True)": DRAWN,
    r"nn/(test_init\.py::test_(values|sparse)|test_spectral|test_prune\.py::test_by_chance)": DRAWN,
    r"nn/test_native\.py::test_native_dropout": DRAWN,
    r"nn/test_utils\.py::test_recurrent_layers_stop": DRAWN,
    r"nn/(test_module\.py::test_misuse|test_container\.py::test_parameter_dict)": PLACE,
    r"nn/test_parallel\.py": "is about machines without a GPU; tests/on_cuda/test_comm.py has several",
    r"test_convolution\.py::test_the_transpose_spreads_no_weight": (
        "a weight that is not finite meets the zeros around an image, in the transpose too: docs/cuda.md"
    ),
    r"tensor/test_callback\.py": "apply_, map_ and map2_ are of the CPU, in PyTorch too",
    r"tensor/test_copying\.py::test_(pickle_keeps|what_a_tensor)": PLACE,
    r"tensor/test_dlpack\.py": "NumPy takes memory of the CPU; tests/on_cuda exchanges it with CuPy",
    r"tensor/test_exchange\.py": HOST,
    r"tensor/test_names\.py::test_what_is_asked_of_places": PLACE,
    r"utils/data/test_channel\.py::test_(every_dtype_and_size.*70000|what_shares|a_view_does)": HOST,
    r"utils/data/test_loader\.py::test_workers_have_random_numbers": DRAWN,
    r"utils/data/test_loader\.py::test_pinning_without_a_device": PLACE,
    r"utils/data/test_names\.py::test_seeds_and_pinned_memory": PLACE,
    r"tests/test_quantization\.py::(?!test_(products|observers|half))": (
        "quantised tensors, and arrays of float8, are on the CPU; tests/on_cuda/test_sparse.py"
    ),
    r"tests/sparse/": "sparse tensors are on the CPU; tests/on_cuda/test_sparse.py says who refuses",
    r"core/random/test_draws_gamma\.py": DRAWN,
    r"core/test_layout\.py::test_(check_options|pinned_memory_needs)": PLACE,
    r"core/test_legacy\.py::test_(there_are_no_others|old_classes_take|default_tensor_type)": PLACE,
    r"core/test_limit\.py::test_an_index_is_out_of_bounds": (
        "a GPU finds wrong indices itself, and says so in words of its own: tests/kernels/cuda/gather"
    ),
    r"core/test_meta\.py::test_(what_a_meta|tensors_of_two|a_model_before|views_and|numbers_without)": PLACE,
    r"core/test_narrow\.py": SHORT,
    r"core/test_printing\.py::test_(meta_tensors_have|suffixes_come)": PLACE,
    r"core/test_storage\.py::test_(untyped|old_storage|the_storage_of_a_numpy|tensors_of_a_file)": HOST,
    r"dispatch/test_registry\.py::test_every_function_pickles": PATCHED,
    r"dispatch/test_torch_function\.py::test_what_modes_do_not_see": PATCHED,
    r"tests/multiprocessing/test_multi": "processes share memory of the host; that of a GPU is refused",
    r"ecosystem/test_tutorials\.py::test_tutorial\[(cnn_digits|ddp_single)\]": (
        "trains where there is a GPU, and looks at the result on the CPU"
    ),
    r"serialization/test_classes\.py::test_bfloat16_of_numpy": HOST,
    r"serialization/test_classes\.py::test_every_dtype_is_kept.*(float8|complex32)": SHORT,
    r"serialization/test_option\.py::test_(what_is_written|places_that)": PLACE,
    r"serialization/test_safe_globals\.py::test_a_recorded_module": PLACE,
    r"serialization/test_serialization\.py::test_map_location_says": PLACE,
    r"tests/test_namespace\.py::test_gumbel_softmax_draws": DRAWN,
    r"tests/test_namespace\.py::test_checks_of_programs": PLACE,
    r"tests/test_old_names\.py::test_mixed_precision_by_the_name": PLACE,
    r"tests/test_setting\.py::test_cudnn_switches": PLACE,
}
"""By a regular expression."""


def why_left_out(name: str) -> str:
    """Why a test is left out on a GPU; empty where it is not."""
    return next((why for pattern, why in REMAINDER.items() if re.search(pattern, name)), "")
