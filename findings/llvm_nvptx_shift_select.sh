#!/usr/bin/env bash
# For GPUs, LLVM shifts by the lower 32 bits of a count of 64 bits, where a choice had excluded large counts.
#
# Versions: llvmlite 0.50.0 (LLVM 22.1).
#
# `y < 64 ? x << y : 0`, all of 64 bits: `select (icmp ult y, 64), (shl x, y), 0`. NVPTX's shifts give 0 for counts of 64 and
# more, so the backend drops the choice, but its shift takes a count of 32 bits: it reads the lower half of y alone, and
# x << 2^32 becomes x instead of 0. At any level of optimisation. With a mask, `shl x, (and y, 63)`, the choice stays.
# LLVM has mended it since (llvm/llvm-project#201165, June 2026).
#
# Seen:
#   y < 64 ? x << y : 0         compares 0, chooses 0
#   y < 64 ? x << (y & 63) : 0  compares 1, chooses 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q llvmlite==0.50.0
seen=$("$folder/venv/bin/python" - <<'P'
import llvmlite.binding as llvm
llvm.initialize_all_targets(), llvm.initialize_all_asmprinters()
TEXT = """target triple = "nvptx64-nvidia-cuda"
define ptx_kernel void @f(ptr %out, i64 %a, i64 %n) {{
  %small = icmp ult i64 %n, 64
  %masked = and i64 %n, 63
  %moved = shl i64 %a, {count}
  %chosen = select i1 %small, i64 %moved, i64 0
  store i64 %chosen, ptr %out
  ret void
}}"""
for title, count in (("y < 64 ? x << y : 0       ", "%n"), ("y < 64 ? x << (y & 63) : 0", "%masked")):
    seen = set()
    for level in range(4):
        target = llvm.Target.from_triple("nvptx64-nvidia-cuda").create_target_machine(cpu="sm_80", opt=level)
        module = llvm.parse_assembly(TEXT.format(count=count))
        text = target.emit_assembly(module)
        seen.add(f"compares {text.count('setp')}, chooses {text.count('selp')}")
    print(title, "", *seen)
P
)
echo "$seen"
[ "$seen" = "y < 64 ? x << y : 0         compares 0, chooses 0
y < 64 ? x << (y & 63) : 0  compares 1, chooses 1" ]
