package witness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
)

const origin = "log.example/city"

// tree is a log that signs whatever a test wants.
type tree struct {
	signer note.Signer
	vkey   note.Verifier
	hashes []tlog.Hash
	size   int64
}

func newTree(t testing.TB) *tree {
	t.Helper()
	skey, vkey, err := note.GenerateKey(zeros{}, origin)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := note.NewSigner(skey)
	v, _ := note.NewVerifier(vkey)
	return &tree{signer: s, vkey: v}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (l *tree) ReadHashes(indexes []int64) (out []tlog.Hash, err error) {
	for _, i := range indexes {
		out = append(out, l.hashes[i])
	}
	return out, nil
}

// grow appends n entries of a kind.
func (l *tree) grow(kind string, n int) *tree {
	for range n {
		h, err := tlog.StoredHashes(l.size, fmt.Appendf(nil, "%s %d", kind, l.size), l)
		if err != nil {
			panic(err)
		}
		l.hashes = append(l.hashes, h...)
		l.size++
	}
	return l
}

func (l *tree) fork() *tree {
	other := *l
	other.hashes = bytesClone(l.hashes)
	return &other
}

func bytesClone(h []tlog.Hash) []tlog.Hash { return append([]tlog.Hash(nil), h...) }

func (l *tree) root(size int64) tlog.Hash {
	h, err := tlog.TreeHash(size, l)
	if err != nil {
		panic(err)
	}
	return h
}

func (l *tree) text(size int64) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, l.root(size))
}

func (l *tree) checkpoint(size int64) string {
	b, err := note.Sign(&note.Note{Text: l.text(size)}, l.signer)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// ask is the body of add-checkpoint from one size to another.
func (l *tree) ask(old, size int64) string {
	var proof tlog.TreeProof
	if old > 0 && old <= size {
		var err error
		if proof, err = tlog.ProveTree(size, old, l); err != nil {
			panic(err)
		}
	}
	return body(old, proof, l.checkpoint(size))
}

func body(old int64, proof tlog.TreeProof, signed string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", old)
	for _, h := range proof {
		fmt.Fprintf(&b, "%s\n", h)
	}
	return b.String() + "\n" + signed
}

// hand is a clock that a test moves.
type hand struct {
	mu  sync.Mutex
	now time.Time
	run time.Duration
}

func newHand() *hand { return &hand{now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)} }

func (h *hand) clock() Clock {
	return Clock{
		Now:     func() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now },
		Running: func() time.Duration { h.mu.Lock(); defer h.mu.Unlock(); return h.run },
	}
}

// pass lets time pass.
func (h *hand) pass(d time.Duration) { h.mu.Lock(); h.now = h.now.Add(d); h.run += d; h.mu.Unlock() }

// set moves the clock alone.
func (h *hand) set(d time.Duration) { h.mu.Lock(); h.now = h.now.Add(d); h.mu.Unlock() }

// disk is a Store in memory that can fail, before or after it has stored.
type disk struct {
	mu            sync.Mutex
	kept          map[string][]byte
	forks         map[string][]byte
	before, after bool
	saves         int
}

func newDisk() *disk { return &disk{kept: map[string][]byte{}, forks: map[string][]byte{}} }

func (d *disk) Load(origin string) ([][]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c, ok := d.kept[origin]; ok {
		return [][]byte{c}, nil
	}
	return nil, nil
}

func (d *disk) Save(origin string, signed []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.before {
		return errors.New("disk full")
	}
	d.kept[origin] = bytes.Clone(signed)
	d.saves++
	if d.after {
		return errors.New("sync failed")
	}
	return nil
}

func (d *disk) Keep(origin string, size int64, proof []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forks[fmt.Sprint(Hash(origin), size)] = bytes.Clone(proof)
	return nil
}

var quiet = slog.New(slog.DiscardHandler)

