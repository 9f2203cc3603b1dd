#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Folders for ort_run.py of networks with real inputs: graph.onnx, input.npy, and expected.npy where an
oracle is stored.

    oracle_cases.py OUT REAL IMAGES              the int8 networks of the folder REAL
    oracle_cases.py OUT --cifar REAL FILE IMAGES one network on the CIFAR-10 images there
    oracle_cases.py OUT --fashion FILE IMAGES    one network on Fashion-MNIST test images

Prints the folders made, one a line.
"""
import gzip
import os
import shutil
import sys

import numpy as np
import onnx

FASHION = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz"


def case(out, name, graph, inputs, expected=None):
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    shutil.copyfile(graph, os.path.join(folder, "graph.onnx"))
    np.save(os.path.join(folder, "input.npy"), np.ascontiguousarray(inputs))
    if expected is not None:
        np.save(os.path.join(folder, "expected.npy"), np.ascontiguousarray(expected))
    print(folder)


def cifar(source, images):
    rows = np.fromfile(os.path.join(source, "cifar10_test1000.bin"), np.uint8).reshape(-1, 3073)
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(1, 3, 1, 1)
    deviation = np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1)
    pixels = rows[:images, 1:].reshape(-1, 3, 32, 32).astype(np.float32)
    return (pixels / np.float32(255) - mean) / deviation


def real(out, source, images):
    def path(name):
        return os.path.join(source, name)

    def oracle(name):
        return np.load(path(name + ".ort.npy"))[:images]

    pixels = cifar(source, images)
    for name in ("resnet20.qdq_s8s8_pc", "resnet20.qop_u8s8_pc"):
        case(out, name, path(name + ".onnx"), pixels, oracle(name))
    words = np.load(path("kws_inputs.npy"))[:images].reshape(-1, 49, 10, 1)
    case(out, "dscnn_kws_int8", path("dscnn_kws_int8.onnx"), words, oracle("dscnn_kws_int8"))


def fashion(out, graph, images):
    with gzip.open(FASHION) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)[:images]
    metadata = {p.key: np.float32(p.value) for p in onnx.load(graph).metadata_props
                if p.key in ("aap.input_mean", "aap.input_std")}
    mean, deviation = metadata.get("aap.input_mean", np.float32(0)), metadata.get("aap.input_std", np.float32(1))
    values = (pixels.astype(np.float32) / np.float32(255) - mean) / deviation
    case(out, os.path.splitext(os.path.basename(graph))[0], graph, values)


if __name__ == "__main__":
    if sys.argv[2] == "--cifar":
        graph = sys.argv[4]
        case(sys.argv[1], os.path.splitext(os.path.basename(graph))[0], graph, cifar(sys.argv[3], int(sys.argv[5])))
    elif sys.argv[2] == "--fashion":
        fashion(sys.argv[1], sys.argv[3], int(sys.argv[4]))
    else:
        real(sys.argv[1], sys.argv[2], int(sys.argv[3]))
