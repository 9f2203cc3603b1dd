#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Golden against ONNX Runtime on seeded random quantised graphs of one to five layers: every value of every
# layer equal, or explained and counted by cause (docs/numerics.md). Needs scripts/setup.sh --oracle once.
#   scripts/differential.sh [--count 200] [--seed 1] [--form both|qlinear|qdq|mutant] [--rtl N] [--json FILE]
#                           [--build DIR] [--out DIR]
#   scripts/differential.sh --unsupported [--seed 1]     forms that must be refused
# Mutants are random graphs with one thing changed: they may be refused, but never computed otherwise than
# ONNX Runtime does.
# Graph i has the seed SEED + i. --rtl N: the first N graphs that fit also run on the Verilated board
# configuration. A failing graph is kept in OUT/FORM_SEED, with what ONNX Runtime computed for it.
set -euo pipefail
cd "$(dirname "$0")/.."
count=200 seed=1 form=both rtl=0 json= build=build out= unsupported=0
while [ $# -gt 0 ]; do
  case $1 in
    --unsupported) unsupported=1; shift; continue ;;
    --count|--seed|--form|--rtl|--json|--build|--out)
      [ $# -ge 2 ] || { echo "differential.sh: $1 needs a value" >&2; exit 2; }
      printf -v "${1#--}" %s "$2"; shift 2 ;;
    *) echo "differential.sh: unknown argument $1" >&2; exit 2 ;;
  esac
done
tool=$build/bin/aap-differential
[ -x "$tool" ] || { echo "differential.sh: $tool is missing; cmake --build $build --target aap-differential" >&2; exit 2; }
out=${out:-out/differential}
if [ "$unsupported" = 1 ]; then
  exec "$tool" unsupported --out "$out/unsupported" --seed "$seed"
fi
python=.venv/bin/python
if ! [ -x "$python" ]; then
  echo "SKIPPED: no ONNX Runtime here; scripts/setup.sh --oracle installs it"; exit 77
fi

folder=$out/seed_$seed
rm -rf "$folder"
mkdir -p "$folder"
"$tool" generate --out "$folder" --count "$count" --seed "$seed" --form "$form" >"$folder/list"
xargs -a "$folder/list" -d '\n' "$python" scripts/ort_run.py
status=0
arguments=(--rtl "$rtl")
[ -z "$json" ] || arguments+=(--json "$json")
# One call whatever the count: the list of folders goes through a file.
export AAP_LIB_DIR=${AAP_LIB_DIR:-$PWD/$build/lib}
"$tool" compare "${arguments[@]}" --list "$folder/list" | tee "$folder/report" || status=$?
# What was equal or explained can be made again from its seed.
grep -oE "^FAILED $folder/[a-z]+_[0-9]+" "$folder/report" | cut -d' ' -f2 >"$folder/kept" || true
while read -r name; do
  grep -qxF "$name" "$folder/kept" || rm -rf "$name"
done <"$folder/list"
exit "$status"
