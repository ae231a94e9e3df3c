// Package scenario holds tests of the whole program: real processes, real RTSP, real
// files, on loopback. Nothing in them reaches into a program; they see what a camera,
// an operator and a curious neighbour on the wire would see. Each waits for conditions,
// never for a time.
package scenario
