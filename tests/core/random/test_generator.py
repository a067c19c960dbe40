"""Every draw gives the numbers that PyTorch 2.13 recorded for the same seed on a CPU."""

from __future__ import annotations

import base64
import json
import platform
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from flambeau.core.random import draws, draws_integer
from flambeau.core.random import generator as words
from flambeau.core.random.generator import STATE_SIZE, Generator, default_generator

RECORDED = json.loads((Path(__file__).parents[2] / "data" / "generator.json").read_text())

# These call the C library's logarithm, tangent or cosine in float64. The record was made with the GNU
# one, and another may differ by a unit in the last place. Everything else agrees to the last bit.
ROUNDED = ("exponential_", "cauchy_", "log_normal_")
IS_GNU = platform.libc_ver()[0] == "glibc"
WORDS_END = 5016  # where a state's words end; the waiting normal comes after them
TOLERANCE = {"float32": 2e-7, "float64": 1e-13, "complex128": 1e-13}

UNIFORM_OF_SEED_0 = [
    0.49625658988952637,
    0.7682217955589294,
    0.08847743272781372,
    0.13203048706054688,
]
NORMAL_AFTER_IT = [-2.1787893772125244, 0.5684312582015991, -1.0845223665237427]
PERMUTATION_AFTER_IT = [4, 6, 1, 0, 3, 5, 2, 7]


def dtype_named(name: str) -> np.dtype:
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def draw(step: dict[str, Any], generator: Generator) -> np.ndarray:
    name, shape, args = step["draw"], tuple(step["shape"]), step["args"]
    dtype = dtype_named(step["dtype"])
    count = int(np.prod(shape))
    if name == "randperm":
        return draws_integer.randperm(count, dtype, generator)
    if name == "bernoulli_each":
        p = (np.arange(count).astype(dtype) / dtype.type(max(count, 1))).reshape(shape)
        return draws.bernoulli_(np.empty(shape, np.float32), p, generator)
    if name == "multinomial":
        weights = (np.arange(count) % 7).astype(dtype).reshape(shape)
        return draws_integer.multinomial(weights, *args, generator)
    fill = getattr(draws, name, None) or getattr(draws_integer, name)
    return fill(np.empty(shape, dtype), *args, generator=generator)


def assert_recorded(values: np.ndarray, step: dict[str, Any]) -> None:
    flat = values.reshape(-1)
    if flat.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    head = flat[:6].astype(np.float64) if flat.dtype.kind in "fV" else flat[:6]
    normal64 = step["draw"] == "normal_" and step["dtype"] in ("float64", "complex128")
    if not IS_GNU and (step["draw"] in ROUNDED or normal64):
        np.testing.assert_allclose(head, step["head"], rtol=TOLERANCE[step["dtype"]])
    else:
        assert head.tolist() == step["head"], step
        assert zlib.crc32(values.tobytes()) == step["crc"], step


def case_name(case: dict[str, Any]) -> str:
    first = case["steps"][0]
    return f"{first['draw']}-{first['dtype']}-{first['args']}-seed{case['seed']}"


@pytest.mark.parametrize("case", RECORDED["cases"], ids=case_name)
def test_values_and_state_after_them_are_pytorchs(case: dict[str, Any]) -> None:
    generator = Generator().manual_seed(case["seed"])
    for step in case["steps"]:
        assert_recorded(draw(step, generator), step)
    assert zlib.crc32(generator.raw_state()[:WORDS_END].tobytes()) == case["state_crc"]
    waiting, recorded = generator.next_normal, case["next_normal"]
    assert (waiting is None) == (recorded is None)
    assert (waiting or 0) == pytest.approx(recorded or 0, rel=1e-14)


def test_the_first_numbers_of_seed_0() -> None:
    generator = Generator().manual_seed(0)
    uniform = draws.uniform_(np.empty(4, np.float32), generator=generator)
    assert uniform.tolist() == UNIFORM_OF_SEED_0
    normal = draws.normal_(np.empty(3, np.float32), generator=generator)
    assert normal.tolist() == NORMAL_AFTER_IT
    assert draws_integer.randperm(8, generator=generator).tolist() == PERMUTATION_AFTER_IT


# ---- state -----------------------------------------------------------------------------------


def saved_state() -> np.ndarray:
    raw = zlib.decompress(base64.b64decode(RECORDED["saved"]["state"]))
    return np.frombuffer(raw, np.uint8)


def test_a_state_saved_by_pytorch_is_continued() -> None:
    generator = Generator()
    generator.restore(saved_state())
    assert generator.initial_seed() == 12
    assert generator.raw_state().tobytes() == saved_state().tobytes()
    after = draws.normal_(np.empty(700, np.float32), generator=generator)
    assert zlib.crc32(after.tobytes()) == RECORDED["saved"]["after"]["crc"]


def test_the_state_written_is_the_one_pytorch_writes() -> None:
    generator = Generator().manual_seed(12)
    draws.uniform_(np.empty(1001, np.float32), generator=generator)
    draws.normal_(np.empty(3, np.float32), generator=generator)
    state = generator.raw_state()
    assert (state.dtype, state.shape) == (np.uint8, (STATE_SIZE,))
    assert state.tobytes() == saved_state().tobytes()


