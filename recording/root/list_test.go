package root_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"polity/city"
	"polity/recording/root"
)

var listed = time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)

func TestListsOfHours(t *testing.T) {
	all := hashes(5)
	lists := []root.List{{Hour: listed, Segments: all}, {Hour: listed.Add(time.Hour), Segments: all[:1]}}
	b := root.AppendLists(nil, lists...)
	got, err := root.ParseLists(b)
	if err != nil || len(got) != 2 || !got[1].Hour.Equal(lists[1].Hour) || !slices.Equal(got[0].Segments, all) {
		t.Errorf("%+v, %v", got, err)
	}
	one := root.AppendLists(nil, lists[0])
	for name, wrong := range map[string][]byte{
		"cut off": b[:len(b)-1], "a head cut off": b[:7], "the same hour twice": slices.Concat(one, one), "falling": slices.Concat(root.AppendLists(nil, lists[1]), one),
		"no hour's beginning": root.AppendLists(nil, root.List{Hour: listed.Add(time.Second), Segments: all}), "of nothing": root.AppendLists(nil, root.List{Hour: listed}),
		"before 1970": bytes.Repeat([]byte{255}, 44), "more than any hour has": append(root.AppendLists(nil, root.List{Hour: listed})[:8], 255, 255, 255, 255),
	} {
		if _, err := root.ParseLists(wrong); err == nil || city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatAListIsOf(t *testing.T) {
	all := hashes(5)
	l := root.List{Hour: listed, Segments: all}
	if top := root.Of(all); !l.Is(5, top) || l.Is(4, top) || l.Is(5, root.Of(all[:4])) {
		t.Error("a list of another count or root")
	}
	for name, c := range map[string]struct {
		some  []root.Hash
		holds bool
	}{
		"none": {nil, true}, "all": {all, true}, "with gaps": {[]root.Hash{all[1], all[4]}, true}, "another order": {[]root.Hash{all[4], all[1]}, false},
		"one twice": {[]root.Hash{all[1], all[1]}, false}, "another hour's": {[]root.Hash{all[1], {9}}, false},
	} {
		if l.Holds(c.some) != c.holds {
			t.Errorf("%s: %v", name, !c.holds)
		}
	}
}
