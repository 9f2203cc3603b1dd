#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs ONNX files in ONNX Runtime and keeps every integer value on the way.

    ort_run.py FOLDER...

Each folder holds graph.onnx and input.npy ([images, ...] for the graph's one input). Written beside them:
values/N.npy with one row an image, and values.json, {"value name": "values/N.npy"}: every int8 and uint8
result of a node, and the graph's outputs. Where ONNX Runtime refuses the graph, values.json is
{"error": "..."} instead. All graph optimisations are off, on one thread.

One rewrite: weights of int8 under activations of uint8 become uint8 with a zero point of 128 more, which
by ONNX's definition is the same operator. On processors without VNNI, ONNX Runtime's kernel for
uint8 x int8 adds pairs of products with saturation to 16 bits (its documentation: "Quantize ONNX models",
reduce_range), and the results are wrong; its kernel for uint8 x uint8 is exact everywhere.
"""
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

# position of the activation's zero point, the weight and the weight's zero point
WEIGHTED = {"QLinearConv": (2, 3, 5), "QLinearMatMul": (2, 3, 5), "QGemm": (2, 3, 5)}


def make_weights_unsigned(model):
    constants = {t.name: t for t in model.graph.initializer}
    done = {}

    def unsigned(name):
        if name not in done:
            value = numpy_helper.to_array(constants[name]).astype(np.int32) + 128
            done[name] = name + "/unsigned"
            model.graph.initializer.append(numpy_helper.from_array(value.astype(np.uint8), done[name]))
        return done[name]

    for node in model.graph.node:
        if node.op_type not in WEIGHTED:
            continue
        zero, weight, weight_zero = (node.input[i] for i in WEIGHTED[node.op_type])
        if any(name not in constants for name in (zero, weight, weight_zero)):
            continue
        types = [constants[name].data_type for name in (zero, weight)]
        if types == [onnx.TensorProto.UINT8, onnx.TensorProto.INT8]:
            for i, name in ((WEIGHTED[node.op_type][1], weight), (WEIGHTED[node.op_type][2], weight_zero)):
                node.input[i] = unsigned(name)


def run(folder):
    model = onnx.load(os.path.join(folder, "graph.onnx"))
    make_weights_unsigned(model)
    outputs = {o.name for o in model.graph.output}
    for node in model.graph.node:
        for name in node.output:
            if name and name not in outputs:
                model.graph.output.append(onnx.ValueInfoProto(name=name))
                outputs.add(name)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    images = np.load(os.path.join(folder, "input.npy"))
    stated = {o.name for o in onnx.load(os.path.join(folder, "graph.onnx")).graph.output}
    kept = [o.name for o in session.get_outputs()
            if o.name in stated or o.type in ("tensor(int8)", "tensor(uint8)")]
    constants = {t.name for t in model.graph.initializer}  # inputs, too, before IR 4
    feed = next(i.name for i in session.get_inputs() if i.name not in constants)
    rows = [session.run(kept, {feed: images[i:i + 1]}) for i in range(len(images))]
    os.makedirs(os.path.join(folder, "values"), exist_ok=True)
    index = {}
    for i, name in enumerate(kept):
        path = f"values/{i}.npy"
        np.save(os.path.join(folder, path), np.ascontiguousarray(np.concatenate([row[i] for row in rows])))
        index[name] = path
    return index


def store(folder, index):
    with open(os.path.join(folder, "values.json"), "w") as file:
        json.dump(index, file)


def main(folders):
    # A process a graph: ONNX Runtime itself crashes on some graphs that are wrong.
    for folder in folders:
        child = os.fork()
        if child == 0:
            try:
                store(folder, run(folder))
            except Exception as error:  # ONNX Runtime raises types of its own
                store(folder, {"error": (str(error).splitlines() or [repr(error)])[0]})
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            store(folder, {"error": f"ended with status {status}"})


if __name__ == "__main__":
    main(sys.argv[1:])
