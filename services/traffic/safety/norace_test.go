//go:build !race

package safety

// RaceDetector tells tests that everything is ten times slower.
const RaceDetector = false
