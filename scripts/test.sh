#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Set-up, build and all tests: Boost.Test through ctest, RTL unit benches, lint, synthesis. JUnit XML in
# build/junit (one file per test program) and build/junit/ctest.xml.
#   scripts/test.sh [BUILD_DIR]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
scripts/setup.sh --train --oracle
cmake -S . -B "$build" -G Ninja -DAAP_TRAIN=ON >/dev/null
cmake --build "$build" -j "$(nproc)"
mkdir -p "$build/junit"
export AAP_LIB_DIR="$PWD/$build/lib"
ctest --test-dir "$build" -j "$(nproc)" --output-on-failure --no-tests=error \
  --output-junit "$PWD/$build/junit/ctest.xml"
