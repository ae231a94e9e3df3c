// Package model is the detector's network: NanoDet as an ONNX file, made by
// convert.py in this folder. README.md tells where it comes from.
package model

import _ "embed"

// ONNX is the network's file.
//
//go:embed nanodet.onnx
var ONNX []byte

// Input is the name of its input: unsigned bytes of shape [1, 6, height/2,
// width/2], the planes that polity/camera/detect writes.
const Input = "picture"

// Outputs are the names of its outputs, one per stride.
var Outputs = []string{"stride8", "stride16", "stride32"}
