#!/bin/sh
# torch.utils.flop_counter counts no arithmetic for attention on the CPU: the operation that
# scaled_dot_product_attention runs there has no formula, unlike those of CUDA, and its products are not seen.
# Written out as two products, the same attention counts 4 * b * h * q * k * d.
"${PYTHON:-python}" - <<'PY'
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

q, k = torch.randn(2, 4, 16, 8), torch.randn(2, 4, 12, 8)


def counted(function):
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


fused = counted(lambda: F.scaled_dot_product_attention(q, k, k))
written = counted(lambda: (q @ k.mT / 8**0.5).softmax(-1) @ k)
print("torch", torch.__version__)
print("scaled_dot_product_attention:", fused, "the two products:", written)
print("expected: equal; it is so:", fused == written)
PY
