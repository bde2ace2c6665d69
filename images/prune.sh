#!/bin/sh
# Take from an environment what no stage uses: prune.sh FOLDER. Python's files are compiled now,
# since a read-only root cannot keep what is compiled at the first import.
set -eu
root=$1
packages=$(echo "$root"/lib/python3*/site-packages)
find "$root" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
for unused in tensorflow/include clang/native onnx/backend/test pyarrow/include; do
    rm -rf "${packages:?}/$unused"
done
# Symbols for debuggers: a fifth of TensorFlow.
find "$packages" \( -path '*/tensorflow/lib*.so.2' -o -path '*/pyarrow/libarrow.so.*' \) \
    -exec strip --strip-unneeded {} +
"$root/bin/python" -m compileall -q "$root/lib"
