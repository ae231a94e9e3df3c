package witness

import (
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
)

// Bounds on how often is signed. A log of this city asks once a second at most.
const (
	logRate, logBurst = 10, 30
)

// Witness cosigns checkpoints of logs. It is safe for concurrent use.
type Witness struct {
	key   *Signer
	logs  map[string]*followed // by origin
	names []string             // origins, in order
	store Store
	watch *watch
	log   *slog.Logger
}

// followed is a log and the newest checkpoint of it that was cosigned.
type followed struct {
	origin string
	keys   []note.Verifier
	limit  *bucket

	mu     sync.Mutex
	signed []byte // with the log's signatures and our cosignature; nil if there is none
	last   Checkpoint
	at     time.Time // of the cosignature
	line   string    // the cosignature, where this process made it
	known  bool      // whether signed is what the store has
	forks  int       // that the log signed before us
}

// Deps is what a witness needs of the program.
type Deps struct {
	Store Store
	Clock Clock
	Log   *slog.Logger
}

// New makes a witness of logs, several keys of one origin being one log's. It reads what
// it cosigned before, and refuses what it did not sign itself.
func New(key *Signer, logs []note.Verifier, d Deps) (*Witness, error) {
	w := &Witness{key: key, logs: map[string]*followed{}, store: d.Store, watch: newWatch(d.Clock), log: d.Log}
	for _, v := range logs {
		l := w.logs[v.Name()]
		if l == nil {
			l = &followed{origin: v.Name(), limit: newBucket(logRate, logBurst)}
			w.logs[v.Name()] = l
			w.names = append(w.names, v.Name())
		}
		l.keys = append(l.keys, v)
	}
	if len(w.names) == 0 {
		return nil, city.Errorf(city.Invalid, "name at least one log to witness, by its key")
	}
	slices.Sort(w.names)
	for _, name := range w.names {
		if err := w.load(w.logs[name]); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// load reads what was cosigned before: the larger of the copies, since a smaller one was
// put back from a backup or was not written before a crash.
func (w *Witness) load(l *followed) error {
	copies, err := w.store.Load(l.origin)
	if err != nil {
		return err
	}
	l.signed, l.last, l.at, l.line = nil, Checkpoint{}, time.Time{}, ""
	for _, signed := range copies {
		c, at, err := w.ours(l, signed)
		if err != nil {
			return city.Errorf(city.Invalid, "what this witness remembers of %s is damaged: %w; put the file of its second folder, or one from the log's public checkpoint, in its place", l.origin, err)
		}
		if l.signed != nil && c.Size == l.last.Size && c.Root != l.last.Root {
			return city.Errorf(city.Conflict, "this witness signed two roots of %s at size %d: its key was used elsewhere, or its folders were exchanged; make a new key and have it rostered", l.origin, c.Size)
		}
		if l.signed == nil || c.Size > l.last.Size || (c.Size == l.last.Size && at.After(l.at)) {
			l.signed, l.last, l.at = signed, c, at
		}
	}
	l.known = true
	return nil
}

// ours opens a checkpoint that both the log and this witness signed.
func (w *Witness) ours(l *followed, signed []byte) (Checkpoint, time.Time, error) {
	c, sigs, err := Open(signed, append(slices.Clone(l.keys), w.key.Verifier)...)
	if err != nil {
		return c, time.Time{}, err
	}
	at, byLog := w.signers(sigs)
	switch {
	case c.Origin != l.origin:
		return c, at, city.Errorf(city.Invalid, "it is of the log %.80q", c.Origin)
	case !byLog:
		return c, at, city.Errorf(city.Forbidden, "the log did not sign it")
	case at.IsZero():
		return c, at, city.Errorf(city.Forbidden, "this witness did not sign it")
	}
	return c, at, nil
}

// signers says when this witness signed, and whether a log did.
func (w *Witness) signers(sigs []note.Signature) (at time.Time, byLog bool) {
	for _, s := range sigs {
		if s.Name == w.key.name && s.Hash == w.key.hash {
			at = Time(s)
		} else {
			byLog = true
		}
	}
	return at, byLog
}

// errSize is answered where the asker has another size in mind than was cosigned last.
type errSize int64

func (e errSize) Error() string {
	return "the newest cosigned checkpoint has size " + strconv.FormatInt(int64(e), 10)
}

// errProof is answered where a checkpoint does not provably continue the one before.
var errProof = errors.New("the checkpoint does not continue the one that was cosigned last")

// errOften is answered where a log asks too often.
var errOften = errors.New("this log asks too often; ask again in a second")

// Add is add-checkpoint: it returns the cosignature line. When it does, a witness that
// starts again after a crash remembers the checkpoint.
func (w *Witness) Add(body []byte) (string, error) {
	r, err := parseRequest(body)
	if err != nil {
		return "", err
	}
	c, err := Peek(r.signed)
	if err != nil {
		return "", err
	}
	l := w.logs[c.Origin]
	if l == nil {
		return "", city.Errorf(city.NotFound, "this witness does not know the log %.80q", c.Origin)
	}
	c, sigs, err := Open(r.signed, append(slices.Clone(l.keys), w.key.Verifier)...)
	if err != nil {
		return "", err
	}
	at, byLog := w.signers(sigs)
	if !byLog {
		return "", city.Errorf(city.Forbidden, "no signature by a known key of the log %.80q", c.Origin)
	}
	if r.old > c.Size {
		return "", city.Errorf(city.Invalid, "old is %d, the checkpoint's size only %d", r.old, c.Size)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.known {
		if err := w.load(l); err != nil {
			return "", err
		}
	}
	if !at.IsZero() {
		if err := w.learn(l, c, at, r.signed); err != nil {
			return "", err
		}
	}
	return w.cosign(l, r, c, sigs)
}

// cosign holds the lock of l.
func (w *Witness) cosign(l *followed, r request, c Checkpoint, sigs []note.Signature) (string, error) {
	if r.old != l.last.Size {
		return "", errSize(l.last.Size)
	}
	if err := w.continues(l, r, c); err != nil {
		return "", err
	}
	now, err := w.watch.time(l.at)
	if err != nil {
		return "", err
	}
	if now.Before(l.at) {
		now = l.at // within a second: the time of one log never goes back
	}
	if c.Text == l.last.Text && l.line != "" && now.Sub(l.at) < time.Second {
		return l.line, nil // anyone can send what is public again: it costs no write
	}
	if !l.limit.take(w.watch.Running()) {
		return "", errOften
	}
	line := w.key.Cosign(c.Text, now)
	signed := []byte(c.Text + "\n")
	for _, s := range sigs {
		if s.Name != w.key.name || s.Hash != w.key.hash {
			signed = append(signed, "— "+s.Name+" "+s.Base64+"\n"...)
		}
	}
	signed = append(signed, line...)
	if err := w.save(l, signed, c, now); err != nil {
		return "", err
	}
	l.line = line
	return line, nil
}

// save holds the lock of l. After an error nobody knows which checkpoint is on the disk:
// it is read again before anything more is signed.
func (w *Witness) save(l *followed, signed []byte, c Checkpoint, at time.Time) error {
	if err := w.store.Save(l.origin, signed); err != nil {
		l.known = false
		w.log.Error("a checkpoint could not be stored, and is not cosigned", slog.String("log", l.origin), slog.Any("error", err))
		return city.Errorf(city.Internal, "this witness could not store the checkpoint; its operator has to see to its disk")
	}
	l.signed, l.last, l.at, l.line = signed, c, at, ""
	return nil
}

// continues says whether a checkpoint provably continues the last one.
func (w *Witness) continues(l *followed, r request, c Checkpoint) error {
	switch {
	case c.Size == 0 && c.Root != EmptyRoot():
		return errProof
	case r.old == 0 && len(r.proof) != 0:
		return errProof
	case r.old == 0:
		return nil
	case c.Size == r.old && c.Root != l.last.Root:
		l.forks++
		f := Fork{First: l.signed, Second: r.signed, Prefix: c.Root}
		w.log.Error("the log signed two roots of one size; proof is kept beside the state", slog.String("log", l.origin), slog.Int64("size", c.Size))
		if err := w.store.Keep(l.origin, c.Size, f.Encode()); err != nil {
			w.log.Error("the proof could not be kept", slog.Any("error", err))
		}
		return errProof
	case tlog.CheckTree(r.proof, c.Size, c.Root, r.old, l.last.Root) != nil:
		return errProof
	}
	return nil
}

// Learn raises what is remembered to a checkpoint that this witness cosigned itself, as
// after an older state was put back from a backup. Whatever this witness did not cosign
// changes nothing.
func (w *Witness) Learn(signed []byte) error {
	c, err := Peek(signed)
	if err != nil {
		return err
	}
	l := w.logs[c.Origin]
	if l == nil {
		return city.Errorf(city.NotFound, "this witness does not know the log %.80q", c.Origin)
	}
	c, at, err := w.ours(l, signed)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return w.learn(l, c, at, signed)
}

// learn holds the lock of l.
func (w *Witness) learn(l *followed, c Checkpoint, at time.Time, signed []byte) error {
	switch {
	case c.Size < l.last.Size || (c.Size == l.last.Size && c.Root == l.last.Root):
		return nil
	case c.Size == l.last.Size && l.signed != nil:
		w.log.Error("our key signed two roots of one size", slog.String("log", l.origin), slog.Int64("size", c.Size))
		f := Fork{First: l.signed, Second: signed, Prefix: c.Root}
		if err := w.store.Keep(l.origin, c.Size, f.Encode()); err != nil {
			w.log.Error("the proof could not be kept", slog.Any("error", err))
		}
		return city.Errorf(city.Unavailable, "this witness's key was used elsewhere; its operator has to make a new one")
	}
	w.log.Warn("what this witness remembered was older than what it cosigned; it goes on from there", slog.String("log", l.origin),
		slog.Int64("remembered", l.last.Size), slog.Int64("cosigned", c.Size))
	return w.save(l, signed, c, at)
}

// Newest returns the newest checkpoint that was cosigned of the log whose origin has a
// hash. The error is of kind NotFound where there is none.
func (w *Witness) Newest(hash string) ([]byte, error) {
	for _, name := range w.names {
		if Hash(name) != hash {
			continue
		}
		l := w.logs[name]
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.signed != nil && l.known {
			return slices.Clone(l.signed), nil
		}
	}
	return nil, city.Errorf(city.NotFound, "nothing of such a log was cosigned here")
}
