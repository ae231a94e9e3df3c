package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// The network's output, per stride a map of the input divided by the stride: a
// plane per kept COCO class with its score before the sigmoid, then for each side
// of the box (left, top, right, bottom) a distribution over distances of 0 to 10
// strides from the position's centre, before the softmax (generalized focal loss,
// Li et al. 2020).
const (
	outputClasses = 17
	bins          = 11
	outputPlanes  = outputClasses + 4*bins
)

// Strides are those of the outputs, in their order.
var Strides = [...]int{8, 16, 32}

// classOf gives the class of each kept COCO class, in the order of model/convert.py.
var classOf = [outputClasses]Class{Person, Bicycle, Vehicle, Vehicle, Vehicle, Vehicle, Vehicle, Animal, Animal, Animal, Animal, Animal, Animal, Animal, Animal, Animal, Animal}

// Bounds of an answer: of more candidates or boxes the surest are kept.
const (
	maxCandidates = 2000
	MaxBoxes      = 500
)

// LowestThreshold is the smallest score that can be asked for. Below it the
// network's boxes are noise without end.
const LowestThreshold = 0.02

// Read finds the boxes in the network's outputs for an input of the given size:
// those with at least the threshold's score, in pixels of the input, overlapping
// ones of a class removed, surest first. Each output holds outputPlanes planes in
// row order.
func Read(outputs [][]float32, size Size, threshold float32) ([]Box, error) {
	if len(outputs) != len(Strides) {
		return nil, fmt.Errorf("read detections: %d outputs, not %d", len(outputs), len(Strides))
	}
	threshold = min(max(threshold, LowestThreshold), 0.999)
	floor := float32(math.Log(float64(threshold) / (1 - float64(threshold))))
	var found []Box
	for i, stride := range Strides {
		m := head{width: size.Width / stride, height: size.Height / stride, stride: float32(stride), values: outputs[i]}
		if len(m.values) != outputPlanes*m.width*m.height {
			return nil, fmt.Errorf("read detections: output %d has %d values, not %d", i, len(m.values), outputPlanes*m.width*m.height)
		}
		found = m.candidates(found, floor)
	}
	if len(found) > maxCandidates {
		slices.SortStableFunc(found, func(a, b Box) int { return cmp.Compare(b.Score, a.Score) })
		found = found[:maxCandidates]
	}
	return suppress(found, MaxBoxes), nil
}

type head struct {
	width, height int
	stride        float32
	values        []float32
}

// candidates appends a box per position and class whose score before the sigmoid
// reaches the floor.
func (m head) candidates(to []Box, floor float32) []Box {
	plane := m.width * m.height
	best := make([]float32, plane)
	for class := range Class(classes) {
		for i := range best {
			best[i] = float32(math.Inf(-1))
		}
		for k, c := range classOf {
			if c == class {
				for i, v := range m.values[k*plane : (k+1)*plane] {
					best[i] = max(best[i], v)
				}
			}
		}
		for i, v := range best {
			if v >= floor { // false for NaN
				b := m.box(i)
				b.Class, b.Score = class, float32(1/(1+math.Exp(-float64(v))))
				to = append(to, b)
			}
		}
	}
	return to
}

func (m head) box(i int) Box {
	x, y := (float32(i%m.width)+0.5)*m.stride, (float32(i/m.width)+0.5)*m.stride
	return Box{X0: x - m.distance(i, 0), Y0: y - m.distance(i, 1), X1: x + m.distance(i, 2), Y1: y + m.distance(i, 3)}
}

// distance is the expected value of a side's distribution, in pixels.
func (m head) distance(i, side int) float32 {
	plane := m.width * m.height
	at := func(k int) float64 { return float64(m.values[(outputClasses+side*bins+k)*plane+i]) }
	top := at(0)
	for k := 1; k < bins; k++ {
		top = max(top, at(k))
	}
	var sum, mean float64
	for k := range bins {
		e := math.Exp(at(k) - top)
		sum += e
		mean += e * float64(k)
	}
	return float32(mean / sum * float64(m.stride))
}
