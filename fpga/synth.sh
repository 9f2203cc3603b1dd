#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Synthesises a configuration for its part and checks what came out against fpga/expected/<target>.txt: block RAMs
# and DSPs exactly, logic at most, cells that carry a part's name at least (nothing was trimmed away). Prints the figures, and with
# --json a file.
#   fpga/synth.sh board            yosys synth_ecp5, ECP5-85F
#   fpga/synth.sh board_dense      the same of the configuration without selectors
#   fpga/synth.sh small            yosys synth_ice40, iCE40UP5K
#   fpga/synth.sh small --route    ... and nextpnr-ice40, icepack, icetime: at most `logic` cells, at least `mhz` as both tools
#                                  see it (fpga/expected/small_route.txt); about six minutes of one core
# Options: --out DIR (default build/fpga), --seed N (32-bit, default 1; of placement), --json FILE
set -euo pipefail
cd "$(dirname "$0")/.."
target='' route=0 out=build/fpga seed=1 json=''
while [ $# -gt 0 ]; do
  case $1 in
    --route) route=1 ;;
    --out) out=$2; shift ;;
    --seed) seed=$2; shift ;;
    --json) json=$2; shift ;;
    board|board_dense|small) target=$1 ;;
    *) echo "synth.sh: unknown argument $1; usage: synth.sh board|board_dense|small [--route] [--out DIR] [--seed N] [--json FILE]" >&2; exit 2 ;;
  esac
  shift
done
[ -n "$target" ] || { echo "usage: synth.sh board|board_dense|small [--route] [--out DIR] [--seed N] [--json FILE]" >&2; exit 2; }
mkdir -p "$out"
sources="rtl/gen/aap_isa_pkg.sv $(ls rtl/*.sv | tr '\n' ' ') rtl/gen/aap_$target.sv"
log=$out/$target.yosys.log
case $target in
  board|board_dense) script="read_verilog -sv -DSYNTHESIS -Irtl $sources; synth_ecp5 -nowidelut -top aap_$target -json $out/$target.json; tee -o $out/$target.stat stat" ;;
  small) script="read_verilog -sv -DSYNTHESIS -Irtl $sources fpga/ice40/aap_small_pins.sv; synth_ice40 -abc2 -device u -top aap_small_pins -json $out/small.json; tee -o $out/small.stat stat" ;;
esac
yosys -q -l "$log" -p "$script" >/dev/null 2>"$out/$target.err" || { tail -5 "$out/$target.err" >&2; echo "synth.sh: yosys failed, see $log" >&2; exit 1; }

