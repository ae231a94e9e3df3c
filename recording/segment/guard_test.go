package segment_test

import (
	"bytes"
	"testing"

	"polity/city"
	"polity/recording/segment"
)

func TestAGuardSignsForItsCameraOnly(t *testing.T) {
	w := newWorld(t)
	guard := &segment.Guard{Domain: "city.example", Camera: "square", By: w.recorder}
	var file bytes.Buffer
	s, err := segment.Seal(&file, header(3, start), w.keys, guard)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(content(10)); err != nil {
		t.Fatal(err)
	}
	trailer, err := s.Close(start, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := segment.Scan(bytes.NewReader(file.Bytes()), int64(file.Len()), w.trust()); err != nil {
		t.Fatal(err)
	}
	other := header(4, start)
	other.Camera = "bridge"
	foreign := header(4, start)
	foreign.Domain = "other.example"
	for name, h := range map[string]segment.Header{"another camera": other, "another city": foreign, "an earlier segment": header(2, start)} {
		if _, err := segment.Seal(&file, h, w.keys, guard); city.KindOf(err) != city.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
	unsigned := trailer.Bytes()[:segment.TrailerSize-64]
	for name, message := range map[string][]byte{
		"anything":         []byte("polity/roster/v1\n"),
		"nothing":          nil,
		"a second trailer": append([]byte("polity/segment-trailer/v1\n"), unsigned...),
		"half a header":    []byte("polity/segment-header/v1\nPOLSEG\r\n"),
	} {
		if _, err := guard.Sign(message); city.KindOf(err) != city.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}
