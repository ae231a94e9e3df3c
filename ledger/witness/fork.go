package witness

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/checkpoint"
)

// forkFormat begins a file that proves a fork (formats/witness.md).
const forkFormat = "polity-fork/1"

// maxFork bounds such a file, in bytes.
const maxFork = 2*MaxCheckpoint + 8<<10

// Fork proves that a log showed two trees of which neither continues the other. Whoever
// has the keys can check it, and needs nobody's word.
type Fork struct {
	First, Second []byte // signed checkpoints; the first is not larger
	// Prefix is the root that the tree of Second has at the size of First, and Proof
	// shows that it has (RFC 6962, 2.1.2). Of one size, Prefix is the root of Second.
	Prefix tlog.Hash
	Proof  tlog.TreeProof
}

// Found is what a fork proves.
type Found struct {
	Origin        string
	First, Second Checkpoint
	Witnesses     []string // who cosigned both, though one does not continue the other
	OnFirst       []string // who cosigned the first
	OnSecond      []string
}

// Encode writes the fork as a file.
func (f *Fork) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nprefix %s\n", forkFormat, base64.StdEncoding.EncodeToString(f.Prefix[:]))
	for _, h := range f.Proof {
		fmt.Fprintf(&b, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	for i, c := range [][]byte{f.First, f.Second} {
		fmt.Fprintf(&b, "%s %d\n%s", []string{"first", "second"}[i], len(c), c)
	}
	return b.Bytes()
}

// ParseFork reads a file from foreign bytes; Verify says whether it proves anything.
// Errors are of kind Invalid.
func ParseFork(data []byte) (*Fork, error) {
	wrong := func(what string) (*Fork, error) {
		return nil, city.Errorf(city.Invalid, "no proof of a fork: %s", what)
	}
	if len(data) > maxFork {
		return wrong(fmt.Sprintf("it has more than %d bytes", maxFork))
	}
	rest := string(data)
	line := func() string {
		l, r, ok := strings.Cut(rest, "\n")
		if !ok {
			l = ""
		}
		rest = r
		return l
	}
	if l := line(); l != forkFormat {
		if strings.HasPrefix(l, "polity-fork/") {
			return wrong("it is of a version that this program does not know; take a newer one")
		}
		return wrong("it does not begin with " + forkFormat)
	}
	var f Fork
	var err error
	text, ok := strings.CutPrefix(line(), "prefix ")
	if f.Prefix, err = checkpoint.ParseHash(text); !ok || err != nil {
		return wrong("the second line has to be: prefix HASH")
	}
	l := line()
	for ; !strings.HasPrefix(l, "first "); l = line() {
		h, err := checkpoint.ParseHash(l)
		if err != nil || len(f.Proof) == maxProof {
			return wrong("it is cut off, or holds what is no hash")
		}
		f.Proof = append(f.Proof, h)
	}
	part := func(l, name string) ([]byte, bool) {
		text, ok := strings.CutPrefix(l, name+" ")
		n, err := strconv.Atoi(text)
		if !ok || err != nil || n < 1 || n > len(rest) || n > MaxCheckpoint || strconv.Itoa(n) != text {
			return nil, false
		}
		var b string
		b, rest = rest[:n], rest[n:]
		return []byte(b), true
	}
	if f.First, ok = part(l, "first"); !ok {
		return wrong("the first checkpoint is cut off")
	}
	if f.Second, ok = part(line(), "second"); !ok || rest != "" {
		return wrong("the second checkpoint is cut off, or something follows it")
	}
	return &f, nil
}

// Verify checks both checkpoints with the log's keys, that neither continues the other,
// and which witnesses signed both. The error says why the file proves nothing.
func (f *Fork) Verify(log []note.Verifier, witnesses []Verifier) (Found, error) {
	var found Found
	wrong := func(format string, args ...any) (Found, error) {
		return Found{}, city.Errorf(city.Invalid, "this proves no fork: "+format, args...)
	}
	sides := []*Checkpoint{&found.First, &found.Second}
	for i, signed := range [][]byte{f.First, f.Second} {
		c, _, err := Open(signed, log...)
		if err != nil {
			return wrong("checkpoint %d: %w", i+1, err)
		}
		*sides[i] = c
		for _, w := range witnesses {
			// A wrong line under a witness's name says nothing against that witness.
			if _, _, err := Open(signed, w); err == nil {
				if names := []*[]string{&found.OnFirst, &found.OnSecond}[i]; true {
					*names = append(*names, w.Name())
				}
			}
		}
	}
	a, b := found.First, found.Second
	switch {
	case a.Origin != b.Origin:
		return wrong("the checkpoints are of two logs")
	case a.Size > b.Size:
		return wrong("the first checkpoint is larger than the second")
	case a.Root == f.Prefix:
		return wrong("the second checkpoint continues the first")
	case a.Size == 0:
		return wrong("every tree continues the empty one")
	}
	if err := tlog.CheckTree(f.Proof, b.Size, b.Root, a.Size, f.Prefix); err != nil {
		return wrong("the hashes do not lead from the prefix to the second checkpoint")
	}
	found.Origin = a.Origin
	for _, name := range found.OnFirst {
		for _, other := range found.OnSecond {
			if name == other {
				found.Witnesses = append(found.Witnesses, name)
			}
		}
	}
	return found, nil
}
