package docket_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/recording/share"
	"polity/release/docket"
	"polity/release/token"
)

// fails asserts an error's kind, and words in it.
func fails(t *testing.T, err error, kind city.Kind, words string) {
	t.Helper()
	if err == nil || city.KindOf(err) != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v (%s); want %s with %q", err, city.KindOf(err), kind, words)
	}
}

func TestFromARequestToPictures(t *testing.T) {
	w := newWorld(t)
	id := w.submitted()
	c, err := w.docket.Case(t.Context(), id)
	w.must(err)
	if c.Account != "aino" || c.Body != "police" || len(c.Cameras) != 2 || c.Code != token.Code(id) || c.Answers[share.Court].State != docket.Waiting || c.Index < 0 {
		t.Errorf("%+v", c)
	}
	list, err := w.docket.Segments(t.Context(), id)
	if err != nil || len(list) != 8 {
		t.Fatalf("%d segments, %v", len(list), err)
	}
	fetch := func() ([]byte, error) {
		var b bytes.Buffer
		err := w.docket.Ciphertext(t.Context(), id, "square", list[6].Name, 0, &b)
		return b.Bytes(), err
	}
	for i, body := range share.Bodies {
		request := w.request(id, body)
		if c, err := w.docket.Case(t.Context(), id); err != nil || c.Answers[body].Requested == "" {
			t.Errorf("the words of the request are not told: %v", err)
		}
		answer := w.approve(body, request)
		_, err := fetch()
		fails(t, err, city.Forbidden, "has not approved")
		w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(answer)))
		w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(answer))) // the same file again
		if i == 0 {
			fails(t, w.docket.WriteAnswer(t.Context(), id, body, new(bytes.Buffer)), city.Forbidden, "ombudsman has not approved")
		}
		c := w.isPublic(id, func(c *docket.Case) bool { return c.Answers[body].Public })
		if a := c.Answers[body]; a.Count != 8 || a.State != docket.Approved || a.Words != token.Words([32]byte(answer[len(answer)-32:])) {
			t.Errorf("%+v", a)
		}
	}
	_, err = fetch()
	fails(t, err, city.Forbidden, "release-opened")
	w.opens(id)
	file, err := fetch()
	w.must(err)
	if got := w.seen(id, file); got != "pictures of square2" {
		t.Errorf("the office sees %q", got)
	}
	var part bytes.Buffer
	w.must(w.docket.Ciphertext(t.Context(), id, "square", list[6].Name, 100, &part))
	if !bytes.Equal(part.Bytes(), file[100:]) {
		t.Error("from byte 100 on it is another file")
	}
	for name, err := range map[string]error{
		"another camera": w.docket.Ciphertext(t.Context(), id, "hospital", list[6].Name, 0, &part),
		"another time":   w.docket.Ciphertext(t.Context(), id, "square", docket.Name(w.filmed.Add(-time.Hour), 1), 0, &part),
	} {
		if city.KindOf(err) != city.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
	fails(t, w.docket.Ciphertext(t.Context(), id, "square", "../../etc/passwd", 0, &part), city.Invalid, "a segment's file is called")
	w.proofs(id)
}

// opens says in the log that the office opens a case.
func (w *world) opens(id canonical.Hash) {
	w.t.Helper()
	e := &entry.ReleaseOpened{At: canonical.At(time.Now()), Body: "police", Device: "police-1", Segments: 8, Token: id}
	w.must(entry.Sign(e, w.Devices["police-1"].Key))
	_, err := w.log.Append(w.t.Context(), e)
	w.must(err)
}

// proofs checks the proofs of a case that was granted, with a roster and nothing else.
func (w *world) proofs(id canonical.Hash) {
	w.t.Helper()
	files, err := w.docket.Proofs(w.t.Context(), id)
	w.must(err)
	size := int64(0)
	var types []entry.Type
	for _, f := range files {
		p, err := proof.ParseInclusion(f)
		w.must(err)
		e, c, err := p.Check(&w.Roster.Roster)
		w.must(err)
		types = append(types, entry.TypeOf(e))
		if size != 0 && c.Size != size {
			w.t.Error("the proofs are under different checkpoints")
		}
		size = c.Size
	}
	if len(types) == 4 && types[3] == "release-opened" { // it may be public by now
		types = types[:3]
	}
	if len(types) != 3 || types[0] != "release-requested" || types[1] != "release-approved" || types[2] != "release-approved" {
		w.t.Errorf("proofs of %v", types)
	}
}

