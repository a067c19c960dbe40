"""Calls that are remembered: the fourth gives what the first did, with its history, its errors, and its memory."""

import ast
import inspect

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.dispatch import remembered, remembered_forms

F = torch.nn.functional
MOVING = {
    "roll": (lambda x: torch.roll(x, (1, 2), (0, 1)), lambda x: np.roll(x, (1, 2), (0, 1))),
    "flip": (lambda x: x.flip(0), lambda x: x[::-1]),
    "rot90": (lambda x: torch.rot90(x), lambda x: np.rot90(x)),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 1), value=3), lambda x: np.pad(x, ((0, 1), (1, 2)), constant_values=3)),
    "tril": (lambda x: torch.tril(x, 1), lambda x: np.tril(x, 1)),
    "triu": (lambda x: x.triu(), np.triu),
    "repeat": (lambda x: x.repeat(2, 3), lambda x: np.tile(x, (2, 3))),
    "repeat_interleave": (lambda x: torch.repeat_interleave(x, 2, 0), lambda x: np.repeat(x, 2, 0)),
    "cat": (lambda x: torch.cat([x, x[1:]]), lambda x: np.concatenate([x, x[1:]])),
    "stack": (lambda x: torch.stack((x, x), -1), lambda x: np.stack([x, x], -1)),
    "hstack": (lambda x: torch.hstack([x, x]), lambda x: np.hstack([x, x])),
    "diag_embed": (lambda x: torch.diag_embed(x)[1], lambda x: np.diag(x[1])),
    "reshape": (lambda x: x.t().reshape(-1), lambda x: x.T.reshape(-1)),
    "select_scatter": (lambda x: torch.select_scatter(x, x[0], 0, 1), lambda x: np.stack([x[0], x[0], *x[2:]])),
}  # fmt: skip
VIEWS = {
    "permute": (lambda x: x.permute(1, 0), lambda x: x.T),
    "transpose": (lambda x: torch.transpose(x, 0, -1), lambda x: x.T),
    "expand": (lambda x: x.expand(2, -1, -1), lambda x: np.broadcast_to(x, (2, *x.shape))),
    "unfold": (lambda x: x.unfold(1, 2, 1), lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, 1)),
    "narrow": (lambda x: x.narrow(1, 1, 2), lambda x: x[:, 1:3]),
    "diagonal": (lambda x: x.diagonal(1), lambda x: x.diagonal(1)),
    "view": (lambda x: x.contiguous().view(-1), lambda x: x.reshape(-1)),
    "squeeze": (lambda x: x[None].squeeze(0), lambda x: x),
}  # fmt: skip
CASES = {**MOVING, **VIEWS}


@pytest.fixture(autouse=True)
def compiled():
    if not kernels.enabled():
        pytest.skip("kernels are off")
    torch.ones(1) + 1


def layouts(dtype=torch.float32):
    x = torch.arange(12).to(dtype)
    yield x.view(3, 4)
    yield x.view(4, 3).t()
    yield torch.arange(48).to(dtype).view(6, 8)[::2, ::2]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool, torch.bfloat16])
def test_values(name, dtype):
    function, expected = CASES[name]
    for x in layouts(dtype):
        wanted = expected(x.float().numpy())
        for turn in range(5):
            found = function(x)
            assert found.dtype is dtype
            assert np.array_equal(
                found.float().numpy(), wanted.astype(bool) if dtype is torch.bool else wanted
            ), turn


@pytest.mark.parametrize("name", CASES)
def test_other_elements_of_the_same_layout(name):
    function, expected = CASES[name]
    for seed in range(5):
        x = torch.randn(3, 4, generator=torch.Generator().manual_seed(seed))
        assert np.array_equal(function(x).numpy(), expected(x.numpy()))


@pytest.mark.parametrize("name", CASES)
def test_histories_and_gradients_stay(name):
    function, _ = CASES[name]
    seen = []
    for _ in range(6):
        x = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        x.requires_grad_()
        y = function(x)
        (y * torch.arange(1.0, y.numel() + 1).view(y.shape)).sum().backward()
        seen.append((type(y.grad_fn).__name__, y.stride(), y._is_view(), x.grad.tolist()))
        with torch.no_grad():
            assert not function(x).requires_grad
    assert all(item == seen[0] for item in seen)
    assert torch.autograd.gradgradcheck(lambda x: function(x) ** 2, (x,))


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_and_count_its_writes(name):
    function, _ = VIEWS[name]
    for _ in range(5):
        x = torch.zeros(3, 4)
        y = function(x)
        assert y.data_ptr() >= x.data_ptr()
        assert y._is_view()
        assert y._base is x
        if name != "expand" and name != "unfold":
            y.add_(1)
            assert x._version == y._version == 1
            assert x.sum() == y.numel()


@pytest.mark.parametrize("name", MOVING)
def test_moved_elements_have_memory_of_their_own(name):
    function, _ = MOVING[name]
    for _ in range(5):
        x = torch.ones(3, 4)
        before = function(x)
        x.zero_()
        assert before.sum() > 0
        assert before._version == 0


