#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every configuration through Verilator's lint (all warnings are errors) and Icarus' elaboration; illegal parameters
# must stop both. Usage: verif/lint.sh BUILD_DIR
set -euo pipefail
cd "$(dirname "$0")/.."
gen=${1:-build}/bin/aap-spec-gen
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
count=0
for config in configs/*.yaml verif/grid/*.yaml; do
  name=$(basename "$config" .yaml)
  "$gen" --wrapper "$config" "$work/aap_$name.sv"
  verilator --lint-only -Wall --assert -Irtl -Irtl/gen rtl/waivers.vlt rtl/gen/aap_isa_pkg.sv "$work/aap_$name.sv" \
    --top-module "aap_$name" || { echo "lint: $config fails in Verilator; repeat with: verif/lint.sh" >&2; exit 1; }
  iverilog -g2012 -Wall -Wno-timescale -Irtl -t null -s "aap_$name" rtl/gen/aap_isa_pkg.sv rtl/*.sv "$work/aap_$name.sv" \
    >"$work/iverilog.log" 2>&1 || { cat "$work/iverilog.log" >&2; echo "lint: $config fails in Icarus" >&2; exit 1; }
  count=$((count + 1))
done
# The instantiation template of the integration guide
sed -n '/^```systemverilog$/,/^```$/p' docs/integration.md | sed '1d;$d' >"$work/system.sv"
verilator --lint-only -Wall --assert -Irtl -Irtl/gen rtl/waivers.vlt rtl/gen/aap_isa_pkg.sv "$work/system.sv" --top-module system \
  -Wno-DECLFILENAME || { echo "lint: the template of docs/integration.md fails" >&2; exit 1; }
# parameter=value that must be refused by name
illegal=0
while read -r parameter value; do
  if verilator --lint-only -Wno-fatal -Irtl -Irtl/gen rtl/gen/aap_isa_pkg.sv rtl/aap_top.sv --top-module aap_top \
      "-G$parameter=$value" >"$work/out" 2>&1; then
    echo "lint: aap_top accepts $parameter=$value" >&2; exit 1
  fi
  grep -q 'ERROR_' "$work/out" || { cat "$work/out" >&2; echo "lint: $parameter=$value fails without a named reason" >&2; exit 1; }
  illegal=$((illegal + 1))
done <<'LIST'
Group 5
Lanes 3
Pes 20
Share 3
Select 1
Select 4
Muls 8
Requantisers 16
AxiDataWidth 48
ResidualPasses 2
MaxRowCycles 2
Outstanding 3
LIST
echo "lint: $count configurations clean in Verilator and Icarus, $illegal illegal parameters refused by name"
