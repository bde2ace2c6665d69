#!/bin/sh
# The model by ST Edge AI Core (STM32Cube.AI), for {board}: analyze, generate, validate on this machine.
# `stedgeai` comes from st.com; it was not run where this was made.
set -eu
cd "$(dirname "$0")"
for command in analyze generate validate; do
  stedgeai "$command" --model ../model/{model} --target {series} --optimization {optimization} \
    --name network --output output --workspace workspace{more}
done
