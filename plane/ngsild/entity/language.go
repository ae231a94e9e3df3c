package entity

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// preferences orders a list of language ranges by their weights (RFC 9110, 12.5.4).
func preferences(list string) []string {
	type weighted struct {
		name string
		q    float64
	}
	var out []weighted
	for part := range strings.SplitSeq(list, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		w := weighted{strings.TrimSpace(name), 1}
		if text, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
			if q, err := strconv.ParseFloat(text, 64); err == nil {
				w.q = q
			}
		}
		if w.name != "" && w.q > 0 {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(a, b weighted) int { return cmp.Compare(b.q, a.q) })
	names := make([]string, len(out))
	for i, w := range out {
		names[i] = w.name
	}
	return names
}