func TestWhatMayNotBeSubmitted(t *testing.T) {
	w := newWorld(t)
	submit := func(change func(*token.Ask)) error {
		a := w.ask()
		change(&a)
		s, _ := w.submission(a)
		_, err := w.docket.Submit(t.Context(), "aino", s)
		return err
	}
	fails(t, submit(func(a *token.Ask) { a.Expires = time.Now().Add(-time.Minute) }), city.Invalid, "expired")
	fails(t, submit(func(a *token.Ask) { a.To = time.Now().Add(time.Hour) }), city.Invalid, "still to come")
	fails(t, submit(func(a *token.Ask) { a.Cameras = []city.Slug{"square", "hospital"} }), city.Invalid, "hospital")
	fails(t, submit(func(a *token.Ask) { a.From, a.To = a.From.Add(-2*time.Hour), a.From.Add(-time.Hour) }), city.NotFound, "nothing is recorded")
	s, _ := w.submission(w.ask())
	s.Cameras = s.Cameras[:1]
	_, err := w.docket.Submit(t.Context(), "aino", s)
	fails(t, err, city.Invalid, "names 1 cameras")
	if list, err := w.docket.Cases(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%d cases, %v", len(list), err)
	}
	n, err := w.log.State(t.Context())
	w.must(err)
	id := w.submitted()
	if m, err := w.log.State(t.Context()); err != nil || m.Size != n.Size+1 {
		t.Errorf("the log has %d entries more, %v", m.Size-n.Size, err)
	}
	if got := w.entriesOf(id); got["release-requested"] != 1 {
		t.Errorf("%v", got)
	}
}

// busy is an edge with more than a request can hold.
type busy struct {
	docket.Recordings
	asked int
}

func (b *busy) Segments(context.Context, city.Slug, time.Time, time.Time) ([]docket.Segment, error) {
	b.asked++
	return make([]docket.Segment, token.MaxRecords+1), nil
}

func TestMoreThanARequestHoldsIsNotLogged(t *testing.T) {
	w := newWorld(t)
	edge := &busy{}
	w.cfg.Recordings = edge
	w.must(w.docket.Close())
	w.open()
	s, e := w.submission(w.ask())
	_, err := w.docket.Submit(t.Context(), "aino", s)
	fails(t, err, city.TooLarge, "fewer cameras")
	if n := w.entriesOf(e.ID); len(n) > 0 || edge.asked != 1 {
		t.Errorf("the log has %v; edges were asked %d times", n, edge.asked)
	}
}

func TestTheSameSubmissionIsOneCase(t *testing.T) {
	w := newWorld(t)
	a := w.ask()
	e, details, err := token.New(&w.Roster.Roster, a, w.Devices["police-1"].Key)
	w.must(err)
	first, err := token.Submit(&w.Roster.Roster, e, details)
	w.must(err)
	sealedAnew, err := token.Submit(&w.Roster.Roster, e, details)
	w.must(err)
	var ids []canonical.Hash
	for _, s := range []*token.Submission{first, first, sealedAnew} {
		id, err := w.docket.Submit(t.Context(), "aino", s)
		w.must(err)
		ids = append(ids, id)
	}
	if list, err := w.docket.Cases(t.Context()); err != nil || len(list) != 1 || ids[0] != ids[2] || list[0].ID != ids[0] {
		t.Errorf("%v, %v", list, err)
	}
	w.isPublic(ids[0], func(c *docket.Case) bool { return c.Public })
	w.must(w.docket.Answer(t.Context(), ids[0], bytes.NewReader(w.approve(share.Court, w.request(ids[0], share.Court)))))
	_, err = w.docket.Submit(t.Context(), "aino", first)
	fails(t, err, city.Conflict, "a body has answered")
	// An edge that does not answer now keeps nobody from asking.
	w.cfg.Recordings.(*disk).away = city.Errorf(city.Unavailable, "the edge is away")
	id := w.submitted()
	_, err = w.docket.Request(t.Context(), id, share.Court, new(bytes.Buffer))
	fails(t, err, city.Unavailable, "the edge is away")
}

