package network

import (
	"iter"
	"math/bits"
)

// MaxGroups is the largest number of signal groups of one junction.
const MaxGroups = 64

// Set is a set of signal groups of one junction.
type Set uint64

// SetOf returns the set of these groups.
func SetOf(groups ...int) Set {
	var s Set
	for _, g := range groups {
		s |= 1 << g
	}
	return s
}

// Has tells whether group g is in s.
func (s Set) Has(g int) bool { return s>>g&1 == 1 }

// With returns s and g.
func (s Set) With(g int) Set { return s | 1<<g }

// Without returns s less g.
func (s Set) Without(g int) Set { return s &^ (1 << g) }

// Len returns the number of groups in s.
func (s Set) Len() int { return bits.OnesCount64(uint64(s)) }

// All yields the groups of s in rising order.
func (s Set) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for rest := uint64(s); rest != 0; rest &= rest - 1 {
			if !yield(bits.TrailingZeros64(rest)) {
				return
			}
		}
	}
}