def test_options_of_other_types_are_not_mistaken():
    x = torch.zeros(2, 3)
    for _ in range(5):
        assert x.transpose(0, 1).shape == (3, 2)
        with pytest.raises(TypeError):
            x.transpose(0.0, 1)
    for _ in range(5):
        with pytest.raises(RuntimeError, match="duplicate"):
            x.permute(1, 1)


def test_lists_may_be_changed_between_calls():
    x, sizes = torch.ones(3, 1, requires_grad=True), [3, 4]
    for _ in range(6):
        sizes[1] = 4
        with torch.no_grad():
            assert x.expand(sizes).shape == (3, 4)
        y = x.expand(sizes)
        sizes[1] = 7
        assert y.shape == (3, 4)
        assert x.expand(sizes).shape == (3, 7)


def test_what_is_written_with_out_is_not_remembered():
    x, out = torch.ones(2, 2), torch.zeros(4, 2)
    for i in range(5):
        torch.cat([x * i, x], out=out)
        assert out[0, 0] == i
        assert torch.cat([x, x]) is not out


@pytest.mark.parametrize("function", [torch.broadcast_tensors, torch.atleast_1d, torch.meshgrid])
def test_views_of_several_tensors_each_show_their_own(function):
    def one_memory(start):
        return list(torch.arange(start, start + 4.0).view(2, 2))

    def two_memories(start):
        return [torch.arange(start, start + 2.0), torch.arange(start + 7, start + 9.0)]

    options = {"indexing": "ij"} if function is torch.meshgrid else {}
    for first, then in ((one_memory, two_memories), (two_memories, one_memory)):
        for i in range(10):
            tensors = (first if i < 5 else then)(float(i))
            for made, x in zip(function(*tensors, **options), tensors, strict=True):
                assert made.unique().tolist() == x.tolist()
                assert made.data_ptr() == x.data_ptr()


def test_inference_and_forward_mode_are_seen():
    x = torch.ones(2, 3)
    for _ in range(5):
        with torch.inference_mode():
            assert torch.roll(x, 1).is_inference()
        assert not torch.roll(x, 1).is_inference()
        _, tangent = torch.func.jvp(
            lambda x: torch.roll(x, 1, 1), (x,), (torch.arange(6.0).view(2, 3),)
        )
        assert tangent.tolist() == [[2, 0, 1], [5, 3, 4]]


@pytest.mark.parametrize("form", remembered_forms.FORMS)
def test_forms_that_load_with_the_library_are_those_that_would_be_written(form):
    own = ast.parse(inspect.getsource(remembered_forms.FORMS[form])).body[0]
    made = ast.parse(remembered._written(*form)).body[0]
    own.name = made.name
    assert ast.dump(own) == ast.dump(made)


def test_learning_asks_a_function_once():
    asked = []

    @remembered.remembers("input")
    def doubled(input, count):
        asked.append(input)
        return torch.cat([input] * count)

    x = torch.arange(3.0)
    for _ in range(8):
        assert doubled(x, 2).tolist() == [0, 1, 2, 0, 1, 2]
    assert len(asked) == 5  # three calls, and two that show where elements come from


def test_what_depends_on_values_is_never_learned():
    @remembered.remembers("input")
    def largest_first(input):
        return torch.cat([input.max()[None], input])

    for seed in range(6):
        x = torch.randn(5, generator=torch.Generator().manual_seed(seed))
        assert largest_first(x)[0] == x.max()


PICKING = {
    "gather": (lambda x, i: x.gather(1, i), lambda x, i: np.take_along_axis(x, i, 1)),
    "index_select": (lambda x, i: x.index_select(1, i[0]), lambda x, i: x[:, i[0]]),
    "take": (lambda x, i: torch.take(x, i), lambda x, i: x.reshape(-1)[i]),
    "take_along_dim": (lambda x, i: torch.take_along_dim(x, i, 1), lambda x, i: np.take_along_axis(x, i, 1)),
    "one index": (lambda x, i: x[i], lambda x, i: x[i]),
    "columns": (lambda x, i: x[:, i[0]], lambda x, i: x[:, i[0]]),
    "pairs": (lambda x, i: x[i[:, 0], i[:, 1]], lambda x, i: x[i[:, 0], i[:, 1]]),
    "a grid": (lambda x, i: x[i[:, :1], i[0]], lambda x, i: x[i[:, :1], i[0]]),
}  # fmt: skip


@pytest.mark.parametrize("name", PICKING)
def test_picks(name):
    function, expected = PICKING[name]
    rng = np.random.default_rng(0)
    for x in layouts():
        for _ in range(6):
            index = rng.integers(0, 3, (3, 2))
            found = function(x, torch.tensor(index))
            assert np.array_equal(found.numpy(), expected(x.numpy(), index))


