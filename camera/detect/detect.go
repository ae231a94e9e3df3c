// Package detect finds people, vehicles and animals in a frame.
//
// The network runs in a process of its own, `polity-native detect`, that all
// cameras of a machine share: a [Client] sends it a small copy of a region and
// gets boxes back. A detector that is late or gone is an error, never an empty
// answer, so that who shows a picture can freeze it.
package detect

import (
	"cmp"
	"image"
	"slices"

	"polity/camera/wire"
)

// Class is what a box holds.
type Class uint8

// The classes. Vehicles of all kinds (cars, motorcycles, buses, trucks, trains)
// are one. Animals are known so that the scene does not take them for the place;
// they are never counted or told to anyone.
const (
	Person  Class = 0
	Bicycle Class = 1
	Vehicle Class = 2
	Animal  Class = 3

	classes = 4
)

// Wire returns the class as messages name it, and false for what they have no name
// for.
func (c Class) Wire() (wire.Class, bool) {
	switch c {
	case Person:
		return wire.Person, true
	case Bicycle:
		return wire.Bicycle, true
	case Vehicle:
		return wire.Vehicle, true
	}
	return wire.AnyClass, false
}

// String returns the class in a word.
func (c Class) String() string {
	names := [classes]string{"person", "bicycle", "vehicle", "animal"}
	if int(c) < len(names) {
		return names[c]
	}
	return "unknown"
}

// Box is one thing found: where, in pixels of the frame, and how sure the network
// is, from 0 to 1. Sides may reach a little over the region that was looked at,
// never over the frame.
type Box struct {
	Class          Class
	Score          float32
	X0, Y0, X1, Y1 float32
}

// Foot returns the middle of the lower edge: where the thing touches the ground.
func (b Box) Foot() (x, y float32) { return (b.X0 + b.X1) / 2, b.Y1 }

// Area returns the box's area in square pixels.
func (b Box) Area() float32 { return max(0, b.X1-b.X0) * max(0, b.Y1-b.Y0) }

// Overlap returns the area of a and b together over the area they cover
// (intersection over union, 0 to 1).
func Overlap(a, b Box) float32 {
	both := shared(a, b)
	if both == 0 {
		return 0
	}
	return both / (a.Area() + b.Area() - both)
}

func shared(a, b Box) float32 {
	w, h := min(a.X1, b.X1)-max(a.X0, b.X0), min(a.Y1, b.Y1)-max(a.Y0, b.Y0)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h
}

// Bounds returns the smallest rectangle of whole pixels that holds the box.
func (b Box) Bounds() image.Rectangle {
	r := image.Rect(int(b.X0), int(b.Y0), int(b.X1), int(b.Y1))
	if float32(r.Max.X) < b.X1 {
		r.Max.X++
	}
	if float32(r.Max.Y) < b.Y1 {
		r.Max.Y++
	}
	return r
}

// sameThing is the overlap from which two boxes of a class are one thing: the
// value that NanoDet's authors use.
const sameThing = 0.6

// suppress keeps of boxes of the same class that cover each other the one that is
// surest (non-maximum suppression), and at most limit in all. It reorders boxes.
func suppress(boxes []Box, limit int) []Box {
	slices.SortStableFunc(boxes, func(a, b Box) int { return cmp.Compare(b.Score, a.Score) })
	kept := boxes[:0]
	for _, b := range boxes {
		if len(kept) == limit {
			break
		}
		if !slices.ContainsFunc(kept, func(k Box) bool { return k.Class == b.Class && Overlap(k, b) > sameThing }) {
			kept = append(kept, b)
		}
	}
	return kept
}
