"""How operations are written in ONNX: importing this package fills the table."""

from . import composition, creation, elementwise, index, layer, product, recurrent, reduction, shape
