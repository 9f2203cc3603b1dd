#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whole ImageNet networks with seeded weights (synthetic), batch 1: 4 of 16 on GROUP against all weights on DENSE, on as many
# multipliers, transfers included, 16 bytes of memory a cycle. Prints cycles, speed-up, MAC use and every layer's distance to its
# roofline; fails where a network is below what it must reach. Needs a finished build.
#   scripts/imagenet.sh [--rtl] [--record] [NETWORK ...]
# --rtl runs every network in RTL on both accelerators, every value against golden and the cycles against the model
# (the nightly suite: ctest -C nightly -R imagenet, about half an hour). --record writes docs/results/speed.json.
set -euo pipefail
cd "$(dirname "$0")/.."
options=() record=0 networks=()
while [ $# -gt 0 ]; do
  case $1 in
    --rtl) options+=(--rtl) ;;
    --record) record=1 ;;
    -*) echo "imagenet.sh: unknown option $1" >&2; exit 2 ;;
    *) networks+=("$1") ;;
  esac
  shift
done
[ "${#networks[@]}" -gt 0 ] || networks=(mobilenetv1 squeezenet alexnet resnet50 vgg16)
build=${AAP_BUILD:-build}
export AAP_LIB_DIR="$PWD/$build/lib"
cmake --build "$build" --target aap-imagenet sim_board sim_board_dense >/dev/null
if [ "$record" = 0 ]; then exec "$build/bin/aap-imagenet" "${networks[@]}" "${options[@]}"; fi
mkdir -p out
file=docs/results/speed.json
"$build/bin/aap-imagenet" "${networks[@]}" "${options[@]}" --json out/imagenet.json
printf '{\n"command": "scripts/imagenet.sh%s --record",\n"tools": {"verilator": "%s"},\n"date": "%s",\n"networks": %s\n}\n' \
  "${options[*]:+ --rtl}" "$(verilator --version | cut -d' ' -f2)" "$(date -u +%F)" "$(cat out/imagenet.json)" >"$file.tmp"
mv "$file.tmp" "$file"
