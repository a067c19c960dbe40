#!/usr/bin/env bash
# For AVX-512, LLVM loses half of a sum of lanes that is written with rotations, when the sum is also a divisor.
#
# Versions: llvmlite 0.50.0 (LLVM 22.1).
#
# y + rotate(y, 4), that plus itself rotated by 2, and that by 1: every lane then has the sum of eight. If lane 0 of the sum is
# stored, and lane 0 of x / sum too, the code adds lane 0 of the second step to itself (vaddsd of one register with itself)
# instead of to lane 1: 1 + 100 + 10^4 + 10^6, twice, for the powers of ten. The text has no undefined behaviour, and the
# middle end's passes hide it (at -O2 they rewrite the shuffles first). Lanes exchanged by i ^ 4, 2, 1 give the right sum.
#
# Seen:
#   rotated:   adds a register to itself 1 times
#   exchanged: adds a register to itself 0 times
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q llvmlite==0.50.0
seen=$("$folder/venv/bin/python" - <<'P'
import re
import llvmlite.binding as llvm
llvm.initialize_all_targets(), llvm.initialize_all_asmprinters()
def assembly(place):
    lines, value = [], "%y"
    for by in (4, 2, 1):
        order = ", ".join(f"i32 {place(i, by)}" for i in range(8))
        lines += [f"%s{by} = shufflevector <8 x double> {value}, <8 x double> poison, <8 x i32> <{order}>",
                  f"%a{by} = fadd <8 x double> {value}, %s{by}"]
        value = f"%a{by}"
    body = "\n".join(lines)
    text = f"""target triple = "x86_64-unknown-linux-gnu"
define void @f(<8 x double> %x, <8 x double> %y, ptr %sum, ptr %share) {{
{body}
%q = fdiv <8 x double> %x, %a1
%first = extractelement <8 x double> %q, i64 0
store double %first, ptr %share
%whole = extractelement <8 x double> %a1, i64 0
store double %whole, ptr %sum
ret void
}}"""
    target = llvm.Target.from_triple("x86_64-unknown-linux-gnu").create_target_machine(cpu="skylake-avx512", opt=2)
    return target.emit_assembly(llvm.parse_assembly(text))
for title, place in (("rotated:  ", lambda i, by: (i + by) % 8), ("exchanged:", lambda i, by: i ^ by)):
    twice = re.findall(r"vaddsd\s+%(xmm\d+), %\1,", assembly(place))
    print(title, "adds a register to itself", len(twice), "times")
P
)
echo "$seen"
expected='rotated:   adds a register to itself 1 times
exchanged: adds a register to itself 0 times'
[ "$seen" = "$expected" ] || { echo "this has changed"; exit 1; }