@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 625, 1248])
def test_a_state_is_restored_at_any_place_in_a_block(drawn: int) -> None:
    whole = Generator().manual_seed(3).take(drawn + 2000)
    generator = Generator().manual_seed(3)
    generator.take(drawn)
    other = Generator()
    other.restore(generator.raw_state())
    assert other.take(2000).tolist() == whole[drawn:].tolist()


def test_the_waiting_normal_is_dropped_by_a_seed_and_kept_by_a_state() -> None:
    generator = Generator().manual_seed(0)
    first = draws.normal_(np.empty(2), generator=generator)
    draws.normal_(np.empty(1), generator=generator.manual_seed(0))
    state = generator.raw_state()
    assert draws.normal_(np.empty(1), generator=generator)[0] == first[1]
    assert draws.normal_(np.empty(1), generator=generator.manual_seed(0))[0] == first[0]
    generator.restore(state)
    assert draws.normal_(np.empty(1), generator=generator)[0] == first[1]


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ([1], TypeError, "expected a torch.ByteTensor"),
        (np.zeros(STATE_SIZE), TypeError, "RNG state must be a torch.ByteTensor"),
        (np.zeros(2 * STATE_SIZE, np.uint8)[::2], RuntimeError, "must be contiguous"),
        (np.zeros(16, np.uint8), RuntimeError, "Expected a CPUGeneratorImplState of size 5056"),
        (np.zeros(STATE_SIZE, np.uint8), RuntimeError, "Invalid mt19937 state"),
    ],
)
def test_what_is_no_state_is_refused(state: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Generator().restore(state)


# ---- seeds -----------------------------------------------------------------------------------


def test_seeds() -> None:
    assert Generator().initial_seed() == 67280421310721
    assert Generator().manual_seed(-1).initial_seed() == 2**64 - 1
    assert Generator().manual_seed(-(2**63)).initial_seed() == 2**63
    assert Generator().manual_seed(2**64 - 1).initial_seed() == 2**64 - 1
    low, high = Generator().manual_seed(5), Generator().manual_seed(2**32 + 5)
    assert low.take(9).tolist() == high.take(9).tolist()  # only 32 bits start the stream


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seeds_out_of_range_are_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="Overflow when unpacking long long"):
        Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", [1.5, "a", True, None])
def test_seeds_that_are_no_ints_are_refused(seed: Any) -> None:
    with pytest.raises(RuntimeError, match="manual_seed expected a long, but got"):
        Generator().manual_seed(seed)


def test_seed_draws_a_new_seed_each_time() -> None:
    generator = Generator()
    seeds = {generator.seed() for _ in range(4)}
    assert len(seeds) == 4
    assert generator.initial_seed() in seeds


def test_the_default_generator_serves_when_none_is_named() -> None:
    default_generator.manual_seed(0)
    assert draws.uniform_(np.empty(4, np.float32)).tolist() == UNIFORM_OF_SEED_0


def test_draws_of_several_threads_do_not_mix() -> None:
    generator = Generator().manual_seed(0)
    results: list[np.ndarray] = []

    def work() -> None:
        for _ in range(20):
            results.append(draws.uniform_(np.empty(50_000, np.float32), generator=generator))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stream = draws.uniform_(np.empty((80, 50_000), np.float32), generator=generator.manual_seed(0))
    assert sorted(r.tobytes() for r in results) == sorted(row.tobytes() for row in stream)


# ---- layouts, masks, permutations ------------------------------------------------------------

VIEWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "transposed": lambda x: x.T,
    "column": lambda x: x[:, 1],
    "rows": lambda x: x[::2],
}


@pytest.mark.parametrize("name", VIEWS)
def test_strided_targets_are_filled_in_the_order_of_memory(name: str) -> None:
    recorded = RECORDED["strided"][name]
    large, small = np.zeros((20, 30), np.float32), np.zeros((4, 6), np.float32)
    generator = Generator().manual_seed(13)
    draws.normal_(VIEWS[name](large), generator=generator)
    draws.uniform_(VIEWS[name](small), generator=generator)
    np.testing.assert_allclose(large.reshape(-1)[:6], recorded["head"], rtol=2e-7)
    assert zlib.crc32(small.tobytes()) == recorded["uniform"]


def test_dropout_keeps_what_pytorch_keeps() -> None:
    mask = draws.bernoulli_(np.empty(40, np.bool_), 1 - 0.3, Generator().manual_seed(14))
    assert mask.astype(int).tolist() == RECORDED["dropout"]


@pytest.mark.parametrize("n", [2, 3, 199, 202, 3000])
def test_a_permutation_of_a_very_long_range_is_made_inside_out(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draws_integer, "_LARGE_PERMUTATION", 0)
    words = Generator().manual_seed(n).take(2 * n).tolist()
    expected: list[int] = []
    for i, (high, low) in enumerate(zip(words[0::2], words[1::2])):
        at = ((high << 32) | low) % (i + 1)
        expected.append(i)
        expected[i], expected[at] = expected[at], i
    assert draws_integer.randperm(n, generator=Generator().manual_seed(n)).tolist() == expected


