package segment_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"polity/recording/segment"
	"polity/recording/share"
)

var update = flag.Bool("update", false, "write the vectors anew")

// vector is testdata/vector.json: a segment's secrets, and how to make it wrong.
type vector struct {
	Recorder    string  `json:"recorder_public"`
	Private     string  `json:"recorder_seed"`
	Epoch       [2]text `json:"epoch_private"`
	Public      [2]text `json:"epoch_public_ids"`
	Key         text    `json:"key"`
	Shares      [2]text `json:"shares"`
	HeaderHash  text    `json:"header_hash"`
	SegmentHash text    `json:"segment_hash"`
	Bad         []wrong `json:"bad"`
}

type text = string

// wrong is one way to make the segment wrong: Flip inverts that byte (from the end where
// negative), Size cuts the file, Add puts bytes behind it. Keyed: only found with the key.
type wrong struct {
	Name    string `json:"name"`
	Flip    int    `json:"flip,omitempty"`
	Size    int    `json:"size,omitempty"`
	Add     string `json:"add_hex,omitempty"`
	Refusal string `json:"refusal"` // words of it
}

const vectorFile, vectorSegment = "testdata/vector.json", "testdata/whole.seg"

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	file, err := os.ReadFile(vectorSegment)
	if err != nil {
		t.Fatal(err)
	}
	var v vector
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	trust := segment.Recorders(unhex(t, v.Recorder))
	s, err := segment.Scan(bytes.NewReader(file), int64(len(file)), trust)
	if err != nil {
		t.Fatal(err)
	}
	hash := s.Header.Hash()
	if hex.EncodeToString(hash[:]) != v.HeaderHash || hex.EncodeToString(s.Hash[:]) != v.SegmentHash {
		t.Error("the hashes are others")
	}
	var shares [2]share.Key
	for i := range shares {
		private, err := share.Kem().NewPrivateKey(unhex(t, v.Epoch[i]))
		if err != nil {
			t.Fatal(err)
		}
		if shares[i], err = share.Open(private, s.Header.Context(i), s.Shares[i], s.Header.Commitments[i]); err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(shares[i][:]) != v.Shares[i] || hex.EncodeToString(s.Header.EpochKeys[i][:]) != v.Public[i] {
			t.Errorf("share %d or the id of its epoch key is another", i)
		}
	}
	if key := share.Join(&shares[0], &shares[1]); hex.EncodeToString(key[:]) != v.Key {
		t.Error("the key is another")
	}
	for _, bad := range v.Bad {
		b := bad.make(t, file)
		if _, err := segment.Scan(bytes.NewReader(b), int64(len(b)), trust); err == nil || !strings.Contains(err.Error(), bad.Refusal) {
			t.Errorf("%s: %v", bad.Name, err)
		}
	}
}

func (w *wrong) make(t *testing.T, file []byte) []byte {
	t.Helper()
	b := slices.Concat(file, unhex(t, w.Add))
	switch {
	case w.Flip > 0:
		b[w.Flip] ^= 0xff
	case w.Flip < 0:
		b[len(b)+w.Flip] ^= 0xff
	case w.Size > 0:
		b = b[:w.Size]
	}
	return b
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeVectors(t *testing.T) {
	t.Helper()
	w := newWorld(t)
	file, _ := w.seal(t, header(42, start), content(65536+500))
	s, err := segment.Scan(bytes.NewReader(file), int64(len(file)), w.trust())
	if err != nil {
		t.Fatal(err)
	}
	hash, key := s.Header.Hash(), w.key(t, s)
	v := vector{
		Recorder: hex.EncodeToString(w.recorder.Public()), Private: hex.EncodeToString(w.recorder[:32]), Key: hex.EncodeToString(key[:]),
		HeaderHash: hex.EncodeToString(hash[:]), SegmentHash: hex.EncodeToString(s.Hash[:]),
		Bad: []wrong{
			{Name: "foreign file", Flip: 1, Refusal: "no sealed segment"},
			{Name: "future version", Flip: 8, Refusal: "use a newer release"},
			{Name: "future cipher suite", Flip: 12, Refusal: "use a newer release"},
			{Name: "header changed", Flip: 30, Refusal: "header"},
			{Name: "share changed", Flip: len(s.Header.Bytes()) + 5, Refusal: "sealed share of court"},
			{Name: "body changed", Flip: len(s.Header.Bytes()) + 2*share.SealedSize + 1000, Refusal: "chunk 0 is damaged"},
			{Name: "trailer changed", Flip: -100, Refusal: "trailer's signature"},
			{Name: "trailer of another version", Flip: -segment.TrailerSize + 9, Refusal: "use a newer release"},
			{Name: "cut within the header", Size: 200, Refusal: "ends within the header"},
			{Name: "cut within the shares", Size: 2000, Refusal: "ends within the sealed shares"},
			{Name: "cut within the body", Size: 40000, Refusal: "no trailer"},
			{Name: "something added", Add: "00", Refusal: "something was added"},
		},
	}
	for i := range v.Epoch {
		private, err := w.private[i].Bytes()
		if err != nil {
			t.Fatal(err)
		}
		one, err := share.Open(w.private[i], s.Header.Context(i), s.Shares[i], s.Header.Commitments[i])
		if err != nil {
			t.Fatal(err)
		}
		v.Epoch[i], v.Shares[i], v.Public[i] = hex.EncodeToString(private), hex.EncodeToString(one[:]), hex.EncodeToString(s.Header.EpochKeys[i][:])
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	small, _ := w.seal(t, header(1, start), content(10)) // for fuzzing
	for name, b := range map[string][]byte{vectorFile: append(b, '\n'), vectorSegment: file, "testdata/small.seg": small} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
