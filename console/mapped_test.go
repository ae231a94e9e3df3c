package console

import (
	"bytes"
	"compress/gzip"
	"testing"
	"testing/fstest"
)

func packed(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestMappedCamerasAreRead(t *testing.T) {
	all, err := ReadMapped(fstest.MapFS{"cameras.geojson.gz": {Data: packed(t, `{"features":[{"id":7,"geometry":{"coordinates":[24.9,60.1]},"properties":null},{"id":8,"geometry":{"coordinates":[24.9,60.1]},"properties":{"kind":"dome","heading":90}}]}`)}})
	if err != nil || len(all) != 2 || all[0].Heading != -1 || all[1].Heading != 90 || all[1].Kind != "dome" {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err := ReadMapped(fstest.MapFS{}); err != nil || all != nil {
		t.Errorf("no file: %v, %v", all, err)
	}
	for _, bad := range []string{"x", `{"features":[{"id":7,"geometry":{"coordinates":[24.9,260.1]}}]}`} {
		if _, err := ReadMapped(fstest.MapFS{"cameras.geojson.gz": {Data: packed(t, bad)}}); err == nil {
			t.Errorf("%s: accepted", bad)
		}
	}
}