@pytest.mark.parametrize("name", PICKING)
def test_an_index_out_of_range_is_the_same_error_when_picks_are_learned(name):
    function, _ = PICKING[name]
    x, right, wrong = (
        torch.randn(3, 4),
        torch.zeros(3, 2, dtype=torch.int64),
        torch.full((3, 2), 99),
    )
    errors = []
    for _ in range(6):
        function(x, right)
        with pytest.raises((IndexError, RuntimeError)) as caught:
            function(x, wrong)
        errors.append((caught.type, str(caught.value)))
    assert len(set(errors)) == 1


def test_negative_indices_count_from_the_end_where_they_did():
    x = torch.arange(6.0).view(2, 3)
    for _ in range(6):
        assert x[torch.tensor([-1, 0])].tolist() == [[3, 4, 5], [0, 1, 2]]
        assert torch.take(x, torch.tensor([-1])) == 5
        with pytest.raises(IndexError):
            x.index_select(0, torch.tensor([-1]))


@pytest.mark.parametrize("name", PICKING)
def test_picks_keep_their_gradients(name):
    function, _ = PICKING[name]
    index = torch.tensor([[0, 2], [1, 1], [2, 0]])
    found = []
    for _ in range(6):
        x = torch.ones(3, 4, requires_grad=True)
        function(x.detach(), index)
        function(x, index).sum().backward()
        found.append(x.grad.tolist())
    assert all(item == found[0] for item in found)


def test_tensors_in_one_sequence_or_each_on_its_own() -> None:
    """Several calls, so that a case would be found; a sequence within the arguments has none."""
    x = torch.arange(3)
    for _ in range(6):
        assert torch.cartesian_prod([x, x]).tolist() == torch.cartesian_prod(x, x).tolist()
        assert [y.tolist() for y in torch.atleast_2d([x, x])] == [[[0, 1, 2]]] * 2


def test_strided_views_are_shown_where_they_fit():
    memory = torch.arange(12.0)
    whole, part = memory.view(3, 4), memory[4:8]
    for _ in range(5):
        assert whole.as_strided((2, 2), (1, 2)).tolist() == [[0, 2], [1, 3]]
        assert whole.as_strided((2,), (3,), 1).tolist() == [1, 4]
        assert part.as_strided((2,), (2,)).tolist() == [4, 6]
        assert part.as_strided((2,), (2,), 5).tolist() == [5, 7]
        assert part.as_strided((2,), (2,), 1).tolist() == [1, 3]
    for _ in range(5):
        assert memory[:6].as_strided((3,), (4,)).tolist() == [0, 4, 8]  # beyond its own elements
        with pytest.raises(RuntimeError, match="out of bounds"):
            torch.arange(6.0).as_strided((3,), (4,))
    x = torch.ones(3, 4, requires_grad=True)
    x.as_strided((2, 2), (1, 2)).sum().backward()
    assert x.grad.tolist() == [[1, 1, 1, 1], [0] * 4, [0] * 4]
    whole.as_strided((2, 2), (1, 2)).zero_()
    assert memory[:5].tolist() == [0, 0, 0, 0, 4]


def test_pairs_are_complex_where_they_begin_at_even_elements():
    for _ in range(5):
        pairs = torch.arange(8.0).view(2, 2, 2)
        shown = torch.view_as_complex(pairs)
        assert shown.tolist() == [[0 + 1j, 2 + 3j], [4 + 5j, 6 + 7j]]
        shown.zero_()
        assert not pairs.any()
        with pytest.raises(RuntimeError, match="storage_offset divisible by 2"):
            torch.view_as_complex(torch.arange(9.0)[1:].view(2, 2, 2))
        z = torch.tensor([1 + 2j, 3 - 4j], requires_grad=True)
        torch.view_as_complex(torch.view_as_real(z)).real.sum().backward()
        assert z.grad.tolist() == [1, 1]
    for _ in range(5):
        z = torch.tensor([1 + 2j, 3 - 4j])
        z.imag.neg_()
        assert z.tolist() == [1 - 2j, 3 + 4j]


def test_copies_of_views_are_copies():
    x, y = torch.arange(6.0).view(2, 3), torch.empty(3)
    for _ in range(5):
        made = torch.select_copy(x, 0, 1)
        made.zero_()
        assert torch.select_copy(x, 0, 1, out=y) is y
        assert y.tolist() == [3, 4, 5]
        assert torch.transpose_copy(x, 0, 1).is_contiguous()
        assert x.narrow_copy(1, 1, 2).tolist() == [[1, 2], [4, 5]]


def test_a_list_is_an_index_as_it_is_now():
    x, rows = torch.arange(6.0).view(3, 2), [0, 2]
    for _ in range(5):
        assert x[rows].tolist() == [[0, 1], [4, 5]]
    rows[0] = 1
    assert x[rows].tolist() == [[2, 3], [4, 5]]
    with pytest.raises(IndexError, match="out of bounds"):
        x[[0, 3]]
    for _ in range(5):
        picked = x[torch.tensor([0, 2]), :, None]
        assert picked.shape == (2, 2, 1)
        assert picked[1].tolist() == [[4], [5]]
