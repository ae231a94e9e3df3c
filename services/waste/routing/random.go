package routing

import (
	"math"
	"math/bits"
)

// random is wyrand: one multiplication a number, which matters in loops that
// draw for every candidate position. Not for secrets.
type random struct{ state uint64 }

func newRandom(seed uint64) random {
	r := random{state: seed*0x9e3779b97f4a7c15 + 0x1234567}
	for range 8 {
		r.next()
	}
	return r
}

func (r *random) next() uint64 {
	r.state += 0xa0761d6478bd642f
	hi, lo := bits.Mul64(r.state, r.state^0xe7037ed1a0b428db)
	return hi ^ lo
}

// below returns a number in [0, n).
func (r *random) below(n int32) int32 {
	return int32(uint64(uint32(r.next())) * uint64(uint32(n)) >> 32)
}

// unit returns a number in (0, 1].
func (r *random) unit() float64 {
	return float64(r.next()>>11+1) / (1 << 53)
}

// exponential returns a draw of mean 1.
func (r *random) exponential() float64 { return -math.Log(r.unit()) }
