"""Helpers of PyTorch's own that packages use."""

from __future__ import annotations

import pytest

import flambeau as torch

utils = torch._utils


def test_tensors_from_their_parts() -> None:
    storage = torch.arange(6.0).storage()
    x = utils._rebuild_tensor_v2(storage, 1, (2, 2), (2, 1), True, {})
    assert (x.tolist(), x.requires_grad) == ([[1.0, 2.0], [3.0, 4.0]], True)
    raw = torch.tensor([0, 1, 2, 3], dtype=torch.uint16).untyped_storage()
    y = utils._rebuild_tensor_v3(raw, 0, (2,), (2,), False, {}, torch.uint16)
    assert y.tolist() == [0, 2]
    p = utils._rebuild_parameter_with_state(torch.ones(1), False, {}, {"tag": 3})
    assert isinstance(p, torch.nn.Parameter)
    assert (p.tag, p.requires_grad) == (3, False)
    assert utils._element_size(torch.float64) == 8


def test_several_tensors_as_one() -> None:
    tensors = [torch.ones(2, 2), torch.zeros(3)]
    flat = utils._flatten_dense_tensors(tensors)
    assert flat.tolist() == [1.0] * 4 + [0.0] * 3
    parts = utils._unflatten_dense_tensors(flat, tensors)
    assert all(torch.equal(a, b) for a, b in zip(parts, tensors))
    other = torch.ones(1, dtype=torch.int64)
    ordered = utils._reorder_tensors_as([other, *tensors], [tensors[0], other, tensors[1]])
    assert [x.dtype for x in ordered] == [torch.float32, torch.int64, torch.float32]
    groups = list(utils._take_tensors([*tensors, other], 16))
    assert [[x.numel() for x in group] for group in groups] == [[4], [3], [1]]


def test_an_exception_travels() -> None:
    try:
        {}["missing\nkey"]
    except KeyError:
        wrapped = utils.ExceptionWrapper(where="in thread 3")
    assert wrapped.exc_type is KeyError
    assert "Traceback" in wrapped.exc_msg
    with pytest.raises(KeyError, match=r"Caught KeyError in thread 3"):
        wrapped.reraise()


def test_names() -> None:
    class Box:
        @utils.classproperty
        def size(cls) -> int:
            return 3

    assert Box.size == Box().size == 3
    assert utils._import_dotted_name("os.path.join")("a", "b") == "a/b"
    assert utils.try_import("absent_package_x") is None
    registry, seen = utils.CallbackRegistry("x"), []
    registry.add_callback(seen.append)
    registry.fire_callbacks(1)
    assert seen == [1]


def test_printing_under_its_old_names() -> None:
    names, x = torch._tensor_str, torch.tensor([1.0, 2.5])
    assert names._tensor_str(x, 0) == "[1.0000, 2.5000]"
    assert names._str_intern(x, tensor_contents="...") == "tensor(...)"
    text = names._add_suffixes("Box([1]", ["size=(1,)"], 4, force_newline=True)
    assert text == "Box([1],\n    size=(1,))"
    assert names.PRINT_OPTS.precision == 4
    with pytest.raises(AttributeError, match="no print option 'width'"):
        names.PRINT_OPTS.width  # noqa: B018


def test_types() -> None:
    assert isinstance(3, torch.types._Number)
    assert torch.types.Storage is torch.UntypedStorage
    assert torch.types.Tensor is torch.Tensor


def test_profilers_of_others_are_not_there() -> None:
    profiler = torch.autograd.profiler
    here = torch.cuda.is_available()
    with pytest.raises(
        NotImplementedError if here else AssertionError, match=r"nvtx.range|Torch not compiled"
    ):
        profiler.emit_nvtx().__enter__()
    with pytest.raises(RuntimeError, match="ITT functions not installed"):
        torch.profiler.itt.mark("x")
    with profiler.emit_itt(enabled=False):
        assert not torch.autograd._profiler_enabled()
    with torch.profiler.profile():
        assert torch.autograd._profiler_enabled()
    step = torch.profiler.profiler._default_schedule_fn(3)
    assert step is torch.profiler.ProfilerAction.RECORD
