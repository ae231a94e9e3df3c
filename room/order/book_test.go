package order_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/order"
	"polity/service"
)

// rules lets operators see and give their desk's orders, auditors see all, and crews
// do theirs.
type rules struct{}

func (rules) Decide(who access.Who, do access.Action, on access.Thing, _ access.Circumstances) access.Decision {
	operates := map[access.Role]city.Slug{
		access.SafetyOperator: access.Safety, access.WaterOperator: access.Water, access.TrafficOperator: access.Traffic,
	}
	for role, desk := range operates {
		if who.Has(role) && on.ID == string(desk) && (do == access.SeeOrders || do == access.GiveOrder) {
			return access.Decision{Allowed: true}
		}
	}
	if who.Has(access.Auditor) && do == access.SeeOrders || who.Has(access.Crew) && (do == access.DoOrder || do == access.SeeOrders) {
		return access.Decision{Allowed: true}
	}
	return access.Decision{Why: "this takes the operator's role of the desk"}
}

func person(id string, roles ...access.Role) order.Asker {
	return order.Asker{Who: access.Who{Kind: access.Person, ID: id, Name: "Name of " + id, Roles: roles}}
}

var (
	water   = person("w1", access.WaterOperator)
	traffic = person("t1", access.TrafficOperator)
	auditor = person("a1", access.Auditor)
	anna    = person("c-anna", access.Crew)
	ben     = person("c-ben", access.Crew)
	cleo    = person("c-cleo", access.Crew)
	public  = order.Asker{}
)

func roster() *order.Crews {
	return &order.Crews{
		List: []order.CrewConfig{
			{Name: "pipes-north", Title: "Pipes north", Desks: []city.Slug{access.Water}, Members: []string{"c-anna", "c-ben"}},
			{Name: "signals", Title: "Signals", Desks: []city.Slug{access.Traffic}, Members: []string{"c-cleo"}},
		},
		Persons: func(context.Context, city.Slug) ([]order.Assignee, error) {
			return []order.Assignee{{Person: "c-anna", Name: "Anna"}, {Person: "c-cleo", Name: "Cleo"}}, nil
		},
	}
}

var afternoon = time.Date(2026, 11, 24, 12, 32, 20, 0, time.UTC)

type testClock struct{ s atomic.Int64 }

func (c *testClock) now() time.Time           { return afternoon.Add(time.Duration(c.s.Load())) }
func (c *testClock) forward(by time.Duration) { c.s.Add(int64(by)) }

func open(t testing.TB, path string) (*order.Book, *testClock) {
	t.Helper()
	c := &testClock{}
	b, err := order.Open(context.Background(), order.Config{Path: path, Decider: rules{}, Roster: roster(), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b, c
}

func newBook(t testing.TB) (*order.Book, *testClock) {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "orders.db"))
}

var keys atomic.Int64

func key() string { return fmt.Sprintf("key-of-a-request-%d", keys.Add(1)) }

func leak() order.NewOrder {
	return order.NewOrder{Desk: access.Water, Content: order.Content{Kind: "leak", Task: "Find the leak and close the valve above it.", Asset: "urn:ngsi-ld:Pipe:p12", Where: "Mannerheimintie 5", Place: &city.Point{Lon: 24.94, Lat: 60.17}, Priority: order.Urgent}}
}