func testKey(t testing.TB) *Signer {
	t.Helper()
	k, err := Generate("ngo.example/witness")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newWitness(t testing.TB, k *Signer, l *tree, d Store, h *hand) *Witness {
	t.Helper()
	w, err := New(k, []note.Verifier{l.vkey}, Deps{d, h.clock(), quiet})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func post(t *testing.T, h http.Handler, body string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRecorder()
	h.ServeHTTP(r, httptest.NewRequest(http.MethodPost, "/add-checkpoint", strings.NewReader(body)))
	text, _ := io.ReadAll(r.Body)
	return r.Code, string(text), r.Header()
}

// TestEveryAnswer asks what C2SP tlog-witness says of each wrong request.
func TestEveryAnswer(t *testing.T) {
	l := newTree(t).grow("a", 20)
	other := l.fork()
	other.size, other.hashes = 5, other.hashes[:tlog.StoredHashCount(5)]
	other.grow("b", 15)
	h := newHand()
	d := newDisk()
	k := testKey(t)
	w := newWitness(t, k, l, d, h)
	if code, text, _ := post(t, w.Handler(), l.ask(0, 10)); code != 200 || !strings.HasPrefix(text, "— ngo.example/witness ") {
		t.Fatalf("first checkpoint: %d %s", code, text)
	}
	good := l.ask(10, 12)
	foreign := strings.Replace(good, origin+"\n", "other.example/log\n", 1)
	proof, _ := tlog.ProveTree(12, 10, l)
	for name, c := range map[string]struct {
		body string
		code int
		text string
	}{
		"no empty line":          {"old 10\n" + l.checkpoint(12)[:20], 400, "empty line"},
		"no old line":            {strings.Replace(good, "old ", "new ", 1), 400, "old SIZE"},
		"leading zero":           {strings.Replace(good, "old 10", "old 010", 1), 400, "no size"},
		"negative":               {strings.Replace(good, "old 10", "old -1", 1), 400, "no size"},
		"hash cut off":           {strings.Replace(good, "=\n", "\n", 1), 400, "base64"},
		"64 hashes":              {body(10, make(tlog.TreeProof, 64), l.checkpoint(12)), 400, "63"},
		"no checkpoint":          {"old 0\n\nhello\n", 400, "no checkpoint"},
		"old above size":         {body(13, nil, l.checkpoint(12)), 400, "old is 13"},
		"unknown log":            {foreign, 404, "does not know"},
		"text changed":           {strings.Replace(good, "\n12\n", "\n13\n", 1), 403, "wrong"},
		"no signature of ours":   {strings.Replace(good, "— "+origin, "— other.example", 1), 403, "no signature"},
		"our signature alone":    {body(10, proof, l.text(12)+"\n"+k.Cosign(l.text(12), h.now)), 403, "no signature"},
		"another size":           {l.ask(9, 12), 409, "10\n"},
		"nothing known":          {l.ask(0, 12), 409, "10\n"},
		"rollback":               {l.ask(8, 9), 409, "10\n"},
		"proof of another":       {body(10, proof[1:], l.checkpoint(12)), 422, "continue"},
		"no proof":               {body(10, nil, l.checkpoint(12)), 422, "continue"},
		"fork":                   {other.ask(10, 15), 422, "continue"},
		"fork of one size":       {other.ask(10, 10), 422, "continue"},
		"too large":              {strings.Repeat("a", maxRequest+1), 413, "at most"},
		"two checkpoints in one": {good + "\n" + l.checkpoint(13), 400, ""},
	} {
		code, text, head := post(t, w.Handler(), c.body)
		if code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %q, want %d with %q", name, code, text, c.code, c.text)
		}
		if (code == 409) != (head.Get("Content-Type") == "text/x.tlog.size") {
			t.Errorf("%s: type %s", name, head.Get("Content-Type"))
		}
	}
	if w.States()[0].Size != 10 {
		t.Fatalf("a wrong request moved it: %+v", w.States())
	}
	if code, text, _ := post(t, w.Handler(), good); code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	// The log signed two roots of size 10, and whoever has its key can see that.
	if len(d.forks) != 1 {
		t.Fatalf("%d proofs kept", len(d.forks))
	}
	for _, data := range d.forks {
		f, err := ParseFork(data)
		if err != nil {
			t.Fatal(err)
		}
		found, err := f.Verify([]note.Verifier{l.vkey}, []Verifier{k.Verifier})
		if err != nil || found.First.Size != 10 || len(found.Witnesses) != 0 || len(found.OnFirst) != 1 {
			t.Errorf("%+v, %v", found, err)
		}
	}
	r := httptest.NewRecorder()
	w.Handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/add-checkpoint", nil))
	if r.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", r.Code)
	}
}

