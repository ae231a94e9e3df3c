// Package rostertest makes a roster with the private keys of everyone in it, for tests
// and benchmarks.
package rostertest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/roster"
)

// Key is a private key with its texts.
type Key struct {
	Private string // PRIVATE+KEY+name+hash+base64
	Public  string // name+hash+base64
	Key     ed25519.PrivateKey
}

// Signer signs notes.
func (k Key) Signer() note.Signer {
	s, err := note.NewSigner(k.Private)
	if err != nil {
		panic(err)
	}
	return s
}

// Cosigner signs notes with the time, as a witness.
func (k Key) Cosigner() note.Signer {
	s, err := cosignature.NewSignerForCosignatureV1(k.Private)
	if err != nil {
		panic(err)
	}
	return s
}

// NewKey makes the key of a name. The same name and seed give the same key.
func NewKey(name, seed string) Key {
	sum := sha256.Sum256([]byte("test key\n" + seed + "\n" + name))
	private, public, err := note.GenerateKey(&fixed{sum[:]}, name)
	if err != nil {
		panic(err)
	}
	return Key{Private: private, Public: public, Key: ed25519.NewKeyFromSeed(seedOf(private))}
}

func seedOf(private string) []byte {
	last := private[len(private)-44:]
	raw, err := base64.StdEncoding.DecodeString(last)
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		panic(fmt.Sprintf("no seed in %q", private))
	}
	return raw[1:]
}

type fixed struct{ b []byte }

func (f *fixed) Read(p []byte) (int, error) {
	if len(f.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.b)
	f.b = f.b[n:]
	return n, nil
}

// City is a city's keys and its first roster.
type City struct {
	Root      []Key
	Log       Key
	Witnesses []Key
	Devices   map[city.Slug]Key // by id: court-1, court-2, ombudsman-1, ombudsman-2, police-1
	Roster    *roster.Signed
}

// Origin is the log's.
const Origin = "helsinki.example/log"

// New makes a city with three witnesses of which two must cosign. The same seed gives
// the same keys.
func New(seed string) *City {
	c := &City{Log: NewKey(Origin, seed), Devices: map[city.Slug]Key{}}
	for i := range 5 {
		c.Root = append(c.Root, NewKey(fmt.Sprintf("root-%d.example", i+1), seed))
	}
	for i := range 3 {
		c.Witnesses = append(c.Witnesses, NewKey(fmt.Sprintf("witness-%d.example", i+1), seed))
	}
	for _, id := range []city.Slug{"court-1", "court-2", "ombudsman-1", "ombudsman-2", "police-1"} {
		c.Devices[id] = NewKey("helsinki.example/"+string(id), seed)
	}
	file := c.Sign(c.Plain())
	signed, err := roster.First(file)
	if err != nil {
		panic(err)
	}
	c.Roster = signed
	return c
}

// Plain is the city's roster of version 1, without signatures.
func (c *City) Plain() *roster.Roster {
	device := func(ids ...city.Slug) (list []roster.Device) {
		for _, id := range ids {
			list = append(list, roster.Device{ID: id, Key: c.Devices[id].Public})
		}
		return list
	}
	r := &roster.Roster{
		Bodies: []roster.Body{
			{Name: roster.Court, Title: "District Court of Helsinki", Devices: device("court-1", "court-2")},
			{Name: roster.Ombudsman, Title: "Parliamentary Ombudsman", Devices: device("ombudsman-1", "ombudsman-2")},
		},
		Classes:    []roster.Class{{Name: "short", Hours: 72}, {Name: "usual", Hours: 168}},
		Domain:     "helsinki.example",
		Format:     roster.Format,
		Log:        roster.Log{Key: c.Log.Public, Origin: Origin},
		Officers:   []roster.Office{{Name: "police", Devices: device("police-1")}},
		Quorum:     2,
		UpdateRoot: canonical.Sum("test", []byte("update root")),
		ValidFrom:  canonical.At(time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)),
		Version:    1,
	}
	for _, k := range c.Root {
		r.Root = append(r.Root, k.Public)
	}
	for i, k := range c.Witnesses {
		key, err := roster.CosignatureKey(k.Public)
		if err != nil {
			panic(err)
		}
		r.Witnesses = append(r.Witnesses, roster.Witness{Name: city.Slug(fmt.Sprintf("witness-%d", i+1)), Key: key})
	}
	return r
}

// Sign signs a roster with three of the city's root keys.
func (c *City) Sign(r *roster.Roster) []byte {
	file, err := roster.Write(r, c.Root[0].Signer(), c.Root[1].Signer(), c.Root[2].Signer())
	if err != nil {
		panic(err)
	}
	return file
}

// Checkpoint signs a checkpoint and has some witnesses cosign it at a time.
func (c *City) Checkpoint(size int64, root [32]byte, at time.Time, witnesses ...int) []byte {
	n := &note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", Origin, size, base64.StdEncoding.EncodeToString(root[:]))}
	signers := []note.Signer{c.Log.Signer()}
	for _, i := range witnesses {
		signers = append(signers, timed{c.Witnesses[i], at})
	}
	b, err := note.Sign(n, signers...)
	if err != nil {
		panic(err)
	}
	return b
}

// timed cosigns at a time of its own (C2SP tlog-cosignature).
type timed struct {
	key Key
	at  time.Time
}

func (t timed) Name() string    { return t.key.Cosigner().Name() }
func (t timed) KeyHash() uint32 { return t.key.Cosigner().KeyHash() }

func (t timed) Sign(msg []byte) ([]byte, error) {
	at := uint64(t.at.Unix()) //nolint:gosec // times of tests are after 1970
	sig := binary.BigEndian.AppendUint64(nil, at)
	return append(sig, ed25519.Sign(t.key.Key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, msg))...), nil
}
