#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the project needs on Debian 12, from apt. Does nothing when everything is there; prints
# each tool with the version found and the version required.
#   scripts/setup.sh            build, simulate, synthesise
#   scripts/setup.sh --train    also libtorch, for aap train
#   scripts/setup.sh --oracle   also ONNX Runtime, which only tests use: pinned Python packages in .venv
set -euo pipefail
cd "$(dirname "$0")/.."
train=0 oracle=0
for argument in "$@"; do
  case $argument in
    --train) train=1 ;;
    --oracle) oracle=1 ;;
    *) echo "setup.sh: unknown argument $argument; usage: setup.sh [--train] [--oracle]" >&2; exit 2 ;;
  esac
done

packages=(g++ cmake make ninja-build ccache git pkg-config verilator iverilog yosys nextpnr-ice40
  fpga-icestorm fpga-icestorm-chipdb libyaml-cpp-dev libboost-test-dev libonnx-dev libonnx-testdata
  libprotobuf-dev protobuf-compiler libcli11-dev libfmt-dev libspdlog-dev nlohmann-json3-dev
  zlib1g-dev dataset-fashion-mnist)
[ "$train" = 0 ] || packages+=(libtorch-dev libopenblas0-pthread)
[ "$oracle" = 0 ] || packages+=(python3 python3-venv)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done

if [ "${#missing[@]}" -gt 0 ]; then
  root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
      echo "setup.sh: not root and no sudo; as root run: apt-get install ${missing[*]}" >&2; exit 2; }
    root=(sudo)
  fi
  echo "installing: ${missing[*]}"
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null
fi

# name, required version, command that prints the version
failed=0
check() {
  local name=$1 required=$2 found
  found=$("${@:3}" 2>&1 | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1 || true)
  if [ -z "$found" ]; then
    printf '%-16s required %-8s found none\n' "$name" "$required"; failed=1
  elif [ "$(printf '%s\n%s\n' "$required" "$found" | sort -V | head -n 1)" != "$required" ]; then
    printf '%-16s required %-8s found %s: too old\n' "$name" "$required" "$found"; failed=1
  else
    printf '%-16s required %-8s found %s\n' "$name" "$required" "$found"
  fi
}
library() { dpkg-query -W -f '${Version}' "$1"; }
check g++ 12.0 g++ -dumpfullversion
check cmake 3.22 cmake --version
check ninja 1.10 ninja --version
check verilator 5.006 verilator --version
check iverilog 11.0 iverilog -V
check yosys 0.23 yosys -V
check nextpnr-ice40 0.4 nextpnr-ice40 --version
check boost 1.74 library libboost-test-dev
check libonnx 1.12 library libonnx-dev
check protobuf 3.21 library libprotobuf-dev
check yaml-cpp 0.7 library libyaml-cpp-dev
check fmt 9.1 library libfmt-dev
check CLI11 2.1 library libcli11-dev
check nlohmann-json 3.11 library nlohmann-json3-dev
[ "$train" = 0 ] || check libtorch 1.13 library libtorch-dev

# Debian's own Python, whatever `python3` is on the path: its version is known, and so are the wheels.
if [ "$oracle" = 1 ]; then
  wanted=scripts/requirements.txt
  if ! cmp -s "$wanted" .venv/installed.txt || ! [ -x .venv/bin/python ]; then
    echo "installing into .venv: $(grep -cE '^[a-z]' "$wanted") Python packages"
    rm -rf .venv
    /usr/bin/python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
      --requirement "$wanted"
    cp "$wanted" .venv/installed.txt
  fi
  for name in onnxruntime onnx numpy; do
    check "$name" "$(sed -n "s/^$name==//p" "$wanted")" .venv/bin/python -c \
      "import importlib.metadata as m; print(m.version('$name'))"
  done
fi
[ "$failed" = 0 ] || { echo "setup.sh: a required tool is missing or too old" >&2; exit 1; }