// TestAnotherImplementationTakesTheCosignature verifies with the library of
// transparency-dev, and reads the checkpoint at the address for monitors.
func TestAnotherImplementationTakesTheCosignature(t *testing.T) {
	l := newTree(t).grow("a", 7)
	k, h := testKey(t), newHand()
	w := newWitness(t, k, l, newDisk(), h)
	_, line, _ := post(t, w.Handler(), l.ask(0, 7))
	v, err := cosignature.NewVerifierForCosignatureV1(k.String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(l.checkpoint(7)+line), note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 {
		t.Fatal(err)
	}
	if at, err := cosignature.CoSigV1Timestamp(n.Sigs[0]); err != nil || !at.Equal(h.now) || !Time(n.Sigs[0]).Equal(h.now) {
		t.Errorf("time %v, %v", at, err)
	}
	r := httptest.NewRecorder()
	w.Handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/"+Hash(origin)+"/checkpoint", nil))
	if _, sigs, err := Open(r.Body.Bytes(), l.vkey, v); err != nil || len(sigs) != 2 {
		t.Errorf("%d, %v", len(sigs), err)
	}
	// Keys of other witnesses' programs are taken, and ours go there and back.
	skey, vkey, _ := note.GenerateKey(zeros{}, "w.example/1")
	s, err := ParseSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := cosignature.VKeyToCosignatureV1(vkey)
	if s.String() != want {
		t.Errorf("%s, want %s", s, want)
	}
	if again, err := ParseSigner(s.Secret()); err != nil || again.String() != want {
		t.Error(err)
	}
	for _, bad := range []string{"", "PRIVATE+KEY+", skey[:len(skey)-4], strings.Replace(skey, "w.example/1", "w.example/2", 1), vkey} {
		if _, err := ParseSigner(bad); err == nil || city.KindOf(err) != city.Invalid || (len(bad) > 40 && strings.Contains(err.Error(), bad[40:])) {
			t.Errorf("%.20s: %v", bad, err)
		}
	}
}

// TestTheTimeOfALogNeverGoesBack moves the clock while the witness runs and between runs.
func TestTheTimeOfALogNeverGoesBack(t *testing.T) {
	l := newTree(t).grow("a", 30)
	k, h, d := testKey(t), newHand(), newDisk()
	w := newWitness(t, k, l, d, h)
	step := func(old, size int64, want int) {
		t.Helper()
		if code, text, _ := post(t, w.Handler(), l.ask(old, size)); code != want {
			t.Fatalf("%d to %d: %d %s, want %d", old, size, code, text, want)
		}
	}
	step(0, 1, 200)
	h.set(-time.Hour)
	step(1, 2, 503)
	h.set(2 * time.Hour)
	step(1, 2, 503) // moved forward: it would make readers believe in a later time
	h.set(-time.Hour)
	h.pass(time.Minute)
	step(1, 2, 200)
	h.set(-24 * time.Hour)
	w = newWitness(t, k, l, d, h) // started again with a clock that is behind
	step(2, 3, 503)
	h.set(24*time.Hour - 500*time.Millisecond)
	w = newWitness(t, k, l, d, h)
	step(2, 3, 200)
	h.set(-10 * 365 * 24 * time.Hour)
	w = newWitness(t, k, l, newDisk(), h)
	step(0, 3, 503) // a clock that nobody set
}

// TestCrashes fails the disk before and after each save, starts again, and asks for one
// thing: whatever was answered is remembered.
func TestCrashes(t *testing.T) {
	l := newTree(t).grow("a", 40)
	evil := l.fork()
	evil.size, evil.hashes = 2, evil.hashes[:tlog.StoredHashCount(2)]
	evil.grow("b", 38)
	k, h, d := testKey(t), newHand(), newDisk()
	w := newWitness(t, k, l, d, h)
	answered, size := int64(0), int64(0)
	for i := range 60 {
		h.pass(2 * time.Second)
		d.before, d.after = i%7 == 1, i%7 == 3
		next := min(size+1, 40)
		code, text, _ := post(t, w.Handler(), l.ask(size, next))
		switch code {
		case 200:
			answered, size = next, next
		case 409:
			if _, err := fmt.Sscan(text, &size); err != nil {
				t.Fatal(err)
			}
		case 500:
		default:
			t.Fatalf("step %d: %d %s", i, code, text)
		}
		d.before, d.after = false, false
		if i%2 == 0 {
			w = newWitness(t, k, l, d, h)
		}
		if now := w.States()[0]; now.Size < answered {
			t.Fatalf("answered %d, remembers %d", answered, now.Size)
		}
		for _, old := range []int64{answered, size} {
			if old > 2 {
				if code, _, _ := post(t, w.Handler(), evil.ask(old, 40)); code == 200 {
					t.Fatalf("step %d: a fork was cosigned", i)
				}
			}
		}
	}
	if answered < 15 {
		t.Fatalf("only %d were answered", answered)
	}
}

// TestAWriteThatFailedAfterAll has a checkpoint reach the disk though the write failed: the
// witness goes on from what is there.
func TestAWriteThatFailedAfterAll(t *testing.T) {
	l := newTree(t).grow("a", 40)
	d := newDisk()
	w := newWitness(t, testKey(t), l, d, newHand())
	post(t, w.Handler(), l.ask(0, 10))
	d.after = true
	if code, text, _ := post(t, w.Handler(), l.ask(10, 20)); code != 500 || strings.Contains(text, "sync failed") {
		t.Errorf("%d %s", code, text)
	}
	if _, err := w.Newest(Hash(origin)); city.KindOf(err) != city.NotFound || !w.States()[0].Trouble {
		t.Errorf("what may not be on the disk is served: %v, %+v", err, w.States())
	}
	d.after = false
	if code, text, _ := post(t, w.Handler(), l.ask(10, 20)); code != 409 || text != "20\n" {
		t.Errorf("%d %s", code, text)
	}
	if code, _, _ := post(t, w.Handler(), l.ask(20, 30)); code != 200 || w.States()[0].Trouble {
		t.Errorf("%d", code)
	}
}

// TestFolders uses the files: two folders, an older one put back, damage, a second process.
func TestFolders(t *testing.T) {
	l := newTree(t).grow("a", 30)
	k, h := testKey(t), newHand()
	one, two := t.TempDir(), t.TempDir()
	open := func() (*Witness, *folders) {
		t.Helper()
		f, err := openFolders(one, two)
		if err != nil {
			t.Fatal(err)
		}
		return newWitness(t, k, l, f, h), f
	}
	w, f := open()
	if _, err := openFolders(one); city.KindOf(err) != city.Conflict {
		t.Errorf("two on one folder: %v", err)
	}
	post(t, w.Handler(), l.ask(0, 10))
	old, _ := f.Load(origin)
	h.pass(time.Minute)
	post(t, w.Handler(), l.ask(10, 20))
	if err := (&folders{names: []string{one}}).Save(origin, old[0]); err != nil {
		t.Fatal(err)
	}
	f.Close()
	w, f = open()
	if w.States()[0].Size != 20 {
		t.Errorf("the older copy won: %+v", w.States())
	}
	f.Close()
	for name, data := range map[string][]byte{"empty": nil, "cut": old[0][:50], "of the log alone": []byte(l.checkpoint(5)), "changed": bytes.Replace(old[0], []byte("\n10\n"), []byte("\n11\n"), 1)} {
		if err := (&folders{names: []string{one}}).Save(origin, data); err != nil {
			t.Fatal(err)
		}
		f, err := openFolders(one, two)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(k, []note.Verifier{l.vkey}, Deps{f, h.clock(), quiet}); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", name, err)
		}
		f.Close()
	}
}

