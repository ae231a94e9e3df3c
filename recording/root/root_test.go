package root_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/recording/root"
	"polity/recording/segment"
)

func hashes(n int) (h []root.Hash) {
	for i := range n {
		h = append(h, root.Hash{byte(i), byte(i >> 8), 7})
	}
	return h
}

// TestAgainstTlog holds tree and proofs to those of golang.org/x/mod.
func TestAgainstTlog(t *testing.T) {
	for n := 1; n <= 70; n++ {
		segments := hashes(n)
		var stored []tlog.Hash
		read := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
			for _, i := range at {
				out = append(out, stored[i])
			}
			return out, nil
		})
		for i, s := range segments {
			more, err := tlog.StoredHashes(int64(i), s[:], read)
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, more...)
		}
		want, err := tlog.TreeHash(int64(n), read)
		if err != nil {
			t.Fatal(err)
		}
		got := root.Of(segments)
		if got != root.Hash(want) {
			t.Fatalf("root of %d: %x, want %x", n, got, want)
		}
		for i, s := range segments {
			proof := root.Proof(segments, i)
			if err := root.Verify(got, n, i, s, proof); err != nil {
				t.Fatalf("%d of %d: %v", i, n, err)
			}
			var theirs tlog.RecordProof
			for _, h := range proof {
				theirs = append(theirs, tlog.Hash(h))
			}
			if err := tlog.CheckRecord(theirs, int64(n), want, int64(i), tlog.RecordHash(s[:])); err != nil {
				t.Fatalf("%d of %d: %v", i, n, err)
			}
		}
	}
	if root.Of(nil) != root.Of([]root.Hash{}) {
		t.Error("the root of none differs")
	}
}

func TestWrongProofsAreRefused(t *testing.T) {
	segments := hashes(13)
	top, proof := root.Of(segments), root.Proof(segments, 6)
	changed := slices.Clone(proof)
	changed[1][0] ^= 1
	for name, err := range map[string]error{
		"another segment":  root.Verify(top, 13, 6, segments[7], proof),
		"another place":    root.Verify(top, 13, 7, segments[6], proof),
		"another count":    root.Verify(top, 20, 6, segments[6], proof),
		"shorter":          root.Verify(top, 13, 6, segments[6], proof[1:]),
		"longer":           root.Verify(top, 13, 6, segments[6], append(slices.Clone(proof), root.Hash{})),
		"changed":          root.Verify(top, 13, 6, segments[6], changed),
		"none":             root.Verify(top, 13, 6, segments[6], nil),
		"beyond the end":   root.Verify(top, 13, 13, segments[6], proof),
		"before the start": root.Verify(top, 13, -1, segments[6], proof),
	} {
		if err == nil {
			t.Errorf("%s: no refusal", name)
		}
	}
}

func TestAnHourIsSigned(t *testing.T) {
	key := segment.Key(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)))
	h := root.Hour{Domain: "city.example", Camera: "square", Hour: time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC), Count: 600, Gaps: 1, Root: root.Of(hashes(600))}
	signature, err := h.Sign(key)
	if err != nil || h.Check(key.Public(), signature) != nil {
		t.Fatalf("%v, %v", err, h.Check(key.Public(), signature))
	}
	for name, change := range map[string]func(*root.Hour){
		"camera": func(h *root.Hour) { h.Camera = "bridge" }, "hour": func(h *root.Hour) { h.Hour = h.Hour.Add(time.Hour) },
		"count": func(h *root.Hour) { h.Count-- }, "gaps": func(h *root.Hour) { h.Gaps = 0 }, "root": func(h *root.Hour) { h.Root[0]++ },
	} {
		other := h
		change(&other)
		if other.Check(key.Public(), signature) == nil {
			t.Errorf("another %s passes", name)
		}
	}
}
