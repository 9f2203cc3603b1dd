#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The price of unconstrained pruning, in cycles: 4 of 16 by AAP and as many weights per layer without constraint, on WINDOW (W 16, T 4,
# the shape of the paper) with 16 and 32 PEs and on GROUP with as many multipliers, in RTL; W = 16..256 and PEs that do not wait for
# each other from the cycle model. Fashion-MNIST's reference network, and ResNet-20 where ../shared/real is there. Needs a finished build.
#   scripts/doubling.sh [--record]      docs/results/doubling.json
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in '') record=0 ;; --record) record=1 ;; *) echo "doubling.sh: unknown argument $1" >&2; exit 2 ;; esac
build=${AAP_BUILD:-build} out=out/doubling real=../shared/real
export AAP_LIB_DIR="$PWD/$build/lib"
cmake --build "$build" --target aap aap-doubling >/dev/null
mkdir -p "$out"
for config in verif/doubling/*.yaml; do
  library="$build/lib/libaap_sim_$(basename "$config" .yaml).so"
  if [ ! -f "$library" ] || [ -n "$(find rtl "$config" -newer "$library" -print -quit)" ]; then
    scripts/build_sim.sh "$config" --build "$build" --jobs 2
  fi
done
twins=()
twin() {  # name, network, options of the data
  for method in unconstrained aap; do
    "$build/bin/aap" prune "$2" --method "$method" --keep 4 --group 16 -o "$out/$1_$method.onnx" >/dev/null
    "$build/bin/aap" quantize "$out/$1_$method.onnx" "${@:3}" -o "$out/$1_${method}_int8.onnx" >/dev/null
  done
  twins+=("$1" "$out/$1_unconstrained_int8.onnx" "$out/$1_aap_int8.onnx")
}
twin fashion_mnist networks/fashion_mnist.onnx
if [ -r "$real/resnet20.onnx" ]; then
  twin resnet20 "$real/resnet20.onnx" --data "$real/cifar10_test1000.bin" --input-mean 0.485,0.456,0.406 --input-std 0.229,0.224,0.225 --images 200
else
  echo "SKIPPED: ResNet-20, as $real is not there" >&2
fi
"$build/bin/aap-doubling" "${twins[@]}" --json "$out/doubling.json"
[ "$record" = 1 ] || exit 0
file=docs/results/doubling.json
# The networks stand beside command, tools and date: the file's first brace is left out.
{
  printf '{\n "command": "scripts/doubling.sh --record",\n "tools": {"verilator": "%s"},\n "date": "%s",\n' \
    "$(verilator --version | cut -d' ' -f2)" "$(date -u +%F)"
  tail -n +2 "$out/doubling.json"
} >"$file.tmp"
mv "$file.tmp" "$file"
