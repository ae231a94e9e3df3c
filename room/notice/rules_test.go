package notice

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
)

func TestWhatIsToldToWhom(t *testing.T) {
	every, water, fire, loud := newHook(t), newHook(t), newHook(t), newHook(t)
	all, onlyWater, onlyKind, onlyFirst := to(every, "all"), to(water, "water"), to(fire, "fire"), to(loud, "loud")
	all.Priority, onlyWater.Desks, onlyKind.Kinds, onlyFirst.Priority = 4, []city.Slug{access.Water}, []city.Slug{"fire"}, 1
	v := newTown(t, all, onlyWater, onlyKind, onlyFirst)
	v.open()
	v.tell(
		v.alert("a:1"), v.alert("a:2", atDesk(access.Traffic)), v.alert("a:3", priority(4)), v.alert("a:4", priority(1)),
		v.alert("a:5", func(a *Alert) { a.Kind = "fire" }), v.alert("a:6", func(a *Alert) { a.Quiet = true }), v.alert("a:7", acknowledged), v.alert("a:8", closed),
		v.alert("a:9", func(a *Alert) { a.New, a.Snoozed = false, true }),
	)
	v.sent()
	for name, c := range map[string]struct {
		h    *hook
		want string
	}{
		"all": {every, "opened:a:4 opened:a:1 opened:a:2 opened:a:5 opened:a:3"}, "water": {water, "opened:a:4 opened:a:1 opened:a:5"}, "fire": {fire, "opened:a:5"}, "loud": {loud, "opened:a:4"},
	} {
		if got := c.h.keys(); got != c.want {
			t.Errorf("%s heard %s, want %s", name, got, c.want)
		}
		if len(c.h.bad) > 0 {
			t.Errorf("%s: %v", name, c.h.bad)
		}
	}
	v.tell(v.alert("a:1"), v.alert("a:2"))
	v.restart()
	v.round()
	v.sent()
	if got := len(every.all()); got != 5 {
		t.Errorf("after a restart %d messages", got)
	}
}

func TestEachReasonIsToldOnce(t *testing.T) {
	h := newHook(t)
	v := newTown(t, to(h, "duty"))
	v.open()
	first, second := v.alert("a:1"), v.alert("a:2")
	v.tell(first, second)
	v.pass(4 * time.Minute)
	acknowledged(&second)
	v.tell(second)
	v.pass(2 * time.Minute)
	v.round()
	v.round()
	v.restart()
	v.round()
	v.sent()
	if got := h.keys(); got != "opened:a:1 opened:a:2 unacknowledged:a:1" {
		t.Errorf("heard %s", got)
	}
	first.Escalated = true
	second.Escalated, second.Priority = true, 1
	v.tell(first, second)
	v.tell(first, second)
	v.sent()
	if got := h.keys(); !strings.HasSuffix(got, "unacknowledged:a:1 escalated:a:2 escalated:a:1") {
		t.Errorf("heard %s", got)
	}
}

// TestAnAlertThatRises is told when it comes to count.
func TestAnAlertThatRises(t *testing.T) {
	h := newHook(t)
	v := newTown(t, to(h, "duty"))
	v.open()
	v.tell(v.alert("a:1", priority(3)))
	v.sent()
	if got := h.keys(); got != "" {
		t.Errorf("heard %s", got)
	}
	v.tell(v.alert("a:1", priority(2)))
	v.sent()
	if got := h.keys(); got != "opened:a:1" {
		t.Errorf("heard %s", got)
	}
}

func TestOnlySomeReasons(t *testing.T) {
	h := newHook(t)
	c := to(h, "duty")
	c.When, c.After = []Reason{Unacknowledged}, time.Minute
	v := newTown(t, c)
	v.open()
	v.tell(v.alert("a:1"))
	v.pass(61 * time.Second)
	v.round()
	v.sent()
	if got := h.keys(); got != "unacknowledged:a:1" {
		t.Errorf("heard %s", got)
	}
}

// TestStormsAreBundled: 50 alerts a second for five minutes, and never more than four
// messages in a minute, which count every alert.
func TestStormsAreBundled(t *testing.T) {
	h := newHook(t)
	c := to(h, "duty")
	c.PerMinute, c.When = 4, []Reason{Opened}
	v := newTown(t, c)
	v.open()
	made := 0
	var times []time.Time
	for second := range 300 {
		var list []Alert
		for range 50 {
			list = append(list, v.alert(fmt.Sprintf("a:%d", made)))
			made++
		}
		before := v.n.Counts().Sent
		v.tell(list...)
		v.sent()
		for range v.n.Counts().Sent - before {
			times = append(times, v.clock())
		}
		if second == 150 {
			v.restart() // the count of a minute outlives it
		}
		v.pass(time.Second)
	}
	v.pass(time.Minute)
	v.round()
	v.sent()
	for i := range times {
		if i >= 4 && times[i].Sub(times[i-4]) < time.Minute {
			t.Errorf("message %d came %v after the fourth before it", i, times[i].Sub(times[i-4]))
		}
	}
	told := 0
	for _, m := range h.all() {
		if m.Type == typeBundle {
			told += m.Data.Count
			sum := 0
			for _, k := range m.Data.Kinds {
				sum += k.Count
			}
			if sum != m.Data.Count {
				t.Errorf("%d of %d are counted by kind", sum, m.Data.Count)
			}
		} else {
			told++
		}
	}
	if told != made || len(h.all()) > 4*7 {
		t.Errorf("%d of %d alerts in %d messages", told, made, len(h.all()))
	}
}

