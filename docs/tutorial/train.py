#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a small residual CNN on Fashion-MNIST and exports it: python3 train.py OUT.onnx [SEED].

Needs Debian's python3-torch (1.13) and dataset-fashion-mnist; about a minute on one core.
"""
import gzip
import sys

import torch
from torch import nn

FOLDER = "/usr/share/datasets/fashion-mnist/"


def read_idx(name, header, shape):
    with gzip.open(FOLDER + name) as file:
        data = bytearray(file.read())[header:]
    return torch.frombuffer(data, dtype=torch.uint8).reshape(shape)


class Block(nn.Module):
    """Two convolutions and a residual add."""

    def __init__(self, channels):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                               nn.BatchNorm2d(channels), nn.ReLU())
        self.b = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                               nn.BatchNorm2d(channels))
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.b(self.a(x)) + x)


def network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        Block(16),
        nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        Block(32),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


def main():
    out, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    images = read_idx("train-images-idx3-ubyte.gz", 16, (-1, 1, 28, 28)).float() / 255
    labels = read_idx("train-labels-idx1-ubyte.gz", 8, (-1,)).long()
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    batch = 100
    order = torch.randperm(len(labels))
    for step, first in enumerate(range(0, len(order), batch)):
        chosen = order[first:first + batch]
        loss = nn.functional.cross_entropy(net(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 200 == 199:
            print(f"{step + 1} batches, loss {loss.item():.2f}")
    net.eval()
    # PRESERVE keeps batch normalization as nodes, so that it can be re-calibrated after pruning.
    torch.onnx.export(net, torch.zeros(1, 1, 28, 28), out, opset_version=13,
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
                      input_names=["image"], output_names=["scores"],
                      dynamic_axes={"image": {0: "n"}, "scores": {0: "n"}})
    print(f"{out}: exported, seed {seed}")


main()
