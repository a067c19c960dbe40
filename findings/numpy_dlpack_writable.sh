#!/usr/bin/env bash
# An array that came through numpy.from_dlpack cannot be written to in NumPy 2.0 and 2.1, and can in 2.2.
#
# Versions: numpy 2.0.2, 2.1.3 and 2.2.6 (2.3.5, 2.4.6 and 2.5.5 as 2.2.6).
#
# All are "NumPy 2", the source is writable, and memory is shared in each. DLPack's first capsules had no flag that
# says whether the memory may be written. 2.0 seals whatever comes; 2.1 can already hand on that flag
# (a read-only source, which 2.0 refuses to export, arrives read-only), and seals what is writable all the same; since
# 2.2 what is writable stays so. So code that writes into the result runs or raises "assignment
# destination is read-only" by the minor version.
#
# Seen:
#   2.0.2 shares memory True, writable False, read-only source: BufferError
#   2.1.3 shares memory True, writable False, read-only source: read-only
#   2.2.6 shares memory True, writable True, read-only source: read-only
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
seen=""
for version in 2.0.2 2.1.3 2.2.6; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -q "numpy==$version"
    seen+=$("$folder/$version/bin/python" - <<'P'
import numpy as np
source = np.arange(3.0)
found = np.from_dlpack(source)
shared, writable = np.shares_memory(source, found), found.flags.writeable
source.flags.writeable = False
try:
    sealed = "writable" if np.from_dlpack(source).flags.writeable else "read-only"
except BufferError as error:
    sealed = type(error).__name__
print(f"{np.__version__} shares memory {shared}, writable {writable}, read-only source: {sealed}")
P
)$'\n'
done
echo -n "$seen"
[ "$seen" = "2.0.2 shares memory True, writable False, read-only source: BufferError
2.1.3 shares memory True, writable False, read-only source: read-only
2.2.6 shares memory True, writable True, read-only source: read-only
" ]
