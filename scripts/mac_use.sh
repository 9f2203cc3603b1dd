#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# MAC use of single convolutions in RTL: docs/results/mac_use.json. Needs a finished build (scripts/test.sh or demo.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
build=${AAP_BUILD:-build} file=docs/results/mac_use.json
cmake --build "$build" --target bench_mac_use sim_board >/dev/null
layers=$(AAP_LIB_DIR="$PWD/$build/lib" "$build/bin/bench_mac_use" configs/board.yaml)
printf '{\n"command": "scripts/mac_use.sh",\n"tools": {"verilator": "%s"},\n"date": "%s",\n"config": "board",\n"layers": %s\n}\n' \
  "$(verilator --version | cut -d' ' -f2)" "$(date -u +%F)" "$layers" >"$file.tmp"
mv "$file.tmp" "$file"
cat "$file"