// TestWhatIsHeldBackIsToldOnlyIfItStillCounts drops what somebody took on meanwhile.
func TestWhatIsHeldBackIsToldOnlyIfItStillCounts(t *testing.T) {
	h := newHook(t)
	c := to(h, "duty")
	c.PerMinute, c.When = 1, []Reason{Opened}
	v := newTown(t, c)
	v.open()
	v.tell(v.alert("a:1"))
	one, two, three := v.alert("a:2"), v.alert("a:3"), v.alert("a:4", priority(1))
	v.tell(one, two, three)
	acknowledged(&one)
	closed(&two)
	v.tell(one, two)
	if s := v.n.Channels()[0]; s.HeldBack != 1 {
		t.Errorf("%+v", s)
	}
	v.pass(time.Minute)
	v.round()
	v.sent()
	if got := h.keys(); got != "opened:a:1 opened:a:4" {
		t.Errorf("heard %s", got)
	}
}

// TestANewChannelHearsOfWhatComes and not of what was there before it.
func TestANewChannelHearsOfWhatComes(t *testing.T) {
	h := newHook(t)
	v := newTown(t, to(h, "duty"))
	v.source.set(v.alert("a:old"))
	v.open()
	v.round()
	v.tell(v.alert("a:new"))
	v.sent()
	if got := h.keys(); got != "opened:a:new" {
		t.Errorf("heard %s", got)
	}
	v.close() // an alert while no hub runs is told afterwards
	v.source.set(v.alert("a:between"))
	v.open()
	v.round()
	v.sent()
	if got := h.keys(); got != "opened:a:new opened:a:between" {
		t.Errorf("heard %s", got)
	}
	v.pass(6 * time.Minute)
	v.round()
	v.sent()
	if got := h.keys(); !strings.Contains(got, "unacknowledged:a:old") {
		t.Errorf("that an old one is unacknowledged later is news: %s", got)
	}
	v.close()
	other := newHook(t)
	v.cfg.Channels = []Channel{{Name: "other", Webhook: &Webhook{URL: other.URL, SecretFile: v.cfg.Channels[0].Webhook.SecretFile}}}
	v.open()
	v.round()
	v.sent()
	if got := other.keys(); got != "" {
		t.Errorf("the other heard %s", got)
	}
}

// TestWhatAMessageMayHold walks a message: these members and no others.
func TestWhatAMessageMayHold(t *testing.T) {
	h := newHook(t)
	c := to(h, "duty")
	c.PerMinute = 2
	v := newTown(t, c)
	v.open()
	v.tell(v.alert("a:1", func(a *Alert) { a.Title, a.Place = "Flood\r\nBcc: x", strings.Repeat("long ", 100) }), v.alert("a:2"), v.alert("a:3"))
	v.sent()
	allowed := strings.Fields("type id timestamp channel data data.key data.desk data.kind data.title data.priority data.place data.at data.link data.count data.kinds data.kinds.desk data.kinds.kind data.kinds.title data.kinds.priority data.kinds.count")
	for _, m := range h.all() {
		var x any
		if err := json.Unmarshal(m.encode(), &x); err != nil {
			t.Fatal(err)
		}
		for _, name := range members("", x) {
			if !slices.Contains(allowed, name) {
				t.Errorf("a message holds %s", name)
			}
		}
		if strings.ContainsAny(m.Data.Title, "\r\n") || len([]rune(m.Data.Place)) > mostPlace {
			t.Errorf("%+v", m.Data)
		}
		if !strings.HasPrefix(m.Data.Link, "https://polity.city.example/room") {
			t.Errorf("the link is %s", m.Data.Link)
		}
	}
	if got := h.keys(); got != "opened:a:1 bundle:2" {
		t.Errorf("heard %s", got)
	}
}

func members(path string, x any) (out []string) {
	switch x := x.(type) {
	case map[string]any:
		for k, v := range x {
			p := strings.TrimPrefix(path+"."+k, ".")
			out = append(append(out, p), members(p, v)...)
		}
	case []any:
		for _, v := range x {
			out = append(out, members(path, v)...)
		}
	}
	return out
}

// TestReopenedIsAnotherNotice: receivers that compare ids take it.
func TestReopenedIsAnotherNotice(t *testing.T) {
	h := newHook(t)
	v := newTown(t, to(h, "duty"))
	v.open()
	a := v.alert("a:1")
	v.tell(a)
	closed(&a)
	v.tell(a)
	again := v.alert("a:1", func(b *Alert) { b.At, b.Revision = a.At, 2 })
	v.tell(again)
	v.sent()
	if got := h.keys(); got != "opened:a:1 opened:a:1" || h.all()[0].ID == h.all()[1].ID {
		t.Errorf("heard %s, %v", got, h.all())
	}
}
