package postgres

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// storable says whether a column of type text can hold a name: only such names are
// in the store, but anybody may ask for others.
func storable(names ...string) bool {
	return !slices.ContainsFunc(names, func(s string) bool { return !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 })
}

func onlyStorable(names []string) []string {
	out := make([]string, 0, len(names))
	for _, s := range names {
		if storable(s) {
			out = append(out, s)
		}
	}
	return out
}

// ceil returns the smallest storable name that is not below a bound of any bytes,
// and false if every storable name is below it. The end of a prefix, for one, is
// often no UTF-8.
func ceil(bound string) (string, bool) {
	n := 0 // bytes that are right
	for n < len(bound) {
		r, size := utf8.DecodeRuneInString(bound[n:])
		if r == 0 || (r == utf8.RuneError && size == 1) {
			break
		}
		n += size
	}
	if n == len(bound) {
		return bound, true
	}
	for rest := bound[n:]; ; {
		if i := sort.Search(runes, func(i int) bool { return string(nth(i)) >= rest }); i < runes {
			return bound[:n] + string(nth(i)), true
		}
		if n == 0 {
			return "", false
		}
		// Nothing with this beginning is large enough: one with a larger last rune.
		_, size := utf8.DecodeLastRuneInString(bound[:n])
		rest = bound[n-size:n] + "\xff"
		n -= size
	}
}

// runes counts the code points that a name can hold: all but NUL and surrogates.
const runes = utf8.MaxRune - 0x800

// nth returns the i-th of them. Their order is that of their UTF-8.
func nth(i int) rune {
	if r := rune(i + 1); r < 0xd800 {
		return r
	}
	return rune(i + 1 + 0x800)
}
