package edge

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"polity/camera/link"
	"polity/city"
	"polity/internal/durable"
	"polity/internal/secretfile"
	"polity/internal/size"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
	"polity/recording/disk"
	"polity/recording/mirror"
	"polity/recording/recorder"
	"polity/recording/remote"
	"polity/recording/root"
	"polity/recording/segment"
	"polity/recording/store"
	"polity/register"
)

// Recording is where sealed recordings of this edge's cameras are kept. Without it
// nothing is recorded.
type Recording struct {
	// Roster is the city's, RosterWords what people compared it by ('polity roster
	// check' prints both alike).
	Roster      string `yaml:"roster"`
	RosterWords string `yaml:"roster_words"`
	Keys        string `yaml:"keys"`   // folder with proofs of epoch keys, *.proof
	Folder      string `yaml:"folder"` // empty: recordings in the edge's data
	// Limit is the most that all recordings have together, KeepFree what stays free.
	Limit    size.Bytes `yaml:"limit"`
	KeepFree size.Bytes `yaml:"keep_free"`

	Copy *SecondCopy `yaml:"copy"` // nil: there is no second copy
}

// Record says that a camera is recorded.
type Record struct {
	Class  city.Slug `yaml:"class"`  // of retention, from the roster
	Source string    `yaml:"source"` // the main stream; empty: the one that is analysed
}

func (r *Recording) check() error {
	switch {
	case r == nil:
		return nil
	case r.Roster == "" || r.Keys == "":
		return errors.New("roster and keys are needed: nothing is sealed to a key that the public log does not prove")
	case len(strings.Fields(r.RosterWords)) != 8:
		return errors.New("roster_words must be the eight groups by which people compared the roster")
	case r.Limit > 0 && r.Limit < 256<<20:
		return fmt.Errorf("limit %v is too little; 256MiB is the least", r.Limit)
	}
	return r.Copy.check()
}

// recordings are the edge's store of segments and what seals them.
type recordings struct {
	domain  string
	rosters *rosters
	alarms  *alarms
	carry   *carry
	keys    *epochKeys
	store   *store.Store
	folder  *disk.Folder
	second  mirror.Place // nil: there is no second copy
	signer  segment.Key
	log     *slog.Logger
	now     func() time.Time
}

const tendEvery = time.Minute

// openRecordings opens the store, or returns nil where nothing is to be recorded.
func (e *edge) openRecordings() (*recordings, error) {
	cfg := e.cfg.Record
	if cfg == nil {
		return nil, nil
	}
	text, err := os.ReadFile(cfg.Roster)
	if err != nil {
		return nil, fmt.Errorf("edge.record.roster: %w", err)
	}
	r := &recordings{log: e.log, now: e.now, carry: e.carry}
	first, err := roster.First(text)
	if err != nil {
		return nil, fmt.Errorf("edge.record.roster: %w", err)
	}
	if words := first.Words(); strings.Join(strings.Fields(cfg.RosterWords), " ") != words {
		return nil, city.Errorf(city.Invalid, "edge.record.roster_words: the roster's are %s; compare them with those of the people who signed it, then write them there", words)
	}
	r.domain = first.Domain
	if r.rosters, err = openRosters(first, e.cfg.path("rosters")); err != nil {
		return nil, err
	}
	if r.alarms, err = openAlarms(e); err != nil {
		return nil, err
	}
	if r.signer, err = recorderKey(e.cfg.path("recorder.key")); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Keys, 0o700); err != nil {
		return nil, fmt.Errorf("edge.record.keys: %w", err)
	}
	r.keys = newEpochKeys(cfg.Keys, r.rosters)
	if err := r.keys.refresh(r.wrongProof); err != nil {
		return nil, err
	}
	if cfg.Copy != nil {
		if r.second, err = cfg.Copy.open(); err != nil {
			return nil, err
		}
	}
	dir := cfg.Folder
	if dir == "" {
		dir = e.cfg.path("recordings")
	}
	if r.folder, err = disk.OpenFolder(dir); err != nil {
		return nil, err
	}
	r.store, err = store.Open(store.Config{
		Disk: r.folder, Domain: r.domain, Keep: keepOf(r.rosters.newest()), MaxBytes: int64(cfg.Limit), MinFree: int64(cfg.KeepFree), Signer: r.signer,
		Trust: segment.Recorders(r.signer.Public()), Event: r.tell, Hour: r.hour, Now: e.now,
	})
	if err != nil {
		return nil, errors.Join(err, r.folder.Close())
	}
	e.log.Info("recordings are sealed", slog.String("recorder", hex.EncodeToString(r.signer.Public())), slog.String("domain", r.domain))
	return r, nil
}

func (r *recordings) wrongProof(file string, err error) {
	r.log.Warn("a proof of an epoch key does not count", slog.String("file", file), slog.Any("error", err))
}

// tell writes what happened to recordings into the log.
func (r *recordings) tell(e store.Event) {
	r.log.Warn("recordings", slog.String("what", string(e.Kind)), slog.String("camera", string(e.Camera)), slog.Int("segments", e.Count), slog.String("detail", e.Detail))
}

// keepOf is for how long segments of each class are kept.
func keepOf(r *roster.Signed) map[city.Slug]time.Duration {
	keep := map[city.Slug]time.Duration{}
	for _, c := range r.Classes {
		keep[c.Name] = time.Duration(c.Hours) * time.Hour
	}
	return keep
}