# ---- errors ----------------------------------------------------------------------------------


def empty(dtype: Any) -> np.ndarray:
    return np.empty(3, dtype)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: draws.uniform_(empty("f4"), 1, 0), RuntimeError, "uniform_ expects to return"),
        (lambda: draws.uniform_(empty("f2"), 0, 1e6), RuntimeError, "to is out of bounds for"),
        (lambda: draws.uniform_(empty("f4"), -3e38, 3e38), RuntimeError, "expects to-from <="),
        (lambda: draws.uniform_(empty("i8")), NotImplementedError, "check_uniform_bounds"),
        (lambda: draws.normal_(empty("f4"), 0, -1), RuntimeError, "normal expects std >= 0.0"),
        (lambda: draws.normal_(empty("i8")), NotImplementedError, "normal_kernel_cpu"),
        (lambda: draws.log_normal_(empty("f4"), 0, 0), RuntimeError, "log_normal_ expects std >"),
        (lambda: draws.exponential_(empty("f4"), 0), RuntimeError, "exponential_ expects lambda"),
        (lambda: draws.exponential_(empty("i8")), RuntimeError, "Exponential distribution is a"),
        (lambda: draws.cauchy_(empty("f4"), 0, 0), RuntimeError, "cauchy_ expects sigma > 0.0"),
        (lambda: draws.geometric_(empty("f4"), 0), RuntimeError, "geometric_ expects p to be in"),
        (lambda: draws.geometric_(empty("?"), 0.5), NotImplementedError, "geometric_cpu"),
        (lambda: draws.bernoulli_(empty("f4"), 2), RuntimeError, "bernoulli_ expects p to be in"),
        (lambda: draws.bernoulli_(empty("f4"), np.array([2.0])), RuntimeError, "Expected p_in >="),
        (lambda: draws.bernoulli_(empty("u2")), NotImplementedError, "bernoulli_scalar_cpu_"),
        (lambda: draws_integer.random_(empty("i8"), 3, 3), RuntimeError, "'from' to be less than"),
        (lambda: draws_integer.random_(empty("u1"), 0, 300), RuntimeError, "to - 1 is out of"),
        (lambda: draws_integer.random_(empty("u1"), -1, 3), RuntimeError, "from is out of bounds"),
        (lambda: draws_integer.random_(empty("u2")), NotImplementedError, "random_kernel_cpu"),
        (lambda: draws_integer.random_(empty("c8"), 0, 3), RuntimeError, "check_random_bounds"),
        (lambda: draws_integer.random_(empty("i4"), -(2**63)), RuntimeError, "full_64_bits"),
        (lambda: draws_integer.randperm(-1), RuntimeError, "negative dimension -1"),
        (lambda: draws_integer.randperm(300, np.uint8), RuntimeError, "cannot be converted to"),
        (lambda: draws_integer.randperm(3, np.bool_), NotImplementedError, '"randperm" not'),
    ],
)
def test_errors_are_pytorchs(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("weights", "args", "message"),
    [
        ([0.5, -1], (1,), "contains either `inf`, `nan` or element < 0"),
        ([0.5, np.inf], (1, True), "contains either `inf`, `nan` or element < 0"),
        ([0.0, 0], (1,), "sum of probabilities <= 0"),
        ([0.5, 1], (3,), "cannot sample n_sample > prob_dist"),
        ([0.5, 1], (0,), "cannot sample n_sample <= 0"),
        ([1, 1], (1,), "only supports floating-point dtypes"),
        ([0.0, 10, 3, 0], (4,), "only 2 weights above zero"),
        ([[1.0, 1, 1], [0, 1, 0]], (2,), "only 1 weights above zero"),
        (np.ones((2, 2, 2)), (1,), "prob_dist must be 1 or 2 dim"),
    ],
)
def test_weights_that_cannot_be_drawn_from(weights: Any, args: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        draws_integer.multinomial(np.array(weights), *args)


def test_integers_that_a_float_cannot_tell_apart_warn() -> None:
    with pytest.warns(UserWarning, match="to - 1 is out of bounds"):
        draws_integer.random_(empty("f2"), 0, 4096)


def test_where_the_state_does_not_begin_with_the_key(monkeypatch):
    """NumPy makes the words then, whatever lies at the address."""
    expected = np.random.RandomState(5).randint(0, 1 << 32, 3000, np.uint32)

    def elsewhere(bits):
        return np.zeros(words.BLOCK, np.uint32)

    monkeypatch.setattr(words, "_key_in_place", elsewhere)
    words._key_comes_first.cache_clear()
    try:
        assert not words._key_comes_first()
        assert Generator().manual_seed(5).take(3000).tolist() == expected.tolist()
    finally:
        words._key_comes_first.cache_clear()