func TestAnswersThatDoNotFit(t *testing.T) {
	w := newWorld(t)
	id, other := w.submitted(), w.submitted()
	answer := w.approve(share.Court, w.request(id, share.Court))
	take := func(id canonical.Hash, file []byte) error {
		return w.docket.Answer(t.Context(), id, bytes.NewReader(file))
	}
	fails(t, take(other, answer), city.Conflict, "upload it there")
	for name, bad := range map[string][]byte{"cut off": answer[:len(answer)-1], "empty": nil, "a request": w.request(id, share.Court), "longer": append(bytes.Clone(answer), 0)} {
		if err := take(id, bad); city.KindOf(err) != city.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := 20; i < len(answer); i += 499 {
		bad := bytes.Clone(answer)
		bad[i] ^= 1
		if err := take(id, bad); city.KindOf(err) != city.Invalid || err == nil {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
	}
	w.must(take(id, answer))
	again := w.approveAgain(answer)
	fails(t, take(id, again), city.Conflict, "this is another one")
	_, err := w.docket.Request(t.Context(), id, share.Court, new(bytes.Buffer))
	fails(t, err, city.Conflict, "has answered")
	// A refusal is final, whatever comes behind it.
	request := w.request(other, share.Ombudsman)
	approval := w.approve(share.Ombudsman, request)
	refusal := w.refuse(share.Ombudsman, request)
	w.must(take(other, refusal))
	fails(t, take(other, approval), city.Conflict, "That is final")
	w.must(take(other, refusal))
	c := w.isPublic(other, func(c *docket.Case) bool { return c.Answers[share.Ombudsman].Public })
	if a := c.Answers[share.Ombudsman]; a.State != docket.Refused || a.Reason != "no-order" {
		t.Errorf("%+v", a)
	}
	fails(t, w.docket.WriteAnswer(t.Context(), other, share.Court, new(bytes.Buffer)), city.Forbidden, "refused")
	if n := w.entriesOf(other); n["release-approved"] != 0 || n["release-refused"] != 1 {
		t.Errorf("in the log: %v", n)
	}
	fails(t, take(canonical.Hash{1}, answer), city.NotFound, "there is no case")
}

// approveAgain is another approval of the same token by the same device, with an entry of its own.
func (w *world) approveAgain(file []byte) []byte {
	w.t.Helper()
	var b bytes.Buffer
	a := token.CreateAnswer(&b)
	e, _, err := token.ReadAnswer(bytes.NewReader(file), &w.Roster.Roster, a.Add)
	w.must(err)
	said, ok := e.(*entry.ReleaseApproved)
	if !ok {
		w.t.Fatal("no approval")
	}
	said.At = canonical.At(said.At.Time().Add(time.Second))
	w.must(entry.Sign(said, w.Devices[said.Device].Key))
	_, err = a.Close(said)
	w.must(err)
	return b.Bytes()
}

func TestAnAnswerToWhatIsNotPublicYet(t *testing.T) {
	w := newWorld(t)
	id := w.submitted()
	answer := w.approve(share.Court, w.request(id, share.Court))
	for _, witness := range w.Witnesses {
		witness.SetDown(true)
	}
	s, e := w.submission(w.ask())
	waits, err := w.docket.Submit(t.Context(), "aino", s)
	w.must(err)
	_, err = w.docket.Request(t.Context(), waits, share.Court, new(bytes.Buffer))
	fails(t, err, city.Conflict, "not public yet")
	forged := &entry.ReleaseApproved{At: canonical.At(time.Now()), Body: "court", Device: "court-1", Token: e.ID}
	var b bytes.Buffer
	a := token.CreateAnswer(&b)
	forged.Shares = a.Shares()
	w.must(entry.Sign(forged, w.Devices["court-1"].Key))
	_, err = a.Close(forged)
	w.must(err)
	fails(t, w.docket.Answer(t.Context(), waits, &b), city.Conflict, "nobody can have answered")
	// An approval that waits for witnesses hands nothing out.
	w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(answer)))
	if c, err := w.docket.Case(t.Context(), id); err != nil || c.Answers[share.Court].Public || c.Answers[share.Court].State != docket.Approved || c.Granted() {
		t.Errorf("%+v, %v", c, err)
	}
	fails(t, w.docket.WriteAnswer(t.Context(), id, share.Court, new(bytes.Buffer)), city.Forbidden, "ombudsman has not approved")
	for _, witness := range w.Witnesses {
		witness.SetDown(false)
	}
	w.isPublic(waits, func(c *docket.Case) bool { return c.Public })
}