// given makes an order that was given to somebody.
func given(t testing.TB, b *order.Book, to order.Assignee) order.Order {
	t.Helper()
	n := leak()
	n.Assigned = to
	o, err := b.Make(t.Context(), water, key(), n)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

var toAnna, toNorth = order.Assignee{Person: "c-anna"}, order.Assignee{Crew: "pipes-north"}

func do(t testing.TB, b *order.Book, by order.Asker, id string, states ...order.State) (o order.Order) {
	t.Helper()
	for _, s := range states {
		var err error
		if o, err = b.Do(t.Context(), by, key(), id, order.Step{To: s}); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func kind(t testing.TB, what string, err error, want city.Kind) {
	t.Helper()
	if err == nil || city.KindOf(err) != want {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestFromDraftToDone(t *testing.T) {
	b, clock := newBook(t)
	o, err := b.Make(t.Context(), water, key(), leak())
	if err != nil || o.State != order.Draft || o.Number != 1 || o.Revision != 1 {
		t.Fatalf("%+v, %v", o, err)
	}
	if o, err = b.Decide(t.Context(), water, key(), o.ID, o.Revision, order.Given, toNorth); err != nil || o.Assigned.Name != "Pipes north" {
		t.Fatalf("%+v, %v", o, err)
	}
	clock.forward(time.Hour)
	told := clock.now().Add(-40 * time.Minute)
	if o, err = b.Do(t.Context(), anna, key(), o.ID, order.Step{To: order.Accepted, Told: told}); err != nil {
		t.Fatal(err)
	}
	do(t, b, ben, o.ID, order.OnTheWay, order.AtThePlace) // of the same crew
	o, err = b.Do(t.Context(), anna, key(), o.ID, order.Step{To: order.Done, Note: " Valve 4 is closed.\r\nDug up the kerb. ", Told: clock.now().Add(time.Hour)})
	if err != nil || o.State != order.Done || o.Closed == nil {
		t.Fatalf("%+v, %v", o, err)
	}
	kept, err := b.Get(t.Context(), auditor, o.ID)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, e := range kept.Timeline {
		said = append(said, fmt.Sprintf("%s %s %s %q", e.Name, e.What, e.State, e.Text))
	}
	want := []string{
		`Name of w1 made  ""`, `Name of w1 state given "Pipes north"`, `Name of c-anna state accepted ""`, `Name of c-ben state on-the-way ""`,
		`Name of c-ben state at-the-place ""`, `Name of c-anna state done "Valve 4 is closed.\nDug up the kerb."`,
	}
	if !slices.Equal(said, want) {
		t.Errorf("timeline:\n%s", strings.Join(said, "\n"))
	}
	if e := kept.Timeline[2]; e.Told == nil || !e.Told.Equal(told) {
		t.Errorf("what was told late says %v", e.Told)
	}
	if e := kept.Timeline[5]; e.Told != nil {
		t.Errorf("what lies in the future was believed: %v", e.Told)
	}
}

// Whoever may not see an order hears the same as of one that does not exist, whatever
// they try, and nothing happens.
func TestGuessedOrdersDoNotExist(t *testing.T) {
	b, _ := newBook(t)
	o := given(t, b, toAnna)
	draft, err := b.Make(t.Context(), water, key(), leak())
	if err != nil {
		t.Fatal(err)
	}
	for who, by := range map[string]order.Asker{"another desk": traffic, "another crew": cleo, "a colleague whom it was not given to": ben, "a person of no role": person("n")} {
		for _, id := range []string{o.ID, draft.ID, "o-aaaaaaaaaaaaaaaa", "../orders", "", "1"} {
			_, get := b.Get(t.Context(), by, id)
			_, step := b.Do(t.Context(), by, key(), id, order.Step{To: order.Accepted})
			_, note := b.Note(t.Context(), by, key(), id, "hello", time.Time{})
			_, edit := b.Edit(t.Context(), by, key(), id, 1, leak().Content)
			_, cancel := b.Decide(t.Context(), by, key(), id, 1, order.Cancelled, order.Assignee{})
			_, photo := b.AddPhoto(t.Context(), by, key(), id, order.Upload{Stage: order.Before, JPEG: []byte("x")})
			_, see := b.Photo(t.Context(), by, id, "p-aaaaaaaaaaaaaaaa")
			share := b.Share(t.Context(), by, id, city.Point{})
			for what, err := range map[string]error{"get": get, "do": step, "note": note, "edit": edit, "cancel": cancel, "photo": photo, "see a photo": see, "share": share, "hide": b.Hide(t.Context(), by, id)} {
				if city.KindOf(err) != city.NotFound || err.Error() != "there is no such work order for you" {
					t.Errorf("%s: %s %s: %v", who, what, id, err)
				}
			}
		}
		if list, err := b.Mine(t.Context(), by); err != nil || len(list) > 0 {
			t.Errorf("%s has %v, %v", who, list, err)
		}
	}
	if list, total, err := b.List(t.Context(), anna, order.Filter{}); err != nil || total != 0 || len(list) != 0 {
		t.Errorf("a crew lists %d orders, %v", total, err)
	}
	if now, err := b.Get(t.Context(), water, o.ID); err != nil || now.Revision != o.Revision || len(now.Timeline) != 2 {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestEachDoesTheirPartAlone(t *testing.T) {
	b, _ := newBook(t)
	o := given(t, b, toAnna)
	_, err := b.Edit(t.Context(), anna, key(), o.ID, o.Revision, leak().Content)
	kind(t, "a crew edits", err, city.Forbidden)
	_, err = b.Decide(t.Context(), anna, key(), o.ID, o.Revision, order.Cancelled, order.Assignee{})
	kind(t, "a crew cancels", err, city.Forbidden)
	_, err = b.Do(t.Context(), anna, key(), o.ID, order.Step{To: order.Cancelled})
	kind(t, "a crew cancels by a step", err, city.Conflict)
	_, err = b.Do(t.Context(), anna, key(), o.ID, order.Step{To: order.Given})
	kind(t, "a crew gives by a step", err, city.Conflict)
	_, err = b.Do(t.Context(), water, key(), o.ID, order.Step{To: order.Accepted})
	kind(t, "a desk accepts", err, city.Forbidden)
	_, err = b.Note(t.Context(), auditor, key(), o.ID, "hello", time.Time{})
	kind(t, "an auditor notes", err, city.Forbidden)
	_, err = b.Decide(t.Context(), auditor, key(), o.ID, o.Revision, order.Cancelled, order.Assignee{})
	kind(t, "an auditor cancels", err, city.Forbidden)
	_, err = b.Make(t.Context(), traffic, key(), leak())
	kind(t, "another desk makes", err, city.Forbidden)
	_, err = b.Make(t.Context(), public, key(), leak())
	kind(t, "the public makes", err, city.Forbidden)
	_, err = b.Do(t.Context(), public, key(), o.ID, order.Step{To: order.Accepted})
	kind(t, "the public accepts", err, city.Forbidden)
	if _, err = b.Decide(t.Context(), water, key(), o.ID, o.Revision, order.Draft, order.Assignee{}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Get(t.Context(), anna, o.ID)
	kind(t, "what was taken back", err, city.NotFound)
}

func TestRepeatedRequestsAreDoneOnce(t *testing.T) {
	b, _ := newBook(t)
	k := key()
	var all sync.WaitGroup
	ids := make([]string, 20)
	for i := range ids {
		all.Go(func() {
			o, err := b.Make(t.Context(), water, k, leak())
			if err != nil {
				t.Error(err)
			}
			ids[i] = o.ID
		})
	}
	all.Wait()
	if len(slices.Compact(ids)) != 1 {
		t.Errorf("one request made %v", ids)
	}
	o := given(t, b, toAnna)
	k = key()
	for range 3 {
		if _, err := b.Do(t.Context(), anna, k, o.ID, order.Step{To: order.Accepted}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.Do(t.Context(), anna, k, o.ID, order.Step{To: order.OnTheWay})
	kind(t, "a key used for another step", err, city.Conflict)
	_, err = b.Note(t.Context(), anna, k, o.ID, "hello", time.Time{})
	kind(t, "a key used for a note", err, city.Conflict)
	now, err := b.Get(t.Context(), water, o.ID)
	if err != nil || len(now.Timeline) != 3 || now.State != order.Accepted {
		t.Errorf("%+v, %v", now, err)
	}
	// Another person's key of the same letters is another key.
	if _, err := b.Note(t.Context(), water, k, o.ID, "Bring the long key.", time.Time{}); err != nil {
		t.Error(err)
	}
	// Done, then taken away: the repeated request hears that it was done, and no more.
	now, _ = b.Get(t.Context(), water, o.ID)
	if _, err := b.Decide(t.Context(), water, key(), o.ID, now.Revision, order.Given, order.Assignee{Crew: "pipes-north"}); err != nil {
		t.Fatal(err)
	}
	o2 := given(t, b, order.Assignee{Person: "c-cleo"})
	k2 := key()
	do1 := func() (order.Order, error) { return b.Do(t.Context(), cleo, k2, o2.ID, order.Step{To: order.Accepted}) }
	first, err := do1()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Decide(t.Context(), water, key(), o2.ID, first.Revision, order.Given, toAnna); err != nil {
		t.Fatal(err)
	}
	if again, err := do1(); err != nil || again.Task != "" || again.ID != o2.ID {
		t.Errorf("%+v, %v", again, err)
	}
	for _, bad := range []string{"", "short", strings.Repeat("k", 65), "key-with-a-slash-/-in", "key-with-ünicode-in-it"} {
		_, err := b.Make(t.Context(), water, bad, leak())
		kind(t, "key "+bad, err, city.Invalid)
	}
}

func TestOfParallelStepsOneWins(t *testing.T) {
	b, _ := newBook(t)
	for range 10 {
		o := given(t, b, toNorth)
		var won, lost atomic.Int32
		var all sync.WaitGroup
		try := func(f func() error) {
			all.Go(func() {
				switch err := f(); {
				case err == nil:
					won.Add(1)
				case city.KindOf(err) == city.Conflict, city.KindOf(err) == city.NotFound: // it was taken back
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		for _, by := range []order.Asker{anna, ben, anna, ben} {
			try(func() error {
				_, err := b.Do(t.Context(), by, key(), o.ID, order.Step{To: order.Cannot, Reason: "weather"})
				return err
			})
			try(func() error {
				_, err := b.Decide(t.Context(), water, key(), o.ID, o.Revision, order.Draft, order.Assignee{})
				return err
			})
		}
		all.Wait()
		now, err := b.Get(t.Context(), water, o.ID)
		if err != nil || len(now.Timeline) != 3 || now.Revision != 2 || won.Load() != 1 {
			t.Errorf("%d won, %d lost: %+v, %v", won.Load(), lost.Load(), now, err)
		}
	}
}

func TestChangesInBetweenAreSeen(t *testing.T) {
	b, _ := newBook(t)
	o := given(t, b, toAnna)
	do(t, b, anna, o.ID, order.Accepted)
	c := leak().Content
	c.Task = "Another street."
	_, err := b.Edit(t.Context(), water, key(), o.ID, o.Revision, c)
	kind(t, "an edit of what was seen before", err, city.Conflict)
	_, err = b.Decide(t.Context(), water, key(), o.ID, o.Revision, order.Cancelled, order.Assignee{})
	kind(t, "a cancellation of what was seen before", err, city.Conflict)
	if _, err := b.Edit(t.Context(), water, key(), o.ID, o.Revision+1, c); err != nil {
		t.Error(err)
	}
}

func TestWhatPeopleWriteIsChecked(t *testing.T) {
	b, _ := newBook(t)
	for name, spoil := range map[string]func(*order.NewOrder){
		"a kind of another desk": func(n *order.NewOrder) { n.Kind = "signal-fault" },
		"no kind":                func(n *order.NewOrder) { n.Kind = "" },
		"no priority":            func(n *order.NewOrder) { n.Priority = "" },
		"no task":                func(n *order.NewOrder) { n.Task = " \n " },
		"a long task":            func(n *order.NewOrder) { n.Task = strings.Repeat("ä", order.TaskMax+1) },
		"a task in no UTF-8":     func(n *order.NewOrder) { n.Task = "dig\xff" },
		"a task with an escape":  func(n *order.NewOrder) { n.Task = "dig\x1b[2J" },
		"a task read backwards":  func(n *order.NewOrder) { n.Task = "dig \u202e here" },
		"a place of two lines":   func(n *order.NewOrder) { n.Where = "here\nthere" },
		"an asset with markup":   func(n *order.NewOrder) { n.Asset = "<b>" },
		"a place in space":       func(n *order.NewOrder) { n.Place = &city.Point{Lon: 400} },
		"no place": func(n *order.NewOrder) {
			n.Place, n.Asset, n.Where = nil, "", ""
		},
		"a due date of long ago": func(n *order.NewOrder) { d := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); n.Due = &d },
		"a stranger":             func(n *order.NewOrder) { n.Assigned = order.Assignee{Person: "somebody"} },
		"another desk's crew":    func(n *order.NewOrder) { n.Assigned = order.Assignee{Crew: "signals"} },
		"two assignees":          func(n *order.NewOrder) { n.Assigned = order.Assignee{Crew: "pipes-north", Person: "c-anna"} },
		"a source of no kind":    func(n *order.NewOrder) { n.Source = order.Source{From: "rumour", Key: "1"} },
		"an alert with a reason": func(n *order.NewOrder) { n.Source = order.Source{From: order.FromAlert, Key: "1", Reason: "x"} },
		"a decision by hand":     func(n *order.NewOrder) { n.Source = order.Source{From: order.FromDecision, Key: "1"} },
	} {
		n := leak()
		spoil(&n)
		_, err := b.Make(t.Context(), water, key(), n)
		kind(t, name, err, city.Invalid)
	}
	o := given(t, b, toAnna)
	for name, s := range map[string]order.Step{
		"no reason": {To: order.Cannot}, "an unknown reason": {To: order.Cannot, Reason: "tired"}, "a reason for what goes on": {To: order.Accepted, Reason: "weather"},
		"an unknown state": {To: "gone"}, "a long note": {To: order.Accepted, Note: strings.Repeat("x", order.NoteMax+1)},
	} {
		_, err := b.Do(t.Context(), anna, key(), o.ID, s)
		kind(t, name, err, city.Invalid)
	}
	_, err := b.Note(t.Context(), anna, key(), o.ID, "  ", time.Time{})
	kind(t, "an empty note", err, city.Invalid)
	if _, total, err := b.List(t.Context(), water, order.Filter{}); err != nil || total != 1 {
		t.Errorf("%d orders, %v", total, err)
	}
}

func TestListsAreFiltered(t *testing.T) {
	b, _ := newBook(t)
	first := given(t, b, toAnna)
	n := leak()
	n.Kind, n.Priority, n.Task, n.Source = "valve", order.Routine, "Grease 100% of it_", order.Source{From: order.FromAlert, Key: "alert-7"}
	if _, err := b.Make(t.Context(), water, key(), n); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Make(t.Context(), traffic, key(), order.NewOrder{Desk: access.Traffic, Content: order.Content{Kind: "sign", Task: "Turn it.", Where: "here", Priority: order.Soon}}); err != nil {
		t.Fatal(err)
	}
	do(t, b, anna, first.ID, order.Accepted, order.AtThePlace, order.Done)
	for name, c := range map[string]struct {
		by   order.Asker
		f    order.Filter
		want []int64
	}{
		"a desk's":         {water, order.Filter{}, []int64{2, 1}},
		"an auditor's":     {auditor, order.Filter{}, []int64{3, 2, 1}},
		"open":             {water, order.Filter{Open: true}, []int64{2}},
		"by state":         {water, order.Filter{State: order.Done}, []int64{1}},
		"by kind":          {water, order.Filter{Kind: "valve"}, []int64{2}},
		"by priority":      {auditor, order.Filter{Priority: order.Soon}, []int64{3}},
		"another desk's":   {water, order.Filter{Desk: access.Traffic}, nil},
		"of an alert":      {water, order.Filter{From: order.FromAlert, Key: "alert-7"}, []int64{2}},
		"by words":         {water, order.Filter{Search: "100%"}, []int64{2}},
		"by a wildcard":    {water, order.Filter{Search: "1_0"}, nil},
		"by number":        {water, order.Filter{Search: "#1"}, []int64{1}},
		"by place":         {water, order.Filter{Search: "mannerheim"}, []int64{2, 1}},
		"the second alone": {auditor, order.Filter{Skip: 1, Limit: 1}, []int64{2}},
	} {
		list, _, err := b.List(t.Context(), c.by, c.f)
		var got []int64
		for _, o := range list {
			got = append(got, o.Number)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}

func TestOpenOrdersAreBounded(t *testing.T) {
	b, err := order.Open(t.Context(), order.Config{Path: filepath.Join(t.TempDir(), "o.db"), Decider: rules{}, Roster: roster(), Open: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for range 3 {
		given(t, b, toAnna)
	}
	_, err = b.Make(t.Context(), water, key(), leak())
	kind(t, "the fourth", err, city.TooLarge)
	list, err := b.Mine(t.Context(), anna)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d, %v", len(list), err)
	}
	for range 400 {
		if _, err = b.Note(t.Context(), anna, key(), list[0].ID, "again", time.Time{}); err != nil {
			break
		}
	}
	kind(t, "notes without end", err, city.TooLarge)
}

func TestServicesMakeOrdersOnce(t *testing.T) {
	b, _ := newBook(t)
	at := afternoon
	d := service.Decision{ID: "leak-17", Service: "water", Level: service.Bounded, Algorithm: "leak-search", At: at, Reason: "The night flow of zone 3 rose.", Inputs: []service.Input{{Entity: "urn:x", At: at}}}
	var all sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		all.Go(func() {
			o, err := b.FromService(t.Context(), d, leak().Content, toNorth)
			if err != nil || o.State != order.Given || o.Source.Reason != d.Reason {
				t.Errorf("%+v, %v", o, err)
			}
			ids[i] = o.ID
		})
	}
	all.Wait()
	if len(slices.Compact(ids)) != 1 {
		t.Errorf("one decision made %v", ids)
	}
	for _, level := range []service.Level{service.Advice, service.Confirm} {
		d.ID, d.Level = "leak-"+string(level), level
		if o, err := b.FromService(t.Context(), d, leak().Content, toNorth); err != nil || o.State != order.Draft || !o.Assigned.None() {
			t.Errorf("%s: nobody agreed, and the order is %s for %v, %v", level, o.State, o.Assigned, err)
		}
	}
	d.ID, d.Reason = "leak-18", ""
	_, err := b.FromService(t.Context(), d, leak().Content, toNorth)
	kind(t, "a decision without a reason", err, city.Invalid)
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "orders.db")
	b, _ := open(t, path)
	given(t, b, toAnna)
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if i, err := os.Stat(f); err != nil || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, i.Mode(), err)
		}
	}
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := order.Open(t.Context(), order.Config{Path: text, Decider: rules{}}); err == nil || !strings.Contains(err.Error(), "damaged or no database") {
		t.Error(err)
	}
	for name, statement := range map[string]string{"newer": "PRAGMA user_version = 99", "foreign": "PRAGMA application_id = 7"} {
		copied := filepath.Join(dir, name+".db")
		o, err := order.Open(t.Context(), order.Config{Path: copied, Decider: rules{}})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		runSQL(t, copied, statement)
		if _, err := order.Open(t.Context(), order.Config{Path: copied, Decider: rules{}}); city.KindOf(err) != city.Conflict {
			t.Errorf("%s: %v", name, err)
		}
	}
}
