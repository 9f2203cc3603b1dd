#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Networks that others made, from their ONNX files to RTL: accuracy of golden against ONNX Runtime's figures, float graphs
# through our quantiser, whole networks and pruned ones on the Verilated accelerator.
#   scripts/real_networks.sh [FOLDER] [--rtl N] [--record]
# FOLDER (default ../shared/real) holds the networks and their inputs; N images (default 20) run in RTL, 4 of each pruned
# network. --record also writes docs/results/real_networks.json.
set -euo pipefail
cd "$(dirname "$0")/.."
real=../shared/real rtl=20 record=0
while [ $# -gt 0 ]; do
  case $1 in
    --rtl) rtl=${2:?--rtl needs a number}; shift ;;
    --record) record=1 ;;
    *) real=$1 ;;
  esac
  shift
done
if [ ! -d "$real" ]; then echo "SKIPPED: $real is not there"; exit 0; fi
build=${AAP_BUILD:-build} out=out/real config=configs/board.yaml
export AAP_LIB_DIR="$PWD/$build/lib"
cmake --build "$build" --target aap sim_board >/dev/null
aap="$build/bin/aap"
mkdir -p "$out"; rm -f "$out"/*
begin=$SECONDS
say() { printf '[%4ds] %s\n' "$((SECONDS - begin))" "$*"; }

cifar=(--data "$real/cifar10_test1000.bin" --input-mean 0.485,0.456,0.406 --input-std 0.229,0.224,0.225)
kws=(--data "$real/kws_inputs.npy" --labels "$real/kws_labels.npy")
mnist=(--data "$real/t10k-images-idx3-ubyte.gz" --labels "$real/t10k-labels-idx1-ubyte.gz" --input-divisor 1)

# golden NAME FILE ARGUMENTS: accuracy on all inputs. float alike.
golden() { say "golden: $1"; "$aap" run "$2" "${@:3}" --json >"$out/$1.golden.json"; }
float() { say "float: $1"; "$aap" run "$2" --engine float "${@:3}" --json >"$out/$1.float.json"; }
# on_rtl NAME FILE IMAGES ARGUMENTS: every value of every layer against golden; exit code 1 at the first mismatch.
on_rtl() {
  say "RTL: $1, $3 images"
  "$aap" compile "$2" --config "$config" -o "$out/$1.aap" >/dev/null
  "$aap" run "$out/$1.aap" --engine rtl --network "$2" --config "$config" --images "$3" "${@:4}" --json >"$out/$1.rtl.json"
}

# Integer graphs as they come, against the outputs of ONNX Runtime.
for name in resnet20.qdq_s8s8_pc resnet20.qop_u8s8_pc; do
  golden "$name" "$real/$name.onnx" "${cifar[@]}" --expected "$real/$name.ort.npy"
  on_rtl "$name" "$real/$name.onnx" "$rtl" "${cifar[@]}"
done
golden dscnn_kws_int8 "$real/dscnn_kws_int8.onnx" "${kws[@]}" --expected "$real/dscnn_kws_int8.ort.npy"
on_rtl dscnn_kws_int8 "$real/dscnn_kws_int8.onnx" "$rtl" "${kws[@]}"

# Float graphs: calibrated on the first inputs, scored on the others; resnet20 also on all of its 1000.
"$aap" quantize "$real/resnet20.onnx" "${cifar[@]}" --subset 0:200 --images 200 -o "$out/resnet20_int8.onnx"
float resnet20.others "$real/resnet20.onnx" "${cifar[@]}" --subset 200:800
golden resnet20.others "$out/resnet20_int8.onnx" "${cifar[@]}" --subset 200:800
float resnet20 "$real/resnet20.onnx" "${cifar[@]}"
golden resnet20 "$out/resnet20_int8.onnx" "${cifar[@]}"
on_rtl resnet20 "$out/resnet20_int8.onnx" "$rtl" "${cifar[@]}"
"$aap" quantize "$real/mnist.onnx" "${mnist[@]}" --subset 0:512 -o "$out/mnist_int8.onnx"
float mnist.others "$real/mnist.onnx" "${mnist[@]}" --subset 512:9488
golden mnist.others "$out/mnist_int8.onnx" "${mnist[@]}" --subset 512:9488
float mnist "$real/mnist.onnx" "${mnist[@]}"
golden mnist "$out/mnist_int8.onnx" "${mnist[@]}"
on_rtl mnist "$out/mnist_int8.onnx" "$rtl" "${mnist[@]}"

# Pruned without retraining: the float network with batch norm re-calibrated on the inputs that calibrate the quantiser
# too, the integer network by its integer weights.
for keep in 8 4; do
  name=resnet20_${keep}of16
  "$aap" prune "$real/resnet20.onnx" --keep "$keep" --group 16 --recalibrate 200 "${cifar[@]}" --subset 0:200 -o "$out/$name.onnx" >/dev/null
  "$aap" quantize "$out/$name.onnx" "${cifar[@]}" --subset 0:200 --images 200 -o "$out/${name}_int8.onnx"
  "$aap" check "$out/${name}_int8.onnx" >/dev/null
  golden "$name" "$out/${name}_int8.onnx" "${cifar[@]}"
  golden "$name.others" "$out/${name}_int8.onnx" "${cifar[@]}" --subset 200:800
  on_rtl "$name" "$out/${name}_int8.onnx" 4 "${cifar[@]}"
  name=dscnn_kws_int8_${keep}of16
  "$aap" prune "$real/dscnn_kws_int8.onnx" --keep "$keep" --group 16 -o "$out/$name.onnx" >/dev/null
  "$aap" check "$out/$name.onnx" >/dev/null
  golden "$name" "$out/$name.onnx" "${kws[@]}"
  on_rtl "$name" "$out/$name.onnx" 4 "${kws[@]}"
done

say "done"
python3 - "$out" "$(verilator --version | cut -d' ' -f2)" "$(date -u +%F)" >"$out/real_networks.json" <<'PY'
import glob, json, os, sys
out, verilator, date = sys.argv[1:]
networks = {}
for path in sorted(glob.glob(out + "/*.golden.json") + glob.glob(out + "/*.float.json") + glob.glob(out + "/*.rtl.json")):
    name, engine, _ = os.path.basename(path).rsplit(".", 2)
    j = json.load(open(path))
    keys = {"golden": ["images", "accuracy", "values_compared", "values_different", "largest_difference", "argmax_equal"],
            "float": ["images", "accuracy"],
            "rtl": ["images", "values_compared", "mismatches", "accuracy", "cycles_per_image", "mac_use"]}[engine]
    networks.setdefault(name, {})[engine] = {k: j[k] for k in keys if k in j}
print(json.dumps({"command": "scripts/real_networks.sh --record", "tools": {"verilator": verilator}, "date": date,
                  "config": "board", "networks": networks}, indent=1))
PY
cat "$out/real_networks.json"
if [ "$record" = 1 ]; then cp "$out/real_networks.json" docs/results/real_networks.json; fi