# name=count of every cell
cells=$(awk 'NF == 2 && $1 ~ /^[A-Z$]/ && $2 ~ /^[0-9]+$/ {print $1, $2}' "$out/$target.stat" | tail -n +1)
# The names of all cells: of every object that has a type of the part.
awk -F'"' '/": \{$/ {name = $2} /^ *"type": "SB_/ {print name}' "$out/$target.json" >"$out/$target.names"
# Of a cell, or of cells whose name begins with a part of the accelerator (in/PART).
count() {
  case $1 in
    in/*) grep -cE "^u_small\.u_top\.${1#in/}[._]" "$out/$target.names" || true ;;
    *) count_cell "$1" ;;
  esac
}
count_cell() { awk -v n="$1" '$1 == n {s = $2} END {print s + 0}' <<<"$cells"; }
bad=0
while read -r cell relation want; do
  case $cell in ''|'#'*) continue ;; esac
  have=$(count "$cell")
  ok=no
  case $relation in
    '=') [ "$have" -eq "$want" ] && ok=yes ;;
    '<=') [ "$have" -le "$want" ] && ok=yes ;;
    '>=') [ "$have" -ge "$want" ] && ok=yes ;;
  esac
  printf '%-18s %8d  expected %s %s%s\n' "$cell" "$have" "$relation" "$want" "$([ $ok = yes ] || echo '  WRONG')"
  [ $ok = yes ] || bad=1
done <"fpga/expected/$target.txt"
[ $bad = 0 ] || { echo "synth.sh: counts differ from fpga/expected/$target.txt; repeat with: fpga/synth.sh $target" >&2; exit 1; }

fmax='' icetime_mhz='' logic=''
if [ $route = 1 ]; then
  [ "$target" = small ] || { echo "synth.sh: --route is for small; the board's place and route belongs to the nightly suite" >&2; exit 2; }
  again="fpga/synth.sh small --route --seed $seed"
  limit() { awk -v n="$1" '$1 == n {print $3}' fpga/expected/small_route.txt; }
  nextpnr-ice40 --up5k --package sg48 --json "$out/small.json" --asc "$out/small.asc" --seed "$seed" --freq "$(limit mhz)" \
    --report "$out/small.report.json" -l "$out/small.nextpnr.log" -q 2>/dev/null || {
    grep -E "ERROR|Max frequency" "$out/small.nextpnr.log" | tail -3 >&2
    echo "synth.sh: place and route failed, see $out/small.nextpnr.log; repeat with: $again" >&2; exit 1; }
  icepack "$out/small.asc" "$out/small.bin"
  icetime -d up5k -m -c "$(limit mhz)" "$out/small.asc" >"$out/small.icetime.log" 2>&1 || {
    tail -3 "$out/small.icetime.log" >&2; echo "synth.sh: icetime finds the clock missed; repeat with: $again" >&2; exit 1; }
  fmax=$(grep -oE 'Max frequency for clock[^:]*: [0-9.]+' "$out/small.nextpnr.log" | tail -n 1 | grep -oE '[0-9.]+$')
  icetime_mhz=$(grep -oE 'Timing estimate: .*MHz' "$out/small.icetime.log" | grep -oE '[0-9.]+ MHz' | grep -oE '[0-9.]+')
  used() { grep -oE "$1: *[0-9]+" "$out/small.nextpnr.log" | tail -n 1 | grep -oE '[0-9]+$'; }
  logic=$(used ICESTORM_LC) ram=$(used ICESTORM_RAM) dsp=$(used ICESTORM_DSP)
  printf 'placed and routed (seed %s): %s of 5280 logic cells, %s of 30 block RAMs, %s of 8 DSPs, %s MHz (nextpnr), %s MHz (icetime), %s\n' \
    "$seed" "$logic" "$ram" "$dsp" "$fmax" "$icetime_mhz" "$out/small.bin"
  [ "$logic" -le "$(limit logic)" ] || { echo "synth.sh: $logic logic cells, expected <= $(limit logic) (fpga/expected/small_route.txt)" >&2; exit 1; }
fi
if [ -n "$json" ]; then
  {
    printf '{\n  "command": "fpga/synth.sh %s%s --seed %s",\n  "tools": {"yosys": "%s"' "$target" "$([ $route = 1 ] && echo ' --route')" "$seed" "$(yosys -V | cut -d' ' -f2)"
    [ $route = 0 ] || printf ', "nextpnr-ice40": "%s"' "$(nextpnr-ice40 --version 2>&1 | grep -oE '[0-9]+\.[0-9]+[^)]*' | head -n 1)"
    printf '},\n  "date": "%s",\n  "cells": {' "$(date -u +%F)"
    awk '!seen[$1]++ {order[++n] = $1} {c[$1] = $2} END {for (i = 1; i <= n; i++) printf "%s\"%s\": %s", (i > 1 ? ", " : ""), order[i], c[order[i]]}' <<<"$cells"
    printf '}'
    [ $route = 0 ] || printf ',\n  "logic_cells": %s,\n  "block_rams": %s,\n  "dsps": %s,\n  "fmax_mhz": {"nextpnr": %s, "icetime": %s}' \
      "$logic" "$ram" "$dsp" "$fmax" "$icetime_mhz"
    printf '\n}\n'
  } >"$json.tmp" && mv "$json.tmp" "$json"
fi
