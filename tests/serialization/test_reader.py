"""Records of archives one by one, as PyTorch 2.13.0 gave them."""

import io

import pytest

import flambeau as torch
from flambeau.serialization import SerializationError


@pytest.mark.parametrize("kind", [str, io.BytesIO])
def test_records(kind, tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"a": torch.arange(4.0)}, path)
    reader = torch.PyTorchFileReader(str(path) if kind is str else io.BytesIO(path.read_bytes()))
    assert {"data.pkl", "byteorder", "data/0", "version"} <= set(reader.get_all_records())
    assert [reader.has_record("data/0"), reader.has_record("data/1")] == [True, False]
    assert reader.get_record_size("data/0") == 16
    assert reader.get_record("version") == b"3\n"
    assert reader.get_storage_from_record("data/0", 4, torch.float32).tolist() == [0, 1, 2, 3]
    with pytest.raises(RuntimeError, match=r"16 bytes.*expected size \(8 bytes = 2 elements"):
        reader.get_storage_from_record("data/0", 2, torch.float32)
    with pytest.raises(SerializationError, match="no record"):
        reader.get_record("absent")


def test_classes_of_c_stand_in_torch():
    assert torch.PyTorchFileReader is torch._C.PyTorchFileReader
    assert torch.ScriptModule is torch._C.ScriptModule
    assert torch.DisableTorchFunction is torch._C.DisableTorchFunction