// hour has each hour's signed entry carried to the public log, CAMERA-2026120114.entry.
func (r *recordings) hour(h root.Hour) error {
	e := &entry.Segments{
		Camera: h.Camera, Count: int64(h.Count), Domain: h.Domain, Gaps: int64(h.Gaps), Hour: canonical.At(h.Hour),
		Recorder: []byte(r.signer.Public()), Root: h.Root,
	}
	if err := entry.Sign(e, ed25519.PrivateKey(r.signer)); err != nil {
		return err
	}
	return r.carry.put(fmt.Sprintf("%s-%s%s", h.Camera, h.Hour.Format("2006010215"), statementSuffix), e)
}

// tend keeps retention and space, and takes new epoch keys, until ctx ends.
func (r *recordings) tend(ctx context.Context, classes []city.Slug) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		if err := errors.Join(r.forgetProofs(), r.keys.refresh(r.wrongProof), r.store.Tend()); err != nil {
			r.log.Error("recordings cannot be tended", slog.Any("error", err))
		}
		r.alarms.look(ctx, r.keys, classes)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *recordings) close() error {
	if r == nil {
		return nil
	}
	return errors.Join(r.store.Close(), r.folder.Close())
}

// RecorderKey is the public half of the key with which an edge signs what it records, for
// the cameras' register entries. It makes the pair where there is none yet.
func RecorderKey(cfg Config) (ed25519.PublicKey, error) {
	if cfg.Data == "" {
		return nil, city.Errorf(city.Invalid, "edge.data: the folder for the edge's data is missing")
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the edge's data folder: %w", err)
	}
	key, err := recorderKey(cfg.path("recorder.key"))
	if err != nil {
		return nil, err
	}
	return key.Public(), nil
}

// recorderKey reads the recorder's signing key, and makes one at the first start.
func recorderKey(path string) (segment.Key, error) {
	text, err := secretfile.Line(path)
	if errors.Is(err, os.ErrNotExist) {
		seed := make([]byte, ed25519.SeedSize)
		_, _ = rand.Read(seed) // never fails
		text = hex.EncodeToString(seed)
		err = durable.WriteFile(path, []byte(text+"\n"), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("the recorder's key: %w", err)
	}
	seed, err := hex.DecodeString(text)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, city.Errorf(city.Invalid, "the recorder's key %s is damaged: put it back from where you keep a copy, or move it away for a new one, which the register must then name", path)
	}
	return segment.Key(ed25519.NewKeyFromSeed(seed)), nil
}

// recordOf says what of a camera is recorded: nil where its register entry allows no
// footage, not for so long as its class keeps it, or not by this recorder. The lock is held.
func (c *camera) recordOf(decided *register.Entry) *link.Record {
	r, cfg := c.e.recordings, c.cfg.Record
	if r == nil || cfg == nil {
		return nil
	}
	why := r.forbids(decided, cfg.Class)
	if c.unsealed = why; why != "" {
		c.log.Warn("the camera is not recorded", slog.String("why", why), slog.String("class", string(cfg.Class)), slog.Int("allowed_hours", decided.Retention.FootageHours))
		c.notRecorded()
		return nil
	}
	record := &link.Record{Domain: r.domain, Class: cfg.Class, Recorder: r.signer.Public()}
	if cfg.Source != "" {
		record.Source = &link.Source{Address: cfg.Source, User: c.cfg.User, Password: c.password, Transport: c.cfg.Transport}
	}
	return record
}

// forbids says why a register entry does not let this edge record a class, and what to do;
// empty: it does.
func (r *recordings) forbids(decided *register.Entry, name city.Slug) string {
	class, ok := r.rosters.newest().Class(name)
	allowed := decided.Retention.FootageHours
	again := fmt.Sprintf("register it again with --class %s --recorder %x ('polity camera register'), or change edge.cameras.record.class", name, []byte(r.signer.Public()))
	switch {
	case allowed == 0:
		return "its register entry allows no footage"
	case !ok:
		return fmt.Sprintf("the roster has no class %s; name one that it has in edge.cameras.record.class", name)
	case class.Hours > allowed:
		return fmt.Sprintf("its register entry allows footage for %d hours, and its class keeps it for %d", allowed, class.Hours)
	case decided.Class == "":
		return "its register entry names no recorder and class; " + again
	case decided.Class != name:
		return fmt.Sprintf("its register entry names the class %s, and the configuration %s; %s", decided.Class, name, again)
	case !bytes.Equal(decided.Recorder, r.signer.Public()):
		return fmt.Sprintf("its register entry names the recorder %x, and this edge's is another; %s", []byte(decided.Recorder), again)
	}
	return ""
}

// notRecorded notes that the register does not let a camera be recorded. One that never was
// is no alarm.
func (c *camera) notRecorded() {
	r := c.e.recordings
	stored, err := r.store.Camera(c.cfg.Name)
	if err != nil {
		return
	}
	if err := stored.Stop(segment.Refused, r.now()); err != nil {
		c.log.Error("a gap in the recording could not be noted", slog.Any("error", err))
	}
	if head, _ := stored.Next(); head.Sequence > 0 {
		r.alarms.stopped(c.cfg.Name, c.cfg.Record.Class, segment.Refused)
	}
}

// record serves the recording of one run of the camera's process.
func (c *camera) record(ctx context.Context, conn io.ReadWriteCloser) {
	defer conn.Close()
	r := c.e.recordings
	stored, err := r.store.Camera(c.cfg.Name)
	if err == nil {
		server := &remote.Server{
			Place: &place{recorder.Local(stored), r.alarms, c.cfg.Name, c.cfg.Record.Class}, Signer: &segment.Guard{Domain: r.domain, Camera: c.cfg.Name, By: r.signer},
			Keys: r.keys, Gone: segment.Started, Now: r.now,
		}
		err = server.Serve(ctx, conn)
	}
	if err != nil {
		c.log.Error("the recording ended with an error", slog.Any("error", err))
	}
}
