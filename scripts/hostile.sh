#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Hostile files: mutants of small valid ONNX, YAML, program and image files given to everything that reads them, under
# ASan and UBSan, each with a bound on memory and time. CI runs a part; this is the long run.
#   scripts/hostile.sh [--count N] [--seed S] [--format F] [--jobs J]   N mutants a format, 0 (default): every field once
#   scripts/hostile.sh --case F:NUMBER --seed S [--keep DIR]            one mutant again
#   scripts/hostile.sh --list F                                         numbers and names of the systematic mutants
#   scripts/hostile.sh --update verif/hostile/corpus                    programs of an earlier format version become current
# Files of findings go to out/hostile.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${AAP_BUILD:-build}
[ -f "$build/build.ninja" ] || cmake -S . -B "$build" -G Ninja >/dev/null
cmake --build "$build" -j "$(nproc)" --target aap_hostile >/dev/null
case " $* " in
  *" --case "* | *" --list "* | *" --seeds "* | *" --update "*) exec "$build/bin/aap_hostile" "$@" ;;
esac
mkdir -p out/hostile
exec "$build/bin/aap_hostile" --count 0 --jobs "$(nproc)" --keep out/hostile "$@"
