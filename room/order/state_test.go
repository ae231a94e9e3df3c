package order_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/city"
	"polity/room/order"
)

// allowed is the table of docs/formats/orders.md, written out a second time.
var allowed = map[string]string{
	"draft given": "desk", "draft cancelled": "desk",
	"given draft": "desk", "given given": "desk", "given accepted": "crew", "given cannot": "crew", "given cancelled": "desk",
	"accepted on-the-way": "crew", "accepted at-the-place": "crew", "accepted cannot": "crew", "accepted given": "desk", "accepted cancelled": "desk",
	"on-the-way at-the-place": "crew", "on-the-way cannot": "crew", "on-the-way given": "desk", "on-the-way cancelled": "desk",
	"at-the-place done": "crew", "at-the-place cannot": "crew", "at-the-place cancelled": "desk",
	"cannot given": "desk", "cannot cancelled": "desk",
}

// Whatever desk and crew try, in any order: what the table allows happens and nothing
// else does, what is refused changes nothing, a refusal says what is possible, and the
// timeline tells every state since the first.
func TestStatesFollowTheTable(t *testing.T) {
	b, clock := newBook(t)
	rapid.Check(t, func(r *rapid.T) {
		o, err := b.Make(t.Context(), water, key(), leak())
		if err != nil {
			r.Fatal(err)
		}
		state, who := order.Draft, order.Assignee{}
		history := []order.State{}
		for range rapid.IntRange(1, 14).Draw(r, "steps") {
			clock.forward(time.Second)
			to := rapid.SampledFrom(order.States()).Draw(r, "to")
			byCrew := rapid.Bool().Draw(r, "crew")
			side, next := "desk", rapid.SampledFrom([]order.Assignee{toAnna, toNorth}).Draw(r, "assignee")
			var err error
			if byCrew {
				side = "crew"
				s := order.Step{To: to}
				if to == order.Cannot {
					s.Reason = "weather"
				}
				_, err = b.Do(t.Context(), anna, key(), o.ID, s)
			} else {
				_, err = b.Decide(t.Context(), water, key(), o.ID, o.Revision, to, next)
			}
			legal := allowed[string(state)+" "+string(to)] == side
			if state == order.Given && to == order.Given && next == (order.Assignee{Person: who.Person, Crew: who.Crew}) {
				legal = false // they have it
			}
			if legal != (err == nil) {
				r.Fatalf("%s to %s by the %s: %v", state, to, side, err)
			}
			if err == nil {
				if state = to; to == order.Given {
					who = next
				} else if to == order.Draft {
					who = order.Assignee{}
				}
				history = append(history, to)
			}
			checkRefusal(r, err, state, byCrew, who.None())
			now, err := b.Get(t.Context(), water, o.ID)
			if err != nil {
				r.Fatal(err)
			}
			checkOrder(r, &now, state, who, history)
			o = now
		}
	})
}

func checkRefusal(r *rapid.T, err error, state order.State, byCrew, nobodys bool) {
	if err == nil || (byCrew && nobodys && city.KindOf(err) == city.NotFound) {
		return
	}
	if city.KindOf(err) != city.Conflict {
		r.Fatalf("refused with %v", err)
	}
	possible := state.DeskSteps()
	if byCrew {
		possible = state.CrewSteps()
	}
	for _, p := range possible {
		word := strings.ReplaceAll(string(p), "-", " ")
		if p == order.Cannot {
			word = "reported as impossible"
		}
		if !strings.Contains(err.Error(), word) && !strings.Contains(err.Error(), "already") {
			r.Fatalf("%q does not say that %q is possible", err, word)
		}
	}
}

func checkOrder(r *rapid.T, o *order.Order, state order.State, who order.Assignee, history []order.State) {
	var told []order.State
	for _, e := range o.Timeline {
		if e.What == order.WasMoved {
			told = append(told, e.State)
		}
	}
	switch {
	case o.State != state || !slices.Equal(told, history):
		r.Fatalf("%s, want %s; told %v, want %v", o.State, state, told, history)
	case o.Assigned.Person != who.Person || o.Assigned.Crew != who.Crew:
		r.Fatalf("given to %v, want %v", o.Assigned, who)
	case o.Revision != int64(len(history))+1:
		r.Fatalf("revision %d after %d steps", o.Revision, len(history))
	case (o.Closed != nil) != state.Closed():
		r.Fatalf("%s is closed %v", state, o.Closed)
	}
}
