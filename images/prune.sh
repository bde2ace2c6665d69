#!/bin/sh
# Take from an environment what no stage imports: prune.sh FOLDER. The rest is compiled to
# bytecode, since a read-only root cannot keep what Python compiles at its first import.
set -eu
root=$1
find "$root" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
for unused in tensorflow/include clang/native onnx/backend/test pyarrow/include; do
    rm -rf "$root"/lib/python3*/site-packages/"$unused"
done
"$root/bin/python" -m compileall -q "$root/lib"
