#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the simulator library of one configuration: libaap_sim_<name>[_trace].so.
#   scripts/build_sim.sh CONFIG.yaml [--trace] [--build DIR] [--out DIR] [--jobs N]
# DIR is the CMake build folder (default build), which must hold bin/aap-spec-gen.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
config='' trace=0 build="$root/build" out='' jobs=1
while [ $# -gt 0 ]; do
  case $1 in
    --trace) trace=1 ;;
    --build) build=$2; shift ;;
    --out) out=$2; shift ;;
    --jobs) jobs=$2; shift ;;
    -*) echo "build_sim.sh: unknown option $1" >&2; exit 2 ;;
    *) config=$1 ;;
  esac
  shift
done
[ -n "$config" ] || { echo "usage: build_sim.sh CONFIG.yaml [--trace] [--build DIR] [--out DIR] [--jobs N]" >&2; exit 2; }
[ -r "$config" ] || { echo "build_sim.sh: $config: cannot be read" >&2; exit 2; }
out=${out:-$build/lib}
name=$(sed -n 's/^name: *\([a-z0-9_]*\).*/\1/p' "$config")
width=$(sed -n 's/^axi_data_width: *\([0-9]*\).*/\1/p' "$config")
[ -n "$name" ] && [ -n "$width" ] || { echo "build_sim.sh: $config: no name or axi_data_width" >&2; exit 2; }

suffix=''; extra=(); flags=''
if [ "$trace" = 1 ]; then suffix=_trace; extra=(--trace-fst --trace-structs); flags='-DAAP_TRACE'; fi
work="$build/sim/$name$suffix"
rm -rf "$work"; mkdir -p "$work" "$out"
"$build/bin/aap-spec-gen" --wrapper "$config" "$work/aap_$name.sv"

verilator --cc --prefix "Vaap_$name" --top-module "aap_$name" -Mdir "$work/obj" \
  -Wall --assert --x-initial unique --x-assign unique -O3 -CFLAGS "-fPIC -fvisibility=hidden" "${extra[@]}" --output-split 20000 \
  -I"$root/rtl" -I"$root/rtl/gen" "$root/rtl/waivers.vlt" "$root/rtl/gen/aap_isa_pkg.sv" \
  "$work/aap_$name.sv" >"$work/verilator.log" 2>&1 || { cat "$work/verilator.log" >&2; exit 1; }
objects=(verilated.o verilated_threads.o)
[ "$trace" = 0 ] || objects+=(verilated_fst_c.o)
# Verilator's run time is the same for all of them: compiled by the first, copied by the others.
runtime="$build/sim/runtime$suffix-$(verilator --version | tr -cs 'A-Za-z0-9.\n' _)"
if [ -d "$runtime" ]; then cp "$runtime"/*.o "$work/obj"; fi
make -C "$work/obj" -f "Vaap_$name.mk" -j "$jobs" OPT_FAST=-O2 OPT_SLOW=-O1 OPT_GLOBAL=-O2 \
  "Vaap_${name}__ALL.a" "${objects[@]}" \
  >"$work/make.log" 2>&1 || { tail -40 "$work/make.log" >&2; exit 1; }
if [ ! -d "$runtime" ]; then
  kept=$(mktemp -d "$build/sim/runtime.XXXXXX")
  for o in "${objects[@]}"; do cp "$work/obj/$o" "$kept"; done
  mv -T "$kept" "$runtime" 2>/dev/null || rm -rf "$kept"
fi
vroot=$(verilator --getenv VERILATOR_ROOT 2>/dev/null || echo /usr/share/verilator)
"${CXX:-g++}" -std=c++17 -O2 -fPIC -shared $flags -DAAP_VTOP="Vaap_$name" -DAAP_AXI_DATA_WIDTH="$width" \
  -I"$root" -I"$work/obj" -isystem "$vroot/include" -isystem "$vroot/include/vltstd" \
  "$root/verif/dut_plugin.cc" "$work/obj/Vaap_${name}__ALL.a" "${objects[@]/#/$work/obj/}" -lz -lpthread \
  -o "$work/lib.so.tmp"
mv "$work/lib.so.tmp" "$out/libaap_sim_$name$suffix.so"
rm -rf "$work/obj"
