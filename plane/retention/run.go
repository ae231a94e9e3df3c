package retention

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"polity/plane"
)

// group is how many series are thinned out at a time.
const group = 500

// Held is the history of one attribute of one type of entities.
type Held struct {
	Type      string // "" where the entity is gone
	Attribute string
	Rule      *Rule // nil: kept for ever
	Series    int
	Thinned   plane.Thinned // what was done, or would be
}

// Run thins out all history that the rules are about. Left says which series they are not
// about: nil for none.
func Run(ctx context.Context, s plane.Thinner, rules Rules, now time.Time, left func(plane.Series) bool) ([]Held, error) {
	return rules.each(ctx, s, now, left, s.Thin)
}

// Plan says what Run would do, without doing it.
func Plan(ctx context.Context, s plane.Thinner, rules Rules, now time.Time, left func(plane.Series) bool) ([]Held, error) {
	return rules.each(ctx, s, now, left, s.WouldThin)
}

type heldKey struct{ kind, attribute string }

// each collects series of one kind and hands them on in groups. What was done before an
// error is returned with it.
func (r Rules) each(ctx context.Context, s plane.Thinner, now time.Time, left func(plane.Series) bool, do func(context.Context, []plane.Series, plane.Cut) (plane.Thinned, error)) ([]Held, error) {
	all := map[heldKey]*Held{}
	waiting := map[heldKey][]plane.Series{}
	flush := func(k heldKey) error {
		h, list := all[k], waiting[k]
		delete(waiting, k)
		if h.Rule == nil || len(list) == 0 {
			return nil
		}
		n, err := do(ctx, list, h.Rule.Cut(now))
		h.Thinned.Add(n)
		return err
	}
	err := s.EachSeries(ctx, func(x plane.Series, types []string) error {
		if left != nil && left(x) {
			return nil
		}
		k := heldKey{strings.Join(types, ", "), x.Attribute}
		if all[k] == nil {
			all[k] = &Held{Type: k.kind, Attribute: k.attribute, Rule: r.For(types, x.Attribute)}
		}
		all[k].Series++
		waiting[k] = append(waiting[k], x)
		if len(waiting[k]) >= group {
			return flush(k)
		}
		return nil
	})
	for k := range waiting {
		if err == nil {
			err = flush(k)
		}
	}
	list := make([]Held, 0, len(all))
	for _, h := range all {
		list = append(list, *h)
	}
	slices.SortFunc(list, func(a, b Held) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Attribute, b.Attribute))
	})
	return list, err
}
