#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole way once: the reference network is pruned to keep 4 of 16, quantised, compiled, run on the Verilated
# accelerator, compared value by value with golden, and reported. Results in out/demo.
#   scripts/demo.sh [IMAGES_ON_RTL] [--record]     default 100 images; --record also writes docs/results/demo.json
set -euo pipefail
cd "$(dirname "$0")/.."
images=100 record=0
for argument in "$@"; do
  if [ "$argument" = --record ]; then record=1; else images=$argument; fi
done
case $images in ''|*[!0-9]*|0*) echo "demo.sh: '$images': legal is a number of images, 1..10000" >&2; exit 2 ;; esac
build=${AAP_BUILD:-build} out=out/demo
say() { printf '\n[%3ds] %s\n' "$((SECONDS - begin))" "$*"; }

begin=$SECONDS
say "set-up"; scripts/setup.sh
say "build"
cmake -S . -B "$build" -G Ninja -DAAP_TRAIN=OFF >/dev/null
cmake --build "$build" -j "$(nproc)" --target aap sim_board
aap="$build/bin/aap"; export AAP_LIB_DIR="$PWD/$build/lib"

begin=$SECONDS
mkdir -p "$out"; rm -f "$out"/*
config=configs/board.yaml float=networks/fashion_mnist.onnx retrained=networks/fashion_mnist_4of16.onnx

say "prune to keep 4 of 16, with batch norm re-calibration"
"$aap" prune "$float" --keep 4 --group 16 --recalibrate 1024 -o "$out/pruned.onnx"
"$aap" prune "$float" --keep 4 --group 16 --plan --json >"$out/prune.json"
"$aap" check "$out/pruned.onnx"
say "the same weights after one epoch of masked retraining ($retrained)"
"$aap" check "$retrained"

say "quantise to int8"
"$aap" quantize "$float" -o "$out/dense_int8.onnx"
"$aap" quantize "$out/pruned.onnx" -o "$out/untrained_int8.onnx"
"$aap" quantize "$retrained" -o "$out/pruned_int8.onnx"
"$aap" check "$out/pruned_int8.onnx" >/dev/null

say "accuracy on the 10,000 test images"
"$aap" run "$float" --engine float --json >"$out/float.json"
"$aap" run "$out/dense_int8.onnx" --engine golden --json >"$out/int8_dense.json"
"$aap" run "$out/untrained_int8.onnx" --engine golden --json >"$out/int8_untrained.json"
"$aap" run "$out/pruned_int8.onnx" --engine golden --json >"$out/int8_pruned.json"

say "compile for $config"
"$aap" compile "$out/pruned_int8.onnx" --config "$config" -o "$out/pruned.aap"
"$aap" compile "$out/dense_int8.onnx" --config "$config" --dense -o "$out/dense.aap"

say "cycle model, one image"
"$aap" run "$out/pruned.aap" --engine model --network "$out/pruned_int8.onnx" --config "$config" --json >"$out/model.json"
say "RTL, $images images, every layer compared with golden, every cycle of the first with the cycle model"
"$aap" run "$out/pruned.aap" --engine rtl --compare-model --network "$out/pruned_int8.onnx" --config "$config" --images "$images" --json >"$out/rtl.json"
say "RTL with K = G, 2 images"
"$aap" run "$out/dense.aap" --engine rtl --compare-model --network "$out/dense_int8.onnx" --config "$config" --images 2 --json >"$out/rtl_dense.json"

say "report"
"$aap" report "$out"
if [ "$record" = 1 ]; then
  {
    printf '{\n"command": "scripts/demo.sh %s --record",\n"tools": {"verilator": "%s", "g++": "%s"},\n"date": "%s",\n' \
      "$images" "$(verilator --version | cut -d' ' -f2)" "$(g++ -dumpfullversion)" "$(date -u +%F)"
    tail -n +2 "$out/report.json"
  } >docs/results/demo.json.tmp
  mv docs/results/demo.json.tmp docs/results/demo.json
fi
say "done"