// TestADeviceFollowsTheLog: each file brings the proof that the log only grew since what
// the device saw last.
func TestADeviceFollowsTheLog(t *testing.T) {
	w := newWorld(t)
	first := w.submitted()
	_, err := w.devices[share.Court].Examine(bytes.NewReader(w.request(first, share.Court)))
	w.must(err)
	for range 3 {
		id := w.submitted()
		file := w.request(id, share.Court)
		w.request(id, share.Court) // one that nobody carries
		w.approve(share.Court, file)
	}
	w.must(w.docket.Close())
	w.open()
	w.approve(share.Court, w.request(first, share.Court))
}

// TestADocketThatForgotWhatDevicesSaw: the size stands in the device's refusal.
func TestADocketThatForgotWhatDevicesSaw(t *testing.T) {
	w := newWorld(t)
	first := w.submitted()
	w.request(first, share.Court)
	r, err := w.devices[share.Court].Examine(bytes.NewReader(w.request(first, share.Court)))
	w.must(err)
	w.must(w.docket.Close())
	w.cfg.Path += "-new"
	w.open()
	id := w.submitted()
	_, err = w.devices[share.Court].Examine(bytes.NewReader(w.request(id, share.Court)))
	size := r.Checkpoint.Size
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("made anew from the %d", size)) {
		t.Fatalf("without a proof: %v", err)
	}
	var b bytes.Buffer
	_, err = w.docket.Request(t.Context(), id, share.Court, &b, size)
	w.must(err)
	w.approve(share.Court, b.Bytes())
	_, err = w.docket.Request(t.Context(), id, share.Court, &b, size+100)
	fails(t, err, city.Invalid, "another log")
}

// TestADeviceGetsTheRostersThatFollow: with the file, and an answer counts under the newest.
func TestADeviceGetsTheRostersThatFollow(t *testing.T) {
	w := newWorld(t)
	first := w.Roster
	files := [][]byte{first.File()}
	newest := first
	for version := 2; version <= 3; version++ {
		plain := w.Plain()
		plain.Version = version
		files = append(files, w.Sign(plain))
		var err error
		newest, err = newest.Next(files[version-1])
		w.must(err)
	}
	w.cfg.Roster, w.cfg.Rosters = func() *roster.Signed { return newest }, func() [][]byte { return files }
	w.must(w.docket.Close())
	w.open()
	for range 2 { // a device that has them already takes the file as well
		id := w.submitted()
		w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(w.approve(share.Court, w.request(id, share.Court)))))
	}
}

// TestWhatABodyPublishesItselfCounts: whatever the hub's administrators think, an entry
// in the log is one.
func TestWhatABodyPublishesItselfCounts(t *testing.T) {
	w := newWorld(t)
	id := w.submitted()
	answer := w.approve(share.Court, w.request(id, share.Court))
	e, _, err := token.ReadAnswer(bytes.NewReader(answer), &w.Roster.Roster, nil)
	w.must(err)
	_, err = w.log.Append(t.Context(), e)
	w.must(err)
	c := w.isPublic(id, func(c *docket.Case) bool { return c.Answers[share.Court].Public })
	if a := c.Answers[share.Court]; a.State != docket.Approved || a.Words != "" {
		t.Errorf("%+v", a)
	}
	w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(w.approve(share.Ombudsman, w.request(id, share.Ombudsman)))))
	w.isPublic(id, (*docket.Case).Granted)
	fails(t, w.docket.WriteAnswer(t.Context(), id, share.Court, new(bytes.Buffer)), city.NotFound, "was not uploaded")
	fails(t, w.docket.Answer(t.Context(), id, bytes.NewReader(w.approveAgain(answer))), city.Conflict, "published another approval")
	w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(answer)))
	var b bytes.Buffer
	w.must(w.docket.WriteAnswer(t.Context(), id, share.Court, &b))
	if !bytes.Equal(b.Bytes(), answer) || w.entriesOf(id)["release-approved"] != 2 {
		t.Error("the file is another one, or the entry came twice")
	}
	// A refusal that a body published itself is final as well.
	other := w.submitted()
	request := w.request(other, share.Court)
	refused, _, err := token.ReadAnswer(bytes.NewReader(w.refuse(share.Court, request)), &w.Roster.Roster, nil)
	w.must(err)
	_, err = w.log.Append(t.Context(), refused)
	w.must(err)
	fails(t, w.docket.Answer(t.Context(), other, bytes.NewReader(w.approve(share.Court, request))), city.Conflict, "That is final")
}

