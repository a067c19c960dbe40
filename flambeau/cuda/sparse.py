"""torch.cuda.sparse: the old classes of sparse tensors on CUDA devices, of which none can be made."""

from . import _TENSORS
from .tensor import _Absent

for _name in _TENSORS:
    globals()[_name] = _Absent(_name, (), {"__module__": "torch.cuda.sparse"})
