#!/usr/bin/env bash
# Without a CUDA device, half of torch.cuda's memory functions answer and the others end in errors of PyTorch's inner module.
#
# Versions: torch 2.13.0 (CPU build).
#
# memory_allocated(), memory_stats() and empty_cache() give 0, nothing and nothing, so that programs may call them on any
# machine. reset_peak_memory_stats(), memory_snapshot() and get_allocator_backend() raise AttributeError of torch._C, and
# memory_summary() KeyError of the empty dict that memory_stats() has given; none says that there is no device. A program
# that measures a step (reset the peak, run, read the peak) runs its first line on a CPU only by chance.
#
# Seen:
#   memory_allocated 0
#   empty_cache None
#   memory_stats OrderedDict()
#   reset_peak_memory_stats AttributeError module 'torch._C' has no attribute '_cuda_resetPeakMemoryStats'
#   memory_snapshot AttributeError module 'torch._C' has no attribute '_cuda_memorySnapshot'
#   memory_summary KeyError 'allocated_bytes.all.current'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 torch==2.13.0
seen=$("$folder/venv/bin/python" - <<'P'
import torch
names = "memory_allocated empty_cache memory_stats reset_peak_memory_stats memory_snapshot memory_summary"
for name in names.split():
    try:
        print(name, getattr(torch.cuda, name)())
    except Exception as error:
        print(name, type(error).__name__, error)
P
)
echo "$seen"
[ "$seen" = "memory_allocated 0
empty_cache None
memory_stats OrderedDict()
reset_peak_memory_stats AttributeError module 'torch._C' has no attribute '_cuda_resetPeakMemoryStats'
memory_snapshot AttributeError module 'torch._C' has no attribute '_cuda_memorySnapshot'
memory_summary KeyError 'allocated_bytes.all.current'" ]