// TestReplaysCostNothing sends what is public again and again; the log itself is served.
func TestReplaysCostNothing(t *testing.T) {
	l := newTree(t).grow("a", 30)
	k, h, d := testKey(t), newHand(), newDisk()
	w := newWitness(t, k, l, d, h)
	hand := w.Handler()
	post(t, hand, l.ask(0, 10))
	for range 300 {
		if code, _, _ := post(t, hand, l.ask(10, 10)); code != 200 {
			t.Fatal(code)
		}
	}
	if d.saves != 1 {
		t.Errorf("%d writes", d.saves)
	}
	if code, _, _ := post(t, hand, l.ask(10, 11)); code != 200 {
		t.Errorf("the log is shut out: %d", code)
	}
	flood := 0
	for range 2000 {
		if code, _, _ := post(t, hand, "old 0\n\n"); code == 429 {
			flood++
		}
	}
	if flood == 0 {
		t.Error("a flood is not limited")
	}
	h.pass(10 * time.Second)
	if code, _, _ := post(t, hand, l.ask(11, 12)); code != 200 {
		t.Errorf("after a flood: %d", code)
	}
}

// TestRaces has many ask at once; sizes never go back and no size gets two roots.
func TestRaces(t *testing.T) {
	l := newTree(t).grow("a", 30)
	k, h, d := testKey(t), newHand(), newDisk()
	w := newWitness(t, k, l, d, h)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := map[int64]int{}
	for i := range 16 {
		wg.Go(func() {
			for old := range int64(20) {
				if _, err := w.Add([]byte(l.ask(old, old+1+int64(i%3)))); err == nil {
					mu.Lock()
					won[old]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for old, n := range won {
		if n > 1 {
			t.Errorf("%d requests from size %d won", n, old)
		}
	}
}

// TestForksThatProveNothing hands in evidence that is none.
func TestForksThatProveNothing(t *testing.T) {
	l := newTree(t).grow("a", 30)
	other := newTree(t).grow("b", 30)
	proof, _ := tlog.ProveTree(30, 20, other)
	honest, _ := tlog.ProveTree(30, 20, l)
	good := Fork{First: []byte(l.checkpoint(20)), Second: []byte(other.checkpoint(30)), Prefix: other.root(20), Proof: proof}
	keys := []note.Verifier{l.vkey}
	if found, err := good.Verify(keys, nil); err != nil || found.Origin != origin {
		t.Fatal(err)
	}
	for name, f := range map[string]Fork{
		"a log that grew":       {First: []byte(l.checkpoint(20)), Second: []byte(l.checkpoint(30)), Prefix: l.root(20), Proof: honest},
		"a prefix made up":      {First: good.First, Second: good.Second, Prefix: l.root(7), Proof: proof},
		"no proof":              {First: good.First, Second: good.Second, Prefix: good.Prefix},
		"the order changed":     {First: good.Second, Second: good.First, Prefix: good.Prefix, Proof: proof},
		"not signed by the log": {First: good.First, Second: []byte(strings.Replace(string(good.Second), "\n30\n", "\n31\n", 1)), Prefix: good.Prefix, Proof: proof},
		"twice the same":        {First: good.First, Second: good.First, Prefix: l.root(20)},
	} {
		if _, err := f.Verify(keys, nil); err == nil || !strings.Contains(err.Error(), "proves no fork") {
			t.Errorf("%s: %v", name, err)
		}
	}
	file := good.Encode()
	for cutAt := range len(file) {
		if f, err := ParseFork(file[:cutAt]); err == nil {
			t.Fatalf("cut at %d: %+v", cutAt, f)
		}
	}
	if _, err := ParseFork([]byte("polity-fork/2\n")); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Error(err)
	}
}
