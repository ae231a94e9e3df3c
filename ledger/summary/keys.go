package summary

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
)

// holder is a body and a class of retention.
type holder struct{ body, class city.Slug }

func (h holder) compare(o holder) int {
	return cmp.Or(cmp.Compare(h.body, o.body), cmp.Compare(h.class, o.class))
}

// keys are the epoch keys of a holder.
type keys struct {
	days      map[canonical.Day]key
	published int64
	destroyed int64
}

type key struct {
	id   canonical.Hash
	gone bool // a device said so
}

func (f *Facts) keysOf(body, class city.Slug) *keys {
	k := f.keys[holder{body, class}]
	if k == nil {
		k = &keys{days: map[canonical.Day]key{}}
		f.keys[holder{body, class}] = k
	}
	return k
}

func (f *Facts) published(index int64, e *entry.EpochKey) {
	k, id := f.keysOf(e.Body, e.Class), e.ID()
	if old, known := k.days[e.Day]; known {
		if old.id != id {
			f.odd(index, "key-twice")
		}
		return // another device published the same
	}
	k.published++
	k.days[e.Day] = key{id: id}
	if len(k.days) > maxKeyDays {
		delete(k.days, slices.Min(slices.Collect(maps.Keys(k.days))))
	}
}

func (f *Facts) destroyed(e *entry.EpochKeyDestroyed) {
	k := f.keysOf(e.Body, e.Class)
	old, known := k.days[e.Day]
	if !known || old.id != e.KeyID || old.gone {
		return // of a day that is no longer looked at, or said by the body's other device too
	}
	k.destroyed++
	if e.Why != "due" { // nothing may be sealed to it, and another may be published for that day
		delete(k.days, e.Day)
		return
	}
	old.gone = true
	k.days[e.Day] = old
}

func (k *keys) at(h holder, now time.Time) EpochKeys {
	out := EpochKeys{Body: h.body, Class: h.class, Destroyed: k.destroyed, Published: k.published}
	today := canonical.Day(now.UTC().Format(time.DateOnly))
	for _, d := range slices.Sorted(maps.Keys(k.days)) {
		if k.days[d].gone {
			continue
		}
		if out.First == "" {
			out.First = d
		}
		if d < today {
			out.Kept++
		}
	}
	for d := today; ; d = canonical.Day(d.Time().AddDate(0, 0, 1).Format(time.DateOnly)) {
		if one, ok := k.days[d]; !ok || one.gone {
			return out
		}
		out.Ahead++
		out.Last = d
	}
}
