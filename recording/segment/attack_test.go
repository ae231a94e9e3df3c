package segment_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"polity/city"
	"polity/internal/attack"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
)

// TestAttackSegmentForged: an officer who was given a segment's key writes other pictures
// under its header.
func TestAttackSegmentForged(t *testing.T) {
	attack.Tell(t, "segment-forged",
		"An officer who was given a segment's key encrypts other pictures under its header, with the trailer as it was and with one signed by a key of theirs.",
		"The recorder signed the hash of the ciphertext, so other bytes pass under no key.")
	w := newWorld(t)
	file, _ := w.seal(t, header(1, start), content(65536))
	s, err := segment.Scan(bytes.NewReader(file), int64(len(file)), w.trust())
	if err != nil {
		t.Fatal(err)
	}
	key := w.key(t, s)
	front := file[:len(file)-segment.TrailerSize-frame]
	body := segment.Encrypt(t, s.Header, &key, []byte("somebody else walks by"))
	for name, forged := range map[string][]byte{
		"the trailer as it was":        slices.Concat(front, body, file[len(file)-segment.TrailerSize:]),
		"a trailer by another's key":   segment.Resign(t, front, body, recordtest.Recorder(9)),
		"as many bytes, other content": slices.Concat(front, segment.Encrypt(t, s.Header, &key, bytes.Repeat([]byte("x"), 65536)), file[len(file)-segment.TrailerSize:]),
	} {
		if _, err := segment.Scan(bytes.NewReader(forged), int64(len(forged)), w.trust()); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAttackSegmentRelabelled: somebody passes one camera's or time's segment for
// another's, even with the recorder's signing key.
func TestAttackSegmentRelabelled(t *testing.T) {
	attack.Tell(t, "segment-relabelled",
		"A segment is passed for one of another camera, first by changing its label, then with the recorder's stolen signing key.",
		"The label is signed; signed anew, neither half nor any chunk opens under it, since both are bound to camera and header.")
	w := newWorld(t)
	file, _ := w.seal(t, header(1, start), content(100))
	changed := bytes.Replace(file, []byte("\x06square"), []byte("\x06bridge"), 1)
	if _, err := segment.Scan(bytes.NewReader(changed), int64(len(changed)), w.trust()); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("another camera's name: %v", err)
	}
	// With the signing key the label can be signed anew; the shares and tags know better.
	s, err := segment.Scan(bytes.NewReader(file), int64(len(file)), w.trust())
	if err != nil {
		t.Fatal(err)
	}
	relabelled := *s.Header
	relabelled.Camera = "bridge"
	for i := range share.Bodies {
		if _, err := share.Open(w.private[i], relabelled.Context(i), s.Shares[i], relabelled.Commitments[i]); city.KindOf(err) != city.Invalid {
			t.Errorf("the share of %s opens as that of another camera: %v", share.Bodies[i], err)
		}
	}
	key := w.key(t, s)
	front := segment.Relabel(t, s, "bridge", w.recorder)
	at := len(s.Header.Bytes()) + 2*share.SealedSize
	forged := segment.Resign(t, front, file[at:len(file)-segment.TrailerSize], w.recorder)
	if _, err := segment.Scan(bytes.NewReader(forged), int64(len(forged)), w.trust()); err != nil {
		t.Fatalf("the forgery is not good enough: %v", err)
	}
	r, err := segment.Open(bytes.NewReader(forged), int64(len(forged)), &key, w.trust())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := r.Read(make([]byte, 10)); n > 0 || err == nil || !strings.Contains(err.Error(), "not genuine") {
		t.Errorf("read %d bytes as another camera's, %v", n, err)
	}
}