func TestNothingIsAskedForThatIsPastItsTime(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.cfg.Now = func() time.Time { return now }
	w.must(w.docket.Close())
	w.open()
	id := w.submitted()
	now = now.Add(49 * time.Hour)
	_, err := w.docket.Request(t.Context(), id, share.Court, new(bytes.Buffer))
	fails(t, err, city.Conflict, "expired")
	now = time.Now()
	w.recorder.Now = now.Add(25 * time.Hour) // the disk's time is over
	w.must(w.recorder.Store.Tend())
	_, err = w.docket.Request(t.Context(), id, share.Court, new(bytes.Buffer))
	fails(t, err, city.NotFound, "nothing is left")
}

func TestOpenedAndDisclosed(t *testing.T) {
	w := newWorld(t)
	a := w.ask()
	e, details, err := token.New(&w.Roster.Roster, a, w.Devices["police-1"].Key)
	w.must(err)
	s, err := token.Submit(&w.Roster.Roster, e, details)
	w.must(err)
	id, err := w.docket.Submit(t.Context(), "aino", s)
	w.must(err)
	say := func(x entry.Signed, device city.Slug) {
		w.must(entry.Sign(x, w.Devices[device].Key))
		_, err := w.log.Append(t.Context(), x)
		w.must(err)
	}
	publish := func(d token.Details) *entry.ReleaseDetails {
		return &entry.ReleaseDetails{
			At: canonical.At(time.Now()), Body: "court", Cameras: d.Cameras, Case: d.Case, Device: "court-1", From: d.From, Order: d.Order, Salts: &d.Salts, To: d.To, Token: id, What: "published",
		}
	}
	wrong := *details
	wrong.Case = "POL 2026/78"
	say(publish(wrong), "court-1")
	say(&entry.ReleaseDetails{At: canonical.At(time.Now()), Body: "court", Device: "court-1", PublicOn: "2027-12-01", Token: id, What: "extended"}, "court-1")
	c, err := w.docket.Case(t.Context(), id)
	if err != nil || c.Opened || c.Disclosed {
		t.Errorf("%+v, %v", c, err)
	}
	say(&entry.ReleaseOpened{At: canonical.At(time.Now()), Body: "police", Device: "police-1", Segments: 8, Token: id}, "police-1")
	say(publish(*details), "court-1")
	if c, err = w.docket.Case(t.Context(), id); err != nil || !c.Opened || !c.Disclosed {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestACaseThatIsOverIsForgotten: its details are public in the log; the hub needs none.
func TestACaseThatIsOverIsForgotten(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.cfg.Now = func() time.Time { return now }
	w.must(w.docket.Close())
	w.open()
	id := w.submitted()
	w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(w.approve(share.Court, w.request(id, share.Court)))))
	later := canonical.Day(now.AddDate(0, 8, 0).Format(time.DateOnly))
	e := &entry.ReleaseDetails{At: canonical.At(now), Body: "court", Device: "court-1", PublicOn: later, Token: id, What: "extended"}
	w.must(entry.Sign(e, w.Devices["court-1"].Key))
	_, err := w.log.Append(t.Context(), e)
	w.must(err)
	there := func() int {
		w.must(w.docket.Tend(t.Context()))
		list, err := w.docket.Cases(t.Context())
		w.must(err)
		files, err := os.ReadDir(filepath.Join(w.cfg.Path, "answers"))
		w.must(err)
		return len(list) + len(files)
	}
	for months, want := range map[int]int{0: 2, 7: 2, 8: 2} { // put off from 6 to 8
		now = time.Now().AddDate(0, months, 20)
		if got := there(); got != want {
			t.Errorf("after %d months %d are there", months, got)
		}
	}
	now = time.Now().AddDate(0, 9, 5)
	if got := there(); got != 0 {
		t.Errorf("after 9 months %d are there", got)
	}
	_, err = w.docket.Case(t.Context(), id)
	fails(t, err, city.NotFound, "no case")
}
