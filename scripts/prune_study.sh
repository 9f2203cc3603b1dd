#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Accuracy of pruned networks without training, five draws of calibration images: docs/results/pruner_accuracy.json.
# Needs a finished build. A study that was stopped goes on where it was (out/prune_study); no step takes an hour.
#   scripts/prune_study.sh                  the reference network; ResNet-20 too where ../shared/real is there
#   scripts/prune_study.sh NET1.onnx ...    the reference network as trained with each of five seeds
#   SEEDS="1 2" THREADS=4 scripts/prune_study.sh
set -euo pipefail
cd "$(dirname "$0")/.."
build=${AAP_BUILD:-build} file=docs/results/pruner_accuracy.json real=../shared/real
networks=("$@")
[ $# -gt 0 ] || networks=(networks/fashion_mnist.onnx)
cmake --build "$build" --target aap-prune-study >/dev/null
read -r -a seeds <<<"${SEEDS:-1 2 3 4 5}"
common=(--seeds "${seeds[@]}" --threads "${THREADS:-2}" --command "scripts/prune_study.sh" -o "$file")
"$build/bin/aap-prune-study" --name fashion_mnist --data fashion_mnist --network "${networks[@]}" --keep 4 2 \
  --calibration 1024 "${common[@]}"
if [ -f "$real/resnet20.onnx" ]; then
  "$build/bin/aap-prune-study" --name resnet20 --data "$real/cifar10_test1000.bin" --network "$real/resnet20.onnx" \
    --keep 8 4 --calibration 200 "${common[@]}"
else
  echo "SKIPPED: ResNet-20, as $real is not there"
fi
cat "$file"
