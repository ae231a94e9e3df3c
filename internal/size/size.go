// Package size reads amounts of data as people write them: 500MB, 20GiB.
package size

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is an amount of data.
type Bytes int64

var units = []struct {
	name string
	in   float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

// UnmarshalText reads a number with a unit: B, kB, MB, GB, TB (powers of 1000),
// KiB, MiB, GiB or TiB (powers of 1024).
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v >= 0) || v*u.in > math.MaxInt64/2 {
			break
		}
		*b = Bytes(v * u.in)
		return nil
	}
	return fmt.Errorf("%q is not an amount of data; write a number with its unit, such as 500MB or 20GiB", s)
}

// String writes the amount with the largest unit of 1024 that keeps it above 1.
func (b Bytes) String() string {
	best := units[len(units)-1]
	for _, u := range units[:4] {
		if float64(b) >= u.in {
			best = u
		}
	}
	return strconv.FormatFloat(float64(b)/best.in, 'f', -1, 64) + best.name
}
