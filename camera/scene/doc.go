// Package scene learns the place that a camera looks at, without the people.
//
// A cell of the picture becomes part of the place when what is seen there was still
// for long enough: stillness is measured as sway (sway.go), counted over separate
// occasions and returns (learn.go, appearance.go), and doubted near what moves, stands
// or is detected (suspect.go, closely.go). The rules in words: docs/formats/scene.md.
package scene
