#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whole networks on real inputs, golden against ONNX Runtime, every value of every layer: the reference network
# with and without `quantize --exact`, and, where ../shared/real is there, its int8 networks and its float ResNet-20
# through `quantize --exact`. With --json also what --exact costs in accuracy.
#   scripts/oracle.sh [--images 1000] [--part all|reference|real] [--json FILE] [--build DIR] [--out DIR]
# Fails where a value of the exact network differs, one of the others is unexplained, or ONNX Runtime does not
# repeat the outputs stored beside a network. docs/results/oracle.json: --json docs/results/oracle.json.
set -euo pipefail
cd "$(dirname "$0")/.."
images=1000 part=all json= build=build out=out/oracle
while [ $# -gt 0 ]; do
  case $1 in
    --images|--part|--json|--build|--out)
      [ $# -ge 2 ] || { echo "oracle.sh: $1 needs a value" >&2; exit 2; }
      printf -v "${1#--}" %s "$2"; shift 2 ;;
    *) echo "oracle.sh: unknown argument $1" >&2; exit 2 ;;
  esac
done
python=.venv/bin/python
[ -x "$python" ] || { echo "SKIPPED: no ONNX Runtime here; scripts/setup.sh --oracle installs it"; exit 77; }
for tool in aap aap-differential; do
  [ -x "$build/bin/$tool" ] || { echo "oracle.sh: $build/bin/$tool is missing" >&2; exit 2; }
done
case $part in
  all|reference|real) ;;
  *) echo "oracle.sh: --part is $part, legal is all, reference, real" >&2; exit 2 ;;
esac
[ -z "$json" ] || [ "$part" = all ] || { echo "oracle.sh: --json needs --part all" >&2; exit 2; }
real=../shared/real

rm -rf "$out"
mkdir -p "$out"
: >"$out/exact"
: >"$out/list"
if [ "$part" != real ]; then
  network=networks/fashion_mnist_4of16.onnx
  "$build/bin/aap" quantize "$network" -o "$out/fashion_mnist_4of16_exact.onnx" --exact
  "$build/bin/aap" check "$out/fashion_mnist_4of16_exact.onnx" --exact | tail -n 1
  "$build/bin/aap" quantize "$network" -o "$out/fashion_mnist_4of16.onnx"
  "$python" scripts/oracle_cases.py "$out" --fashion "$out/fashion_mnist_4of16_exact.onnx" "$images" >"$out/exact"
  "$python" scripts/oracle_cases.py "$out" --fashion "$out/fashion_mnist_4of16.onnx" "$images" >"$out/list"
fi
cifar=(--data "$real/cifar10_test1000.bin" --input-mean 0.485,0.456,0.406 --input-std 0.229,0.224,0.225)
if [ "$part" != reference ] && [ -d "$real" ]; then
  "$python" scripts/oracle_cases.py "$out" "$real" "$images" >>"$out/list"
  "$build/bin/aap" quantize "$real/resnet20.onnx" "${cifar[@]}" --images 256 --exact -o "$out/resnet20_exact.onnx"
  "$build/bin/aap" check "$out/resnet20_exact.onnx" --exact | tail -n 1
  "$python" scripts/oracle_cases.py "$out" --cifar "$real" "$out/resnet20_exact.onnx" "$images" >>"$out/exact"
elif [ "$part" != reference ]; then
  echo "SKIPPED: the networks of $real, which is not there"
  [ "$part" = all ] || exit 77
fi
cat "$out/exact" "$out/list" | xargs -d '\n' "$python" scripts/ort_run.py
status=0
"$build/bin/aap-differential" compare --list "$out/exact" --equal --layers --json "$out/exact.json" || status=1
"$build/bin/aap-differential" compare --list "$out/list" --layers --json "$out/list.json" || status=1
if [ -n "$json" ]; then
  accuracy() {  # name, network, images, options
    "$build/bin/aap" run "$2" --engine golden --json --images "$3" "${@:4}" >"$out/accuracy_$1.json"
  }
  accuracy fashion_mnist_4of16 "$out/fashion_mnist_4of16.onnx" 10000
  accuracy fashion_mnist_4of16_exact "$out/fashion_mnist_4of16_exact.onnx" 10000
  if [ -d "$real" ]; then
    "$build/bin/aap" quantize "$real/resnet20.onnx" "${cifar[@]}" --images 256 -o "$out/resnet20.onnx"
    accuracy resnet20 "$out/resnet20.onnx" "$images" "${cifar[@]}"
    accuracy resnet20_exact "$out/resnet20_exact.onnx" "$images" "${cifar[@]}"
  fi
  command="scripts/oracle.sh --images $images --json $json" "$python" - "$out" "$json" <<'PYTHON'
import datetime, glob, importlib.metadata, json, os, subprocess, sys
out, target = sys.argv[1:]
def load(name):
    with open(os.path.join(out, name)) as file:
        return json.load(file)
exact, others = load("exact.json"), load("list.json")
result = {"command": os.environ["command"],
          "tools": {"onnxruntime": importlib.metadata.version("onnxruntime"),
                    "g++": subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True).stdout.strip()},
          "date": datetime.date.today().isoformat(),
          "accuracy": {os.path.basename(path)[len("accuracy_"):-len(".json")]: load(os.path.basename(path))["accuracy"]
                       for path in sorted(glob.glob(os.path.join(out, "accuracy_*.json")))},
          "networks": exact.pop("cases") + others.pop("cases")}
temporary = target + ".part"
with open(temporary, "w") as file:
    json.dump(result, file, indent=1)
    file.write("\n")
os.replace(temporary, target)
PYTHON
fi
exit "$status"
