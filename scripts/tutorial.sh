#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the commands of docs/tutorial.md and compares what they print with what the page shows (a named suite, some
# minutes; not in CI). Installs python3-torch from Debian where it is missing.
#   scripts/tutorial.sh             AAP_DSCNN=folder of the second part's files; that part is skipped without them
#   scripts/tutorial.sh --record    writes the outputs into the page
set -euo pipefail
cd "$(dirname "$0")/.."
if ! /usr/bin/python3 -c 'import torch' 2>/dev/null; then
  root=(); [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-torch >/dev/null
fi
export AAP_DSCNN=${AAP_DSCNN:-../shared/real}
arguments=("$@")
[ "$#" -le 1 ] || { echo "usage: tutorial.sh [--record]" >&2; exit 2; }
if [ ! -r "$AAP_DSCNN/dscnn_kws_int8.onnx" ]; then
  echo "SKIPPED: second part of the tutorial: no $AAP_DSCNN/dscnn_kws_int8.onnx"
  arguments+=(--skip "A network from TFLite")
fi
exec /usr/bin/python3 docs/tutorial/check.py docs/tutorial.md "${arguments[@]}"
